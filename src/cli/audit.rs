//! `x2godirector audit`: reads decisions back, and explains one from what its line recorded.

use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use jiff::{Span, SpanRelativeTo};
use serde_json::json;

use super::format::Format;
use super::recorded::{self, STANDARD_INPUT};
use super::table::{to_the_second, visible};
use super::{ConfigurationFolders, EXIT_FAILURE, EXIT_USAGE, complain, complain_about};
use crate::app::{clock, recorded as asked_again};
use crate::audit::{DEFAULT_FILE, Entry};
use crate::config;
use crate::model::Now;

/// Arguments of `audit`.
#[derive(Debug, Args)]
pub(super) struct Audit {
    /// A decision to explain, by its id; or - to show those on standard input
    id: Option<String>,
    /// Only decisions about this user: the account's name, or what was typed
    #[arg(long, value_name = "USER")]
    user: Option<String>,
    /// Only decisions from then on: a moment like 2026-03-02T09:00:00+01:00, or how long ago, like 2h, 30m or 2d
    #[arg(long, value_name = "TIME", value_parser = since)]
    since: Option<Since>,
    /// The file that [audit] names, or - for standard input
    ///
    /// Other lines than decisions are left out, so a journal can be read too: journalctl -u x2godirector -o cat |
    /// x2godirector audit -
    #[arg(long, value_name = "FILE", default_value = DEFAULT_FILE)]
    file: PathBuf,
    /// For eyes, or the lines as they stand in the file
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    #[command(flatten)]
    configuration: ConfigurationFolders,
}

/// The beginning of what is shown.
#[derive(Debug, Clone, Copy)]
enum Since {
    Moment(Now),
    Ago(Duration),
}

impl Audit {
    /// Succeeds (0) also if no decision fits; fails (1) if there is none of an id, or nothing can be read.
    pub(super) fn run(self) -> ExitCode {
        let listed = match self.id.as_deref() {
            Some(STANDARD_INPUT) => self.list(Path::new(STANDARD_INPUT)),
            None => self.list(&self.file),
            Some(_) if self.user.is_some() || self.since.is_some() => {
                return complain(
                    &"an id means one decision: leave out --user and --since",
                    EXIT_USAGE,
                );
            }
            Some(id) => return self.explain(id),
        };
        match listed {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) if is_closed(&error) => ExitCode::SUCCESS,
            Err(error) => complain(&format_args!("{error:#}"), EXIT_FAILURE),
        }
    }

    fn list(&self, file: &Path) -> anyhow::Result<()> {
        let since = self.since.map(|since| match since {
            Since::Moment(moment) => moment,
            Since::Ago(span) => {
                let span_ms = i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
                Now::from_unix_ms(clock::now().unix_ms().saturating_sub(span_ms))
            }
        });
        let mut out = BufWriter::new(io::stdout().lock());
        let skipped = recorded::each(recorded::open(file)?, |entry, record| {
            if self.wants(&entry, since) {
                match self.format {
                    Format::Text => writeln!(out, "{}", row(&entry))?,
                    Format::Json => writeln!(out, "{}", self.format.printed(record))?,
                }
            }
            Ok(true)
        })?;
        out.flush()?;
        skipped.report();
        Ok(())
    }

    fn wants(&self, entry: &Entry, since: Option<Now>) -> bool {
        let moment = || entry.time.as_deref()?.parse::<Now>().ok();
        self.user.as_ref().is_none_or(|user| entry.is_about(user))
            && since.is_none_or(|since| moment().is_some_and(|moment| moment >= since))
    }

    fn explain(&self, id: &str) -> ExitCode {
        let (entry, record) = match recorded::find(id, &self.file) {
            Ok(found) => found,
            Err(error) => return complain(&format_args!("{error:#}"), EXIT_FAILURE),
        };
        let line = || match self.format {
            Format::Text => row(&entry) + "\n",
            Format::Json => record.clone() + "\n",
        };
        let configuration = match config::load(&self.configuration.folders, config::process_environment()) {
            Ok(configuration) => configuration,
            Err(problems) => {
                self.print(&line());
                return complain_about(&problems);
            }
        };
        // Of some lines the row says all that there is: nobody was proven, or an admin did something.
        let person = asked_again::person(&entry).ok();
        let explained = asked_again::context(&entry).and_then(|context| {
            let explanation = person.map(|person| configuration.policy.explain(&person, context));
            let explanation = match (explanation, asked_again::selected(&entry)) {
                (Some(explanation), Some(profile)) => Some(explanation.only(&profile)),
                (explanation, _) => explanation,
            };
            let comparison = asked_again::Comparison::new(&entry, configuration.hash, explanation.as_ref());
            Ok(match (self.format, explanation) {
                (Format::Text, Some(explanation)) => {
                    format!("{}\n\n{comparison}\n{explanation}", row(&entry))
                }
                (Format::Text, None) => format!("{}\n\n{}\n", row(&entry), comparison.configuration()),
                (Format::Json, explanation) => {
                    let record: serde_json::Value = serde_json::from_str(&record)?;
                    let whole =
                        json!({"record": record, "comparison": comparison, "explanation": explanation});
                    serde_json::to_string_pretty(&whole)? + "\n"
                }
            })
        });
        match explained.context("the line of the decision") {
            Ok(text) => self.print(&text),
            Err(error) => complain(&format_args!("{error:#}"), EXIT_FAILURE),
        }
    }

    fn print(&self, text: &str) -> ExitCode {
        match io::stdout().write_all(self.format.printed(text).as_bytes()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => complain(&format_args!("standard output: {error}"), EXIT_FAILURE),
        }
    }
}

