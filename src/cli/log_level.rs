//! `x2godirector log-level`: what the daemon logs.

use std::process::ExitCode;

use clap::Args;

use super::asking::Asking;
use crate::admin::{Answer, LogLevel as Report, Request};

/// Arguments of `log-level`.
#[derive(Debug, Args)]
pub(super) struct LogLevel {
    /// What to log until the daemon is restarted, like `debug` or `info,x2godirector::directory=trace`; left out,
    /// what is logged now is shown
    filter: Option<String>,
    #[command(flatten)]
    asking: Asking,
}

impl LogLevel {
    /// Changes it or shows it.
    pub(super) fn run(self) -> ExitCode {
        let pick = |answer| match answer {
            Answer::LogLevel(report) => Some(report),
            _ => None,
        };
        let request = Request::LogLevel { filter: self.filter };
        self.asking
            .run(&request, pick, |Report { filter }| format!("{filter}\n"))
    }
}
