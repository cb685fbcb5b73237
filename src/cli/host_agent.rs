//! `x2godirector-host agent`: what sshd runs on an X2Go host for the broker's key, whatever was asked.

use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use clap::Args;

use super::{EXIT_FAILURE, EXIT_USAGE, complain};
use crate::app::clock;
use crate::host_side::{AgentTask, key_file};

/// What sshd was asked to run where it runs a forced command (sshd(8)).
const ORIGINAL_COMMAND: &str = "SSH_ORIGINAL_COMMAND";
/// The program of Debian's package x2gobroker-agent.
const PROGRAM: &str = "/usr/lib/x2go/x2gobroker-agent";
/// Where the program finds X2Go's own.
const PATH: &str = "/usr/bin:/bin";

/// Arguments of `agent`.
#[derive(Debug, Args)]
pub(super) struct HostAgent {
    /// What this host is told
    #[arg(long, value_name = "FILE", default_value = "/etc/x2godirector/host.toml")]
    config: PathBuf,
    /// The agent
    #[arg(long, value_name = "PROGRAM", default_value = PROGRAM)]
    program: PathBuf,
}

impl HostAgent {
    /// Becomes the agent, or says why not: the broker takes anything on standard error for a failure.
    pub(super) fn run(self) -> ExitCode {
        let Some(asked) = std::env::var_os(ORIGINAL_COMMAND) else {
            return complain(
                &"this account runs tasks for the broker, and nothing was asked",
                EXIT_USAGE,
            );
        };
        let key_file = match key_file(&self.config) {
            Ok(key_file) => key_file,
            Err(error) => return complain(&error, EXIT_FAILURE),
        };
        let task = asked
            .to_str()
            .and_then(|asked| AgentTask::read(asked, &key_file, clock::now()));
        let Some(task) = task else {
            let why = "this account runs nothing but the tasks of the broker";
            return complain(&why, EXIT_USAGE);
        };
        let error = Command::new(&self.program)
            .args(task.words())
            .env_clear()
            .env("PATH", PATH)
            .current_dir("/")
            .exec();
        let program = self.program.display();
        complain(
            &format_args!("{program} cannot be run: {error}; install x2gobroker-agent"),
            EXIT_FAILURE,
        )
    }
}