/// One decision in one line: when, which, who, where from, what and what came of it.
fn row(entry: &Entry) -> String {
    let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    let who = match (&entry.account, &entry.typed, entry.by_uid) {
        (Some(account), _, _) => account.clone(),
        (None, Some(typed), _) => format!("\"{typed}\""),
        (None, None, Some(uid)) => format!("uid {uid}"),
        (None, None, None) => "-".to_owned(),
    };
    let more = [
        Some(entry.profiles.join(",")).filter(|ids| !ids.is_empty()),
        entry.about.clone(),
        entry.event.clone(),
        entry.host.as_ref().map(|host| format!("on {host}")),
        (!entry.hosts.is_empty()).then(|| format!("on {}", entry.hosts.join(", "))),
        entry.no_host.as_ref().map(|why| format!("no host: {why}")),
        entry.no_key.as_ref().map(|why| format!("no key: {why}")),
        entry.cause.as_ref().map(|cause| format!("({cause})")),
    ];
    let line = format!(
        "{:20} {:10} {:15} {:11} {:20} {:15} {}",
        entry
            .time
            .as_deref()
            .map_or_else(|| "-".to_owned(), to_the_second),
        entry.decision,
        entry.task,
        entry.outcome,
        who,
        or_dash(&entry.client),
        more.into_iter().flatten().collect::<Vec<_>>().join(" "),
    );
    visible(line.trim_end())
}

/// Whether the reader of our output has gone, which is no failure of ours.
fn is_closed(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<io::Error>()
        .is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
}

fn since(text: &str) -> Result<Since, String> {
    if let Ok(moment) = text.parse() {
        return Ok(Since::Moment(moment));
    }
    let span: Option<Span> = text.parse().ok();
    let span = span.and_then(|span| span.to_duration(SpanRelativeTo::days_are_24_hours()).ok());
    let span = span.and_then(|span| Duration::try_from(span).ok());
    span.map(Since::Ago).ok_or_else(|| {
        "write it like 2026-03-02T09:00:00+01:00, or like 2h, 30m or 2d for how long ago".to_owned()
    })
}

#[test]
fn how_long_ago_may_be_days() {
    let ago = |text| match since(text) {
        Ok(Since::Ago(ago)) => ago.as_secs(),
        other => panic!("{other:?}"),
    };
    assert_eq!(ago("30m"), 1_800);
    assert_eq!(ago("2d"), 172_800);
    assert_eq!(ago("1d 12h"), 129_600);
    assert!(since("yesterday").is_err() && since("-2h").is_err() && since("1mo").is_err());
}
