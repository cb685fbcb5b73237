//! The agent of one machine: whether it answers, and how busy the machine is, asked in the background.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::{sleep, timeout};

use super::disbelief::{Disbelieved, Spoken, Witness, WrongLines};
use super::health::{Health, jittered};
use crate::agent::{Agent, AgentError, Load};
use crate::model::{Machine, Now, SessionUser};

/// Time between two questions to a machine whose agent answers.
const INTERVAL: Duration = Duration::from_secs(30);
/// Time until the next one after one that had no answer.
const RETRY: Duration = Duration::from_secs(5);
/// Longest wait for an answer; agents have a deadline of their own, which is usually sooner.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// Questions in a row without an answer after which the agent counts as silent.
const UNANSWERED_MAX: u32 = 3;

/// What the agent of a machine told, and whether it still answers.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Told {
    /// Questions of the background in a row that had no answer.
    unanswered: u32,
    /// Whether the last question of all had none.
    pub in_doubt: bool,
    /// Why the last question had no answer, or none with a meaning.
    pub trouble: Option<String>,
    /// How busy the machine was, and when.
    pub load: Option<(Load, Now)>,
}

impl Told {
    /// Whether the agent has not answered for several questions: a machine that takes connections and does nothing
    /// with them looks like this.
    pub fn is_silent(&self) -> bool {
        self.unanswered >= UNANSWERED_MAX
    }
}

/// A machine whose agent is asked.
#[derive(Debug)]
pub(super) struct AskedMachine {
    pub machine: Machine,
    pub agent: Arc<dyn Agent>,
    /// What the log calls it.
    names: String,
    health: watch::Receiver<Health>,
    told: watch::Sender<Told>,
    /// Somebody else's question had no answer.
    doubted: Notify,
    witness: Witness,
    spoken: Spoken,
}

impl AskedMachine {
    /// A machine of which `told` is known already.
    pub fn new(
        machine: Machine,
        agent: Arc<dyn Agent>,
        names: String,
        health: watch::Receiver<Health>,
        told: Told,
        witness: Witness,
    ) -> Self {
        Self {
            machine,
            agent,
            names,
            health,
            told: watch::Sender::new(told),
            doubted: Notify::new(),
            witness,
            spoken: Spoken::default(),
        }
    }

    /// What is known of the agent; not to be held over an await.
    pub fn told(&self) -> watch::Ref<'_, Told> {
        self.told.borrow()
    }

    /// What is known of it now and from now on.
    pub fn subscribe(&self) -> watch::Receiver<Told> {
        self.told.subscribe()
    }

    /// Whether a question is likely to have an answer: the machine takes connections, and the last question had one.
    pub fn answers(&self) -> bool {
        *self.health.borrow() == Health::Up && !self.told.borrow().in_doubt
    }

    /// Awaits the answer to a question, at most [`ANSWER_TIMEOUT`], and notes whether there was one.
    ///
    /// # Errors
    /// Those of the agent; [`AgentError::Silent`] when the time is over.
    pub async fn answer<T>(
        &self,
        question: impl Future<Output = Result<T, AgentError>>,
    ) -> Result<T, AgentError> {
        let answer = in_time(question).await;
        match answered(&answer) {
            Some(true) => self.note_answer(),
            Some(false) => {
                self.told
                    .send_if_modified(|told| !std::mem::replace(&mut told.in_doubt, true));
                self.doubted.notify_one();
            }
            None => {}
        }
        answer
    }

    /// Asks for ever how busy the machine is while it takes connections, and at once when somebody's question had no
    /// answer.
    pub async fn keep_asking(self: Arc<Self>, clock: fn() -> Now) {
        let mut health = self.health.clone();
        // The machines of a farm are not asked all at once.
        let mut pause = INTERVAL.mul_f64(rand::random_range(0.0..1.0));
        if self.told.borrow().load.is_none() {
            pause /= 10;
        }
        loop {
            tokio::select! {
                () = sleep(pause) => {}
                () = self.doubted.notified() => {}
            }
            // An error means that the probing task is gone, and this one goes with it.
            if health.wait_for(|health| *health == Health::Up).await.is_err() {
                return;
            }
            let asked = clock();
            let load = in_time(self.agent.load(&self.machine)).await;
            pause = jittered(if answered(&load) == Some(false) {
                RETRY
            } else {
                INTERVAL
            });
            self.note_load(load, asked);
        }
    }

    /// Says what it told of a user's sessions that is not believed, where that is news.
    pub fn disbelieve(&self, user: &SessionUser, what: WrongLines) {
        if what.is_empty() || !self.spoken.is_news(user, what) {
            return;
        }
        self.witness.tell(Disbelieved {
            host: self.names.clone(),
            user: user.clone(),
            what,
        });
    }

    /// Says that a name was told of which no host has.
    pub fn log_stranger(&self, server: &str) {
        tracing::warn!(
            host = self.names,
            server,
            "host tells of a server that is no host's name; write that name as `hostname` of the host which it is"
        );
    }

    fn note_load(&self, load: Result<Load, AgentError>, asked: Now) {
        match answered(&load) {
            Some(true) => self.note_answer(),
            Some(false) => self.note_silence(),
            None => {}
        }
        self.told.send_modify(|told| match load {
            Ok(load) => {
                told.trouble = None;
                told.load = Some((load, asked));
            }
            Err(error) => told.trouble = Some(error.to_string()),
        });
    }

    fn note_answer(&self) {
        if self.told.borrow().is_silent() {
            tracing::info!(host = self.names, "agent answers");
        }
        self.told.send_if_modified(|told| {
            let news = told.in_doubt || told.unanswered > 0;
            (told.in_doubt, told.unanswered) = (false, 0);
            news
        });
    }

    fn note_silence(&self) {
        let was_silent = self.told.borrow().is_silent();
        self.told.send_modify(|told| {
            told.in_doubt = true;
            told.unanswered = told.unanswered.saturating_add(1);
        });
        if !was_silent && self.told.borrow().is_silent() {
            tracing::warn!(
                host = self.names,
                "agent does not answer; nothing starts there while other hosts of the farm answer"
            );
        }
    }
}

/// The answer to a question, or [`AgentError::Silent`].
async fn in_time<T>(question: impl Future<Output = Result<T, AgentError>>) -> Result<T, AgentError> {
    timeout(ANSWER_TIMEOUT, question)
        .await
        .unwrap_or(Err(AgentError::Silent(ANSWER_TIMEOUT)))
}

/// Whether the agent answered at all; none if that is not known, for it was never asked.
fn answered<T>(answer: &Result<T, AgentError>) -> Option<bool> {
    match answer {
        Ok(_) | Err(AgentError::NoSuchUser(_) | AgentError::Refused(_) | AgentError::Garbled(_)) => {
            Some(true)
        }
        Err(AgentError::Unreachable(_) | AgentError::Silent(_) | AgentError::Lost(_)) => Some(false),
        Err(AgentError::Busy) => None,
    }
}
