//! `x2godirector ssh-frontend`: what X2Go Client runs on the broker's machine, by a login shell or as the command that
//! sshd forces. It only passes words on and prints the answer; it runs no shell, and it never prints nothing.

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use super::{EXIT_FAILURE, EXIT_USAGE, complain};
use crate::app::core_dumps;
use crate::ssh::{DEFAULT_SOCKET, ask};
use crate::wire::Reply;
use crate::wire::ssh::{Command, PROBE_ANSWER, client_address, encode};

/// The program under this name is this command.
const PROGRAM: &str = "x2godirector-ssh";
/// What sshd was asked to run where it runs a forced command (sshd(8)).
const ORIGINAL_COMMAND: &str = "SSH_ORIGINAL_COMMAND";
/// Where the client is (ssh(1)).
const CONNECTION: &str = "SSH_CONNECTION";
/// What somebody sees who logs in by hand.
const GREETING: &str = "This account lists and starts X2Go sessions. Give its address to X2Go Client:\n\
                        x2goclient --broker-url=ssh://USER@HOST/usr/bin/x2godirector-ssh\n";

/// Arguments of `ssh-frontend`.
#[derive(Debug, Args)]
#[command(disable_version_flag = true)]
pub(super) struct SshFrontend {
    /// The daemon's SSH socket
    #[arg(long, value_name = "PATH", env = "X2GODIRECTOR__SSH__SOCKET", default_value = DEFAULT_SOCKET)]
    socket: PathBuf,
    /// What X2Go Client writes behind the command's name; left out, what it asked sshd to run
    #[arg(value_name = "WORD", trailing_var_arg = true, allow_hyphen_values = true)]
    words: Vec<OsString>,
}

/// The arguments of the program as if the command had been spelt out, for the name that says which it is.
pub(super) fn spelt_out(arguments: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = arguments.into_iter().collect();
    let named = arguments
        .first()
        .is_some_and(|program| Path::new(program).file_name().is_some_and(|name| name == PROGRAM));
    if named {
        arguments.splice(1..1, ["ssh-frontend", "--"].map(OsString::from));
    }
    arguments
}

impl SshFrontend {
    /// Asks the daemon and prints its answer; where there is none, a refusal.
    pub(super) fn run(self) -> ExitCode {
        if let Err(error) = core_dumps::forbid() {
            return refuse(&error, EXIT_FAILURE);
        }
        if !self.words.is_empty() {
            let words: Result<_, _> = self.words.into_iter().map(OsString::into_string).collect();
            return match words {
                Ok(words) => answer(&self.socket, words, ["", ""]),
                Err(_) => refuse(&"an argument is not UTF-8", EXIT_USAGE),
            };
        }
        let Some(command) = std::env::var_os(ORIGINAL_COMMAND) else {
            return print(&[GREETING], EXIT_USAGE);
        };
        match command.to_str().and_then(Command::read) {
            Some(Command::Probe) => print(&[PROBE_ANSWER], 0),
            Some(Command::Request { words, marks }) => {
                let [before, behind] = &marks.lines();
                answer(&self.socket, words, [before, behind])
            }
            None => refuse(
                &"this account runs nothing but the requests of X2Go Client",
                EXIT_USAGE,
            ),
        }
    }
}

/// Prints the daemon's answer between two lines.
fn answer(socket: &Path, words: Vec<String>, [before, behind]: [&str; 2]) -> ExitCode {
    let client = std::env::var(CONNECTION).ok();
    let client = client.as_deref().and_then(client_address);
    match ask(socket, words, client) {
        Ok(text) => print(&[before, &text, behind], 0),
        Err(error) => {
            complain(&error, EXIT_FAILURE);
            print(&[before, &refusal(), behind], EXIT_FAILURE)
        }
    }
}

/// Refuses, and says why to whoever looks.
fn refuse(why: &dyn std::fmt::Display, exit: u8) -> ExitCode {
    complain(&why, exit);
    print(&[&refusal()], exit)
}

fn refusal() -> String {
    String::from_utf8_lossy(&encode(&Reply::Refused)).into_owned()
}

fn print(parts: &[&str], exit: u8) -> ExitCode {
    match io::stdout().write_all(parts.concat().as_bytes()) {
        Ok(()) => ExitCode::from(exit),
        Err(error) => complain(&format_args!("standard output: {error}"), EXIT_FAILURE),
    }
}
