//! `x2godirector drain` and `undrain`: hosts on which nothing new starts.

use std::process::ExitCode;

use clap::Args;

use super::asking::Asking;
use super::table::{Table, to_the_second};
use crate::admin::{Answer, DrainReport, DrainedHost, HostWish, Request, Undrained};

/// Most users named in one line of the table; `--format json` has them all.
const ACCOUNTS_SHOWN: usize = 5;

/// Arguments of `drain`.
#[derive(Debug, Args)]
pub(super) struct Drain {
    /// The host, by its name in conf.d; left out, the hosts that are drained are shown
    host: Option<String>,
    /// When the drain ends by itself, with its offset: 2026-03-02T09:00:00+01:00
    #[arg(long, value_name = "TIME", requires = "host")]
    until: Option<String>,
    /// Only in this farm; left out, in every farm that has a host of that name
    #[arg(long, value_name = "FARM", requires = "host")]
    farm: Option<String>,
    #[command(flatten)]
    asking: Asking,
}

/// Arguments of `undrain`.
#[derive(Debug, Args)]
pub(super) struct Undrain {
    /// The host, by its name in conf.d
    host: String,
    /// Only in this farm; left out, in every farm that has a host of that name
    #[arg(long, value_name = "FARM")]
    farm: Option<String>,
    #[command(flatten)]
    asking: Asking,
}

impl Drain {
    /// Drains hosts, or lists those that are drained.
    pub(super) fn run(self) -> ExitCode {
        let request = match self.host {
            None => Request::Drained,
            Some(host) => Request::Drain {
                hosts: HostWish {
                    host,
                    farm: self.farm,
                },
                until: self.until,
            },
        };
        let pick = |answer| match answer {
            Answer::Drained(drained) => Some(drained),
            _ => None,
        };
        self.asking.run(&request, pick, |drained| text(drained))
    }
}

impl Undrain {
    /// Lets hosts take sessions again.
    pub(super) fn run(self) -> ExitCode {
        let request = Request::Undrain(HostWish {
            host: self.host,
            farm: self.farm,
        });
        let pick = |answer| match answer {
            Answer::Undrained(undrained) => Some(undrained),
            _ => None,
        };
        self.asking.run(&request, pick, undrained_text)
    }
}

fn text(drained: &[DrainedHost]) -> String {
    if drained.is_empty() {
        return "no host is drained\n".to_owned();
    }
    let mut table = Table::new(["FARM", "HOST", "DRAINED BY", "UNTIL", "LOAD", "LEASES OF"]);
    for host in drained {
        table.row([
            host.farm.clone(),
            host.host.clone(),
            host.drain.by.clone(),
            until(&host.drain),
            host.load.to_string(),
            shortened(&host.accounts),
        ]);
    }
    table.to_string()
}

/// When a drain ends.
pub(super) fn until(drain: &DrainReport) -> String {
    match (&drain.until, &drain.since) {
        (Some(until), _) => to_the_second(until),
        (None, Some(_)) => "undrain".to_owned(),
        (None, None) => "-".to_owned(),
    }
}

fn shortened(accounts: &[String]) -> String {
    let shown: Vec<&str> = accounts.iter().take(ACCOUNTS_SHOWN).map(String::as_str).collect();
    match accounts.len().saturating_sub(ACCOUNTS_SHOWN) {
        _ if shown.is_empty() => "-".to_owned(),
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

fn undrained_text(undrained: &Undrained) -> String {
    format!("{} takes new sessions again\n", undrained.hosts.join(", "))
}
