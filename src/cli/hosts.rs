//! `x2godirector hosts`: the hosts of all farms, and what is on them.

use std::fmt::Write;
use std::process::ExitCode;

use clap::Args;

use super::asking::Asking;
use super::table::{Table, age, to_the_second, visible};
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
    let headings = [
        "FARM", "HOST", "ADDRESS", "HEALTH", "SESSIONS", "LEASES", "WEIGHT", "LOAD", "STARTS",
    ];
    let mut table = Table::new(headings);
    for host in hosts {
        let told = |what: Option<String>, age_s: Option<u64>| match (what, age_s) {
            (Some(what), Some(age_s)) => format!("{what} ({} ago)", age(age_s)),
            _ => "-".to_owned(),
        };
        let load = host.load.as_ref();
        table.row([
            host.farm.clone(),
            host.host.clone(),
            format!("{}:{}", host.address, host.port),
            host.health.clone(),
            told(
                host.sessions.map(|sessions| sessions.to_string()),
                host.sessions_age_s,
            ),
            host.leases.to_string(),
            host.weight.to_string(),
            told(
                load.map(|load| format!("{:.2}/{}", load.average, load.processors)),
                load.map(|load| load.age_s),
            ),
            starts(host),
        ]);
    }
    let mut text = table.to_string();
    for host in hosts {
        if let Some(trouble) = &host.trouble {
            // Writing into a text cannot fail.
            let _ = writeln!(text, "{}/{}: {}", host.farm, host.host, visible(trouble));
        }
    }
    text
}

/// Whether new sessions start there, as far as that is anybody's decision.
fn starts(host: &HostReport) -> String {
    if let Some(drain) = &host.draining {
        return match &drain.until {
            Some(until) => format!("draining until {}", to_the_second(until)),
            None => "draining".to_owned(),
        };
    }
    match &host.backed_off_until {
        Some(until) => format!("not before {}", to_the_second(until)),
        None => "yes".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::LoadReport;

    #[test]
    fn a_line_says_how_old_its_numbers_are() {
        let host = HostReport {
            farm: "lab".to_owned(),
            host: "ts01".to_owned(),
            address: "10.0.2.11".to_owned(),
            port: 22,
            health: "up".to_owned(),
            sessions: Some(12),
            sessions_age_s: Some(7),
            leases: 3,
            weight: 2.0,
            load: Some(LoadReport {
                average: 0.5,
                processors: 8,
                memory_available_mb: 4096,
                age_s: 130,
            }),
            draining: None,
            backed_off_until: Some("2026-03-02T09:00:00.123Z".to_owned()),
            trouble: Some("the agent refused: no\u{1b}".to_owned()),
        };
        assert_eq!(
            text(&[host]).lines().skip(1).collect::<Vec<_>>(),
            [
                "lab   ts01  10.0.2.11:22  up      12 (7s ago)  3       2       0.50/8 (2m ago)  \
                 not before 2026-03-02T09:00:00Z",
                "lab/ts01: the agent refused: no\u{fffd}",
            ]
        );
    }
}
