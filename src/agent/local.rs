//! The program on this machine, without SSH: for a site whose broker runs on its one X2Go server.
//!
//! Debian's package lets root and the group x2gobroker run it, so the daemon's user must be in that group.

use std::io;
use std::process::Stdio;

use tokio::process::{self, Child};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, timeout_at};

use super::carrier::{Carrier, read_bounded};
use super::output::Output;
use super::turns::Turns;
use super::{AgentError, Settings};
use crate::model::Machine;

/// Where the program finds X2Go's own.
const PATH: &str = "/usr/bin:/bin";

/// The agent of this machine, whatever address it is asked for under.
#[derive(Debug)]
pub struct Local {
    settings: Settings,
    turns: Turns,
}

impl Local {
    /// Of the settings, those about SSH do not count.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            turns: Turns::new(),
        }
    }
}

impl Carrier for Local {
    fn settings(&self) -> &Settings {
        &self.settings
    }

    async fn run(&self, _machine: &Machine, words: &[&str]) -> Result<Output, AgentError> {
        let timeout = self.settings.timeout;
        let deadline = Instant::now() + timeout;
        let turn = self.turns.take(deadline).await?;
        let (program, arguments) = words.split_first().unwrap_or((&"", &[]));
        let mut child = process::Command::new(program)
            .args(arguments)
            .env_clear()
            .env("PATH", PATH)
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| AgentError::Unreachable(cannot_run(program, &error)))?;
        let (Some(stdout), Some(stderr)) = (child.stdout.take(), child.stderr.take()) else {
            return Err(AgentError::Lost("it has no output".to_owned()));
        };
        let read = timeout_at(deadline, read_bounded(stdout, stderr)).await;
        tokio::spawn(reap(child, turn));
        read.unwrap_or(Err(AgentError::Silent(timeout)))
    }
}

/// Ends what has not ended by itself, and keeps its turn until it has: the program runs as root, whom this process may
/// not be allowed to kill.
async fn reap(mut child: Child, _turn: OwnedSemaphorePermit) {
    if let Err(error) = child.start_kill() {
        tracing::debug!(%error, "the agent goes on");
    }
    if let Err(error) = child.wait().await {
        tracing::debug!(%error, "the agent was lost");
    }
}

fn cannot_run(program: &str, error: &io::Error) -> String {
    let hint = match error.kind() {
        io::ErrorKind::NotFound => "install x2gobroker-agent, or set `command` in [agent]",
        io::ErrorKind::PermissionDenied => {
            "its group may run it: put the daemon's user into the group x2gobroker and start the daemon again"
        }
        _ => "try it by hand",
    };
    format!("{program} cannot be run: {error}; {hint}")
}
