//! `x2godirector tickets`: who is logged in where, and ending that.

use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::asking::Asking;
use super::table::{Table, to_the_second};
use crate::admin::{Answer, Request, Revoked, Tickets as Report};

/// Arguments of `tickets`.
#[derive(Debug, Args)]
pub(super) struct Tickets {
    #[command(subcommand)]
    what: Option<What>,
    #[command(flatten)]
    asking: Asking,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Show who has tickets (the same as without a word)
    List,
    /// End all tickets of a user
    ///
    /// Their clients have to show a password to the directory again. Sessions that run are not touched.
    Revoke {
        /// The user, as `tickets` lists them, with or without the source
        user: String,
    },
}

impl Tickets {
    /// Lists tickets, or ends some.
    pub(super) fn run(self) -> ExitCode {
        match self.what {
            None | Some(What::List) => {
                let pick = |answer| match answer {
                    Answer::Tickets(tickets) => Some(tickets),
                    _ => None,
                };
                self.asking.run(&Request::Tickets, pick, text)
            }
            Some(What::Revoke { user }) => {
                let pick = |answer| match answer {
                    Answer::Revoked(revoked) => Some(revoked),
                    _ => None,
                };
                self.asking
                    .run(&Request::RevokeTickets { user }, pick, revoked_text)
            }
        }
    }
}

fn text(report: &Report) -> String {
    let mut table = Table::new(["ACCOUNT", "DOOR", "CLIENT", "LOGIN", "LAST USED", "EXPIRES"]);
    for account in &report.accounts {
        for ticket in &account.tickets {
            table.row([
                account.account.clone(),
                ticket.door.clone(),
                ticket.client.clone().unwrap_or_else(|| "any".to_owned()),
                to_the_second(&ticket.login),
                to_the_second(&ticket.used),
                to_the_second(&ticket.expires),
            ]);
        }
    }
    match report.left_out {
        0 => table.to_string(),
        left_out => format!("{table}and those of {left_out} more accounts\n"),
    }
}

fn revoked_text(revoked: &Revoked) -> String {
    match revoked.accounts.as_slice() {
        [] => "nobody of that name has a ticket\n".to_owned(),
        accounts => format!("{} tickets of {} ended\n", revoked.tickets, accounts.join(", ")),
    }
}
