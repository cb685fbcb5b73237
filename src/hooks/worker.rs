//! The worker: takes questions from the daemon and has programs answer them.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use nix::unistd::{Uid, User};
use tokio::io::AsyncReadExt;
use tokio::net::UnixStream;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::message::{Asked, QUESTION_BYTES_MAX, Told};
use super::program;
use super::question::Moment;
use super::settings::Settings;
use super::trust::{Distrust, trusted};
use crate::worker_socket::{Listener, frame};

/// How long a whole question may take to arrive, and its answer to leave.
const TRANSFER_TIMEOUT: Duration = Duration::from_secs(5);
/// How long to wait when no connection can be taken, which is so when descriptors run out.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// A worker that is ready to serve.
#[derive(Debug)]
pub struct Worker {
    listener: Listener,
    desk: Arc<Desk>,
}

/// What all connections share.
#[derive(Debug)]
struct Desk {
    settings: Settings,
    /// Programs that may run now.
    running: Semaphore,
    /// Questions that may be here, running or waiting.
    present: Semaphore,
}

/// Why the worker does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// It is somebody else than the user that programs shall run as.
    #[error(
        "hooks run as the user `{wanted}` and this process runs as {is}; start it as `{wanted}`, or name another in [hooks] user"
    )]
    Somebody {
        /// The user of the configuration.
        wanted: String,
        /// The user of this process.
        is: String,
    },
    /// Nobody has a say.
    #[error("[hooks] names no program, so there is nothing to run")]
    Nothing,
    /// A program is not one to be run.
    #[error("[hooks.{moment}] program: {why}")]
    Program {
        /// Its moment.
        moment: &'static str,
        /// What is wrong with it.
        why: Distrust,
    },
    /// The socket, or the user database.
    #[error("the socket cannot be listened on: {0}")]
    System(#[from] io::Error),
}

impl Worker {
    /// Looks at the programs and listens. Must be called within a Tokio runtime.
    ///
    /// # Errors
    /// What stops it, in the admin's words.
    pub fn start(settings: Settings) -> Result<Self, StartError> {
        require_user(&settings.user)?;
        if settings.programs.is_empty() {
            return Err(StartError::Nothing);
        }
        for moment in Moment::ALL {
            if let Some(program) = settings.programs.of(moment) {
                trusted(&program.file).map_err(|why| StartError::Program {
                    moment: moment.as_str(),
                    why,
                })?;
            }
        }
        let listener = Listener::open(&settings.socket, &settings.daemon_user)?;
        let desk = Desk {
            running: Semaphore::new(settings.at_once),
            present: Semaphore::new(settings.at_once.saturating_mul(2)),
            settings,
        };
        Ok(Self {
            listener,
            desk: Arc::new(desk),
        })
    }

    /// Serves until `stop` ends, then finishes the questions that it has. Programs are killed at their deadlines, as ever.
    pub async fn serve(self, stop: impl Future<Output = ()>) {
        tokio::pin!(stop);
        let mut answering = JoinSet::new();
        loop {
            tokio::select! {
                () = &mut stop => break,
                Some(_) = answering.join_next() => {}
                accepted = self.listener.accept() => match accepted {
                    Ok(Some(stream)) => {
                        answering.spawn(Arc::clone(&self.desk).serve(stream));
                    }
                    Ok(None) => {}
                    Err(error) => {
                        tracing::warn!(%error, "a connection cannot be taken");
                        sleep(ACCEPT_RETRY).await;
                    }
                },
            }
        }
        drop(self.listener);
        let limit = self.desk.settings.longest_step() + TRANSFER_TIMEOUT;
        let finished = async { while answering.join_next().await.is_some() {} };
        if timeout(limit, finished).await.is_err() {
            tracing::warn!("questions under way are given up");
        }
    }
}

impl Desk {
    /// Answers the one question of a connection.
    async fn serve(self: Arc<Self>, mut stream: UnixStream) {
        let told = match self.present.try_acquire() {
            Err(_) => Told::Failed("too many programs run already, and too many questions wait".to_owned()),
            Ok(_present) => {
                let body = timeout(TRANSFER_TIMEOUT, frame::read(&mut stream, QUESTION_BYTES_MAX)).await;
                let Ok(Ok(body)) = body else {
                    // A connection that was only tried, or is broken.
                    return;
                };
                let mut byte = [0];
                tokio::select! {
                    told = self.answer(&body) => told,
                    // Nothing more is sent on a connection, so this is its end: nobody waits for the answer.
                    _ = stream.read(&mut byte) => return,
                }
            }
        };
        // Fails if the daemon went away, which then goes by what is configured for a failure.
        let _ = timeout(TRANSFER_TIMEOUT, frame::write(&mut stream, &told.encode())).await;
    }

    async fn answer(&self, body: &[u8]) -> Told {
        let asked = match Asked::decode(body) {
            Ok(asked) => asked,
            Err(error) => return Told::Failed(format!("the question cannot be read: {error}")),
        };
        let program = Moment::from_word(&asked.moment).and_then(|moment| self.settings.programs.of(moment));
        let Some(program) = program else {
            return Told::Failed(format!(
                "the worker knows no program for [hooks.{}]; restart it after a change",
                asked.moment.escape_debug()
            ));
        };
        // Closed never.
        let Ok(_running) = self.running.acquire().await else {
            return Told::Failed("the worker stops".to_owned());
        };
        match program::run(program, &asked.input).await {
            Ok(written) => Told::Wrote(written),
            Err(error) => Told::Failed(format!("{}: {error}", program.file.display())),
        }
    }
}

/// Programs get the rights of this process, so it must be the one that the admin means.
fn require_user(wanted: &str) -> Result<(), StartError> {
    let own = Uid::effective();
    let user = User::from_name(wanted).map_err(io::Error::from)?;
    if !own.is_root() && user.is_some_and(|user| user.uid == own) {
        return Ok(());
    }
    let is = match User::from_uid(own) {
        Ok(Some(user)) => format!("`{}`", user.name),
        _ => format!("uid {own}"),
    };
    Err(StartError::Somebody {
        wanted: wanted.to_owned(),
        is,
    })
}
