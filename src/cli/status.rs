//! `x2godirector status`: how the daemon is.

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use jiff::SignedDuration;

use super::asking::Asking;
use super::table::{to_the_second, visible};
use crate::admin::{Answer, DirectoryServer, LastReload, Request, Status as Report};

/// Arguments of `status`.
#[derive(Debug, Args)]
pub(super) struct Status {
    #[command(flatten)]
    asking: Asking,
}

impl Status {
    /// Prints what the daemon says of itself.
    pub(super) fn run(self) -> ExitCode {
        let pick = |answer| match answer {
            Answer::Status(report) => Some(*report),
            _ => None,
        };
        self.asking.run(&Request::Status, pick, text)
    }
}

fn text(report: &Report) -> String {
    let mut lines = vec![
        (
            "Daemon",
            format!(
                "version {}, process {}, running for {}",
                report.version,
                report.pid,
                uptime(report.uptime_s)
            ),
        ),
        (
            "Configuration",
            format!(
                "{}, in use since {}: {} profiles, {} rules, from {}",
                report.configuration,
                to_the_second(&report.configuration_since),
                report.profiles,
                report.rules,
                report.folders.join(", ")
            ),
        ),
        (
            "Last reload",
            report
                .last_reload
                .as_ref()
                .map_or_else(|| "none".to_owned(), last_reload),
        ),
        (
            "Listening on",
            format!(
                "{}; {} connections",
                report.listeners.join(", "),
                report.connections
            ),
        ),
        (
            "Metrics",
            report.metrics.clone().unwrap_or_else(|| "off".to_owned()),
        ),
        ("Certificate", certificate(report.certificate_days_left)),
        ("Hosts", format!("{} of {} up", report.hosts_up, report.hosts)),
        ("Tickets", report.tickets.to_string()),
        ("Leases", report.leases.to_string()),
        (
            "Keys",
            format!(
                "{} pairs ready, {} keys in use, {} to remove",
                report.key_pairs_ready, report.keys_open, report.keys_over
            ),
        ),
    ];
    if report.audit_lines_lost > 0 {
        lines.push((
            "Audit",
            format!("{} decisions LOST: the disk is too slow", report.audit_lines_lost),
        ));
    }
    lines.extend(
        report
            .directory
            .iter()
            .map(|server| ("Directory", directory_server(server))),
    );
    lines
        .into_iter()
        .map(|(label, value)| format!("{:15}{}\n", format!("{label}:"), visible(&value)))
        .collect()
}

fn uptime(seconds: u64) -> String {
    let span = SignedDuration::try_from(Duration::from_secs(seconds)).unwrap_or(SignedDuration::MAX);
    format!("{span:#}")
}

fn last_reload(last: &LastReload) -> String {
    let at = to_the_second(&last.at);
    match &last.cause {
        _ if last.taken => format!("{at}, taken"),
        Some(cause) => format!("{at}, REFUSED: {cause}"),
        None => format!("{at}, REFUSED"),
    }
}

fn certificate(days_left: Option<i64>) -> String {
    match days_left {
        Some(days) if days < 0 => format!("EXPIRED {} days ago", days.unsigned_abs()),
        Some(days) => format!("{days} days left"),
        None => "does not say when it ends".to_owned(),
    }
}

fn directory_server(server: &DirectoryServer) -> String {
    match &server.cause {
        Some(cause) => format!("{} is {}: {cause}", server.server, server.state),
        None => format!("{} is {}", server.server, server.state),
    }
}
