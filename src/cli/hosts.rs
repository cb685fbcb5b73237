//! `x2godirector hosts`: the hosts of all farms, and what is on them.

use std::process::ExitCode;

use clap::Args;

use super::asking::Asking;
use super::table::Table;
use crate::admin::{Answer, HostReport, Request};

/// Arguments of `hosts`.
#[derive(Debug, Args)]
pub(super) struct Hosts {
    #[command(flatten)]
    asking: Asking,
}

impl Hosts {
    /// Prints them.
    pub(super) fn run(self) -> ExitCode {
        let pick = |answer| match answer {
            Answer::Hosts(hosts) => Some(hosts),
            _ => None,
        };
        self.asking.run(&Request::Hosts, pick, |hosts| text(hosts))
    }
}

fn text(hosts: &[HostReport]) -> String {
    let mut table = Table::new(["FARM", "HOST", "ADDRESS", "HEALTH", "LEASES", "WEIGHT"]);
    for host in hosts {
        table.row([
            host.farm.clone(),
            host.host.clone(),
            format!("{}:{}", host.address, host.port),
            host.health.clone(),
            host.leases.to_string(),
            host.weight.to_string(),
        ]);
    }
    table.to_string()
}
