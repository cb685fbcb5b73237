//! `x2godirector throttle`: who is refused for failed logins, and ending that.

use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::asking::Asking;
use super::table::{Table, to_the_second};
use crate::admin::{Answer, Cleared, Clearing, Request, Throttled};

/// Arguments of `throttle`.
#[derive(Debug, Args)]
pub(super) struct Throttle {
    #[command(subcommand)]
    what: Option<What>,
    #[command(flatten)]
    asking: Asking,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Show what is counted, and first who is refused (the same as without a word)
    List,
    /// Forget failures, so that nobody is refused for them
    ///
    /// Where users have logged in before stays known. What happens from now on counts as ever.
    Clear(Clear),
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Clear {
    /// Those of this user, wherever they happened; a client that is refused as a whole stays refused
    user: Option<String>,
    /// Those from this client: an address, or a network as it is listed
    #[arg(long, value_name = "ADDRESS")]
    client: Option<String>,
    /// Everybody's
    #[arg(long)]
    all: bool,
}

impl Throttle {
    /// Lists counters, or forgets some.
    pub(super) fn run(self) -> ExitCode {
        match self.what {
            None | Some(What::List) => {
                let pick = |answer| match answer {
                    Answer::Throttle(throttled) => Some(throttled),
                    _ => None,
                };
                self.asking.run(&Request::Throttle, pick, text)
            }
            Some(What::Clear(clear)) => {
                let pick = |answer| match answer {
                    Answer::Cleared(cleared) => Some(cleared),
                    _ => None,
                };
                let which = match clear {
                    Clear { user: Some(user), .. } => Clearing::User(user),
                    Clear {
                        client: Some(client), ..
                    } => Clearing::Client(client),
                    Clear { .. } => Clearing::All,
                };
                self.asking
                    .run(&Request::ClearThrottle(which), pick, cleared_text)
            }
        }
    }
}

fn text(report: &Throttled) -> String {
    if report.counters.is_empty() {
        return "no failures are counted\n".to_owned();
    }
    let mut table = Table::new(["REFUSED UNTIL", "LIMIT", "USER", "CLIENT", "COUNT"]);
    for counter in &report.counters {
        let until = counter.refuses_until.as_deref();
        table.row([
            until.map_or_else(|| "not refused".to_owned(), to_the_second),
            counter.limit.clone(),
            counter.user.clone().unwrap_or_else(|| "-".to_owned()),
            counter.client.clone().unwrap_or_else(|| "-".to_owned()),
            counter.count.to_string(),
        ]);
    }
    match report.left_out {
        0 => table.to_string(),
        left_out => format!("{table}and {left_out} more\n"),
    }
}

fn cleared_text(cleared: &Cleared) -> String {
    match cleared.counters {
        0 => "nothing was counted there\n".to_owned(),
        counters => format!("{counters} counters forgotten\n"),
    }
}
