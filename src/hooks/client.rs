//! The daemon's side: asks the worker over its socket, each question on a connection of its own.

use std::hash::{BuildHasher, RandomState};

use tokio::sync::{Mutex, Semaphore};
use tokio::time::timeout;

use super::message::{Asked, TOLD_BYTES_MAX, Told};
use super::question::{Moment, Question};
use super::settings::{OnFailure, Program, Settings};
use super::verdict::Verdict;
use crate::worker_socket::Client as SocketClient;

/// Askers that may ask at the same time. Those that share a turn wait for each other.
const TURNS: usize = 64;

/// Asks the programs of a configuration. One asker has one question under way: whoever sends many requests waits for
/// their own programs and takes the places of nobody else.
#[derive(Debug)]
pub struct Client {
    settings: Settings,
    socket: SocketClient,
    turns: [Mutex<()>; TURNS],
    /// As many as the worker runs at once.
    places: Semaphore,
    hasher: RandomState,
}

/// A program gave no answer, and its request may not go on without one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("hook {moment}: {cause}")]
pub struct HookFailed {
    /// Whose program it is.
    pub moment: &'static str,
    /// Why, in the admin's words.
    pub cause: String,
}

impl Client {
    /// A client of these programs; none where there are no programs.
    pub fn new(settings: Settings) -> Option<Self> {
        (!settings.programs.is_empty()).then(|| Self {
            turns: [const { Mutex::const_new(()) }; TURNS],
            places: Semaphore::new(settings.at_once),
            hasher: RandomState::new(),
            socket: SocketClient::new(settings.socket.clone()),
            settings,
        })
    }

    /// Whether somebody has a say at this moment: only then is a question worth making.
    pub fn asks(&self, moment: Moment) -> bool {
        self.settings.programs.of(moment).is_some()
    }

    /// What the program of this moment says; the empty verdict where there is none, and where one gave no answer that
    /// may be done without.
    ///
    /// # Errors
    /// It gave no answer, and `on_failure` is to refuse.
    pub async fn ask(&self, question: &Question) -> Result<Verdict, HookFailed> {
        let moment = question.moment();
        let Some(program) = self.settings.programs.of(moment) else {
            return Ok(Verdict::default());
        };
        let cause = match self.answer(program, question).await {
            Ok(verdict) => return Ok(verdict),
            Err(cause) => cause,
        };
        match program.on_failure {
            OnFailure::Ignore => {
                tracing::warn!(
                    hook = moment.as_str(),
                    cause,
                    "a hook gave no answer and is passed over"
                );
                Ok(Verdict::default())
            }
            OnFailure::Refuse => {
                tracing::error!(hook = moment.as_str(), cause, "a hook gave no answer");
                Err(HookFailed {
                    moment: moment.as_str(),
                    cause,
                })
            }
        }
    }

    async fn answer(&self, program: &Program, question: &Question) -> Result<Verdict, String> {
        let input = serde_json::to_string(question).map_err(|error| error.to_string())?;
        let asked = Asked {
            moment: question.moment().as_str().to_owned(),
            input: input + "\n",
        };
        let limit = program.longest_answer();
        let told = timeout(limit, self.exchange_in_turn(question.asker(), &asked))
            .await
            .unwrap_or_else(|_| {
                let socket = self.socket.socket().display();
                Err(format!("{socket}: no answer within {limit:?}"))
            });
        match told? {
            Told::Wrote(answer) => Verdict::read(answer.as_bytes())
                .map_err(|error| format!("{}: {error}", program.file.display())),
            Told::Failed(cause) => Err(cause),
        }
    }

    /// One question and its answer, when it is the asker's turn and there is a place.
    async fn exchange_in_turn(&self, asker: Option<&str>, asked: &Asked) -> Result<Told, String> {
        let turn = self.hasher.hash_one(asker) as usize % TURNS;
        let _turn = self.turns[turn].lock().await;
        let _place = self.places.acquire().await.map_err(|error| error.to_string())?;
        self.exchange(asked).await
    }

    /// One question and its answer.
    async fn exchange(&self, asked: &Asked) -> Result<Told, String> {
        let mut taken = false;
        match self.socket.ask(&asked.encode(), TOLD_BYTES_MAX, &mut taken).await {
            Ok(told) => Told::decode(&told),
            Err(error) if error.taken => Err(error.to_string()),
            Err(error) => Err(format!("{error}; is `x2godirector hook-worker` running?")),
        }
    }
}
