//! The `x2godirector-host` program: what runs on an X2Go server, and nothing of the broker.

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use super::{authorized_keys, host_agent, read};
use crate::model::version;

/// The program under this name is the command `agent`: a forced command and `[agent] command` are one word each.
const AGENT: &str = "agent";

/// What an X2Go server does for the session broker X2Go Director.
#[derive(Debug, Parser)]
#[command(name = "x2godirector-host", version = version(), propagate_version = true)]
pub(super) struct HostArguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print the keys that open an account on this X2Go host now
    ///
    /// For sshd (`AuthorizedKeysCommand`): asks the broker, which knows this host by a credential. Prints nothing for
    /// accounts of the system, whenever anything goes wrong, and while the configuration names no broker.
    AuthorizedKeys(authorized_keys::AuthorizedKeys),
    /// Run a task of x2gobroker-agent that the broker asks for
    ///
    /// The command that sshd forces for the broker's key. Takes what was asked from SSH_ORIGINAL_COMMAND: a known task with
    /// words that mean nothing to a shell, and runs the agent with them. Everything else is refused.
    Agent(host_agent::HostAgent),
}

/// Runs the command that the arguments name and gives the program's exit code.
pub fn run_on_host(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: HostArguments = match read(spelt_out(arguments)) {
        Ok(arguments) => arguments,
        Err(code) => return code,
    };
    match arguments.command {
        Command::AuthorizedKeys(keys) => keys.run(),
        Command::Agent(agent) => agent.run(),
    }
}

/// The arguments as if the command had been spelt out, for the name that says which it is.
fn spelt_out(arguments: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = arguments.into_iter().collect();
    let named = arguments
        .first()
        .is_some_and(|program| Path::new(program).file_name().is_some_and(|name| name == AGENT));
    if named {
        arguments.insert(1, AGENT.into());
    }
    arguments
}
