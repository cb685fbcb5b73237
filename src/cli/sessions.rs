//! `x2godirector sessions`: the sessions that the broker knows of.

use std::process::ExitCode;

use clap::Args;

use super::asking::Asking;
use super::table::{Table, age};
use crate::admin::{Answer, Request, Sessions as Report};

/// Arguments of `sessions`.
#[derive(Debug, Args)]
pub(super) struct Sessions {
    /// Only those of this user: the name on the hosts, or the one of the directory
    #[arg(long)]
    user: Option<String>,
    #[command(flatten)]
    asking: Asking,
}

impl Sessions {
    /// Prints them.
    pub(super) fn run(self) -> ExitCode {
        let pick = |answer| match answer {
            Answer::Sessions(sessions) => Some(sessions),
            _ => None,
        };
        self.asking
            .run(&Request::Sessions { user: self.user }, pick, text)
    }
}

fn text(report: &Report) -> String {
    let mut table = Table::new(["FARM", "HOST", "USER", "ACCOUNT", "STATE", "AGE", "SESSION"]);
    for session in &report.sessions {
        let cell = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
        table.row([
            session.farm.clone(),
            session.host.clone(),
            cell(&session.user),
            cell(&session.account),
            session.state.clone(),
            age(session.age_s),
            cell(&session.session),
        ]);
    }
    match report.left_out {
        0 => table.to_string(),
        left_out => format!("{table}and {left_out} more sessions\n"),
    }
}
