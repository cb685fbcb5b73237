//! What all commands share that ask the running daemon.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use super::format::Format;
use super::{EXIT_FAILURE, complain};
use crate::admin::{Answer, Client, ClientError, DEFAULT_SOCKET, Request};

/// Where the daemon is asked.
#[derive(Debug, Args)]
pub(super) struct AdminSocket {
    /// The daemon's admin socket
    #[arg(
        long,
        global = true,
        value_name = "PATH",
        env = "X2GODIRECTOR__SERVER__ADMIN_SOCKET",
        default_value = DEFAULT_SOCKET
    )]
    socket: PathBuf,
}

/// Where the daemon is asked, and how its answer is printed.
#[derive(Debug, Args)]
pub(super) struct Asking {
    #[command(flatten)]
    socket: AdminSocket,
    /// For eyes or for programs
    #[arg(long, global = true, value_enum, default_value_t = Format::Text)]
    format: Format,
}

impl AdminSocket {
    /// Asks the daemon.
    ///
    /// # Errors
    /// Says why there is no answer.
    pub(super) fn ask(&self, request: &Request) -> Result<Answer, ClientError> {
        Client::new(self.socket.clone()).ask(request)
    }
}

impl Asking {
    /// Asks, prints the answer, as JSON or by `text`, and succeeds; says why there is none otherwise. `pick` takes
    /// the answer that belongs to the request.
    pub(super) fn run<T: Serialize>(
        &self,
        request: &Request,
        pick: impl FnOnce(Answer) -> Option<T>,
        text: impl FnOnce(&T) -> String,
    ) -> ExitCode {
        self.run_and_judge(request, pick, text, |_| true)
    }

    /// Like [`Asking::run`], where the answer itself can say that something failed.
    pub(super) fn run_and_judge<T: Serialize>(
        &self,
        request: &Request,
        pick: impl FnOnce(Answer) -> Option<T>,
        text: impl FnOnce(&T) -> String,
        is_good: impl FnOnce(&T) -> bool,
    ) -> ExitCode {
        let answer = match self.socket.ask(request) {
            Ok(answer) => answer,
            Err(error) => return complain(&error, EXIT_FAILURE),
        };
        let Some(answer) = pick(answer) else {
            return complain(&"the daemon answered something else", EXIT_FAILURE);
        };
        let printed = match self.format {
            Format::Text => Ok(text(&answer)),
            Format::Json => serde_json::to_string_pretty(&answer).map(|json| json + "\n"),
        };
        let written = printed
            .map_err(io::Error::from)
            .and_then(|text| io::stdout().write_all(self.format.printed(&text).as_bytes()));
        match written {
            Ok(()) if is_good(&answer) => ExitCode::SUCCESS,
            Ok(()) => ExitCode::from(EXIT_FAILURE),
            Err(error) => complain(&format_args!("standard output: {error}"), EXIT_FAILURE),
        }
    }
}
