//! `x2godirector reload`: has the daemon read its configuration again.

use std::process::ExitCode;

use clap::Args;

use super::asking::Asking;
use crate::admin::{Answer, ReloadReport, Request};

/// Arguments of `reload`.
#[derive(Debug, Args)]
pub(super) struct Reload {
    #[command(flatten)]
    asking: Asking,
}

impl Reload {
    /// Succeeds (0) if the new configuration is in use, and fails (1) otherwise.
    pub(super) fn run(self) -> ExitCode {
        let pick = |answer| match answer {
            Answer::Reload(report) => Some(report),
            _ => None,
        };
        self.asking
            .run_and_judge(&Request::Reload, pick, text, |report| report.taken)
    }
}

/// What `check` prints, then what came of it.
fn text(report: &ReloadReport) -> String {
    let mut text = String::new();
    for diagnostic in &report.diagnostics {
        text += &format!("{diagnostic}\n\n");
    }
    let certificate = report.certificate.as_ref();
    let certificate = certificate.map(|doubt| format!("warning: the certificate {doubt}"));
    for line in [
        &report.summary,
        &certificate,
        &report.cause,
        &report.needs_restart,
    ]
    .into_iter()
    .flatten()
    {
        text += &format!("{line}\n");
    }
    let hash = &report.configuration;
    text + &if report.taken {
        format!("Reloaded: configuration {hash} is in use.\n")
    } else {
        format!("Not reloaded: configuration {hash} stays in use.\n")
    }
}
