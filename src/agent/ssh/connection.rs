//! One open connection, and commands on it.

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use openssh::{Error, Session, Stdio};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

use crate::agent::AgentError;
use crate::agent::carrier::read_bounded;
use crate::agent::output::Output;

/// So many commands in a row without an answer, and the connection is given up: each may have left a session open on
/// the host, and ssh has noticed nothing.
const SILENT_MAX: u32 = 3;
/// ssh on this machine answers at once whether it lives.
const CHECK_TIMEOUT: Duration = Duration::from_secs(2);
/// What ssh(1) says for a host that opens no further session.
const REFUSED: &str = "Session open refused by peer";
/// What a shell ends with where the program is not there (POSIX, Shell Command Language, 2.8.2).
const NOT_FOUND: &str =
    "there is no such program; install x2gobroker-agent there, or set `command` in [agent]";

/// An open connection. Whoever keeps it looks at it when `suspected`.
#[derive(Debug)]
pub(super) struct Connection {
    session: Session,
    suspected: Notify,
    /// How many commands in a row had no answer.
    silent: AtomicU32,
    used: Mutex<Instant>,
}

/// Why a command has no output.
#[derive(Debug)]
pub(super) enum Fault {
    /// There was no connection any more.
    Ended,
    /// The host opens no further session on it now.
    Full(AgentError),
    /// Anything else.
    Broken(AgentError),
}

impl From<AgentError> for Fault {
    fn from(error: AgentError) -> Self {
        Self::Broken(error)
    }
}

impl Connection {
    /// The connection whose ssh listens on this socket.
    pub(super) fn at(socket: &Path) -> Self {
        Self {
            session: Session::resume_mux(socket.into(), None),
            suspected: Notify::new(),
            silent: AtomicU32::new(0),
            used: Mutex::new(Instant::now()),
        }
    }

    /// Whether ssh answers on its socket.
    pub(super) async fn is_alive(&self) -> bool {
        matches!(timeout(CHECK_TIMEOUT, self.session.check()).await, Ok(Ok(())))
    }

    /// Runs a command line of at least one word; each word reaches the program as one argument.
    pub(super) async fn run(&self, words: &[&str]) -> Result<Output, Fault> {
        *self.used.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        let (program, arguments) = words.split_first().unwrap_or((&"", &[]));
        let mut child = self
            .session
            .command(*program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .await
            .map_err(|error| self.not_begun(&error))?;
        let (Some(stdout), Some(stderr)) = (child.stdout().take(), child.stderr().take()) else {
            return Err(AgentError::Lost("it has no output".to_owned()).into());
        };
        let output = read_bounded(stdout, stderr).await?;
        match child.wait().await {
            Err(Error::Remote(_)) => Err(AgentError::Refused(NOT_FOUND.to_owned()).into()),
            Err(error) => {
                self.suspected.notify_one();
                Err(AgentError::Lost(error.to_string()).into())
            }
            Ok(_) => {
                self.silent.store(0, Ordering::Relaxed);
                Ok(output)
            }
        }
    }

    /// A command that did not begin.
    fn not_begun(&self, error: &Error) -> Fault {
        if matches!(error, Error::Disconnected) {
            return Fault::Ended;
        }
        let mut causes = vec![error.to_string()];
        let mut source = std::error::Error::source(error);
        while let Some(cause) = source {
            causes.push(cause.to_string());
            source = cause.source();
        }
        let causes = causes.join(": ");
        if causes.contains(REFUSED) {
            return Fault::Full(AgentError::Unreachable(causes));
        }
        self.was_silent();
        Fault::Broken(AgentError::Unreachable(causes))
    }

    /// A command had no answer in time.
    pub(super) fn was_silent(&self) {
        self.silent.fetch_add(1, Ordering::Relaxed);
        self.suspected.notify_one();
    }

    /// Has its keeper look at it.
    pub(super) fn suspect(&self) {
        self.suspected.notify_one();
    }

    /// Waits until somebody suspects it and it is of no more use, or nobody used it for that long.
    pub(super) async fn useless(&self, idle_max: Duration) -> &'static str {
        loop {
            let used = *self.used.lock().unwrap_or_else(PoisonError::into_inner);
            tokio::select! {
                () = self.suspected.notified() => {
                    if self.silent.load(Ordering::Relaxed) >= SILENT_MAX {
                        return "several commands in a row had no answer";
                    }
                    if !self.is_alive().await {
                        return "ssh does not answer on this machine";
                    }
                }
                () = tokio::time::sleep_until(used + idle_max) => {
                    let used = *self.used.lock().unwrap_or_else(PoisonError::into_inner);
                    if used.elapsed() >= idle_max {
                        return "nobody used it";
                    }
                }
            }
        }
    }
}
