//! `x2godirector diff`: what changes for whom when one configuration takes the place of another.

mod people;
mod progress;
mod report;
mod spool;

use std::ffi::{OsStr, OsString};
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::Args;
use tokio::runtime::Runtime;

use self::people::{People, Read};
use self::progress::Progress;
use self::report::Report;
use super::format::Format;
use super::lookup::Lookup;
use super::{complain, complain_about};
use crate::app::clock;
use crate::config::{self, Accounts, Configuration};
use crate::entitlement::Comparison;

/// Something changes.
const EXIT_CHANGES: u8 = 1;
/// What changes could not be found out, or not for everybody.
const EXIT_TROUBLE: u8 = 2;
/// How many users may be unreadable before the rest is not tried: then it is not them.
const UNREADABLE_MAX: usize = 10;

/// Arguments of `diff`.
#[derive(Debug, Args)]
pub(super) struct Diff {
    /// The configuration that is in use: a folder of *.toml files
    ///
    /// Several folders stand together with colons between them, like a search path: /etc/x2godirector/conf.d:/srv/site.
    /// Variables such as X2GODIRECTOR__DIRECTORY__LDAP__URLS override both configurations.
    #[arg(value_name = "OLD")]
    old: OsString,
    /// The configuration that is to take its place
    ///
    /// Its [directory] and methods say where users and groups are read, for both: in the directory, on this host
    /// (source = "nss", or users that the directory does not have with methods = ["ldap", "pam"]), or nowhere.
    #[arg(value_name = "NEW")]
    new: OsString,
    /// Only these users, one name a line, as they would type it; `-` reads standard input
    ///
    /// Needed where nothing lists all users: with those of this host, and with methods = ["none"].
    #[arg(long, value_name = "FILE", conflicts_with = "all")]
    users: Option<PathBuf>,
    /// All users of the directory; so it is without --users
    #[arg(long)]
    all: bool,
    /// For eyes or for programs
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

impl Diff {
    /// Prints what changes.
    pub(super) fn run(self) -> ExitCode {
        let [old, new] = [("OLD", &self.old), ("NEW", &self.new)].map(|(which, text)| loaded(which, text));
        let (Some(old), Some(new)) = (old, new) else {
            return ExitCode::from(EXIT_TROUBLE);
        };
        match self.compare(&old, &new) {
            Ok(Outcome::NothingChanges) => ExitCode::SUCCESS,
            Ok(Outcome::Changes) => ExitCode::from(EXIT_CHANGES),
            Ok(Outcome::Incomplete) => complain(
                &"not everybody could be compared; what is printed is not all",
                EXIT_TROUBLE,
            ),
            Err(error) => complain(&format!("{error:#}"), EXIT_TROUBLE),
        }
    }

    fn compare(&self, old: &Configuration, new: &Configuration) -> anyhow::Result<Outcome> {
        let now = clock::now();
        let comparison = Comparison::new(&old.policy, &new.policy, now)?;
        let mut accounts = new.accounts.clone();
        let differences = note_differences(&old.accounts, &accounts);
        // What the rules of OLD ask about must be read, too.
        accounts.ask_for(&old.policy);
        let mut report = Report::new(&comparison, differences)?;
        let runtime = Runtime::new()?;
        let read = runtime.block_on(async {
            let lookup = Lookup::start(accounts)?;
            let people = match &self.users {
                Some(file) => People::listed(lookup, file, now)?,
                None => People::all(lookup, now).await?,
            };
            compare_all(people, &comparison, &mut report).await
        });
        // Neither a list that never ends on standard input nor a name service that hangs must hold the end up.
        runtime.shutdown_background();
        read?;
        let mut out = io::BufWriter::new(io::stdout().lock());
        match self.format {
            Format::Text => report.write_text(&mut out),
            Format::Json => report.write_json(&mut out),
        }
        .and_then(|()| out.flush())
        .context("standard output")?;
        Ok(report.outcome())
    }
}

/// What came of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    NothingChanges,
    Changes,
    /// Somebody could not be compared.
    Incomplete,
}

/// Says on standard error where OLD would look for users in another way, for it is not asked; gives the keys of
/// `[directory.ldap]` in which the two differ.
fn note_differences(old: &Accounts, new: &Accounts) -> Vec<&'static str> {
    const FOR_BOTH: &str = "users and groups are read as NEW says, for both";
    let [from_old, from_new] = [old, new].map(source);
    if from_old != from_new {
        eprintln!("x2godirector: OLD's users are those of {from_old}, NEW's those of {from_new}; {FOR_BOTH}");
    }
    let (Some(before), Some(settings)) = (old.directory(), new.directory()) else {
        return Vec::new();
    };
    let differences = settings.differences(before);
    if !differences.is_empty() {
        let keys = differences.join(", ");
        eprintln!("x2godirector: OLD has another [directory.ldap] than NEW ({keys}); {FOR_BOTH}");
    }
    differences
}

/// Where users are looked for, in words.
fn source(accounts: &Accounts) -> &'static str {
    match accounts {
        Accounts::Directory(_) | Accounts::DirectoryByPam(..) => "the directory",
        Accounts::DirectoryThenHost { .. } => "the directory and this host",
        Accounts::Host(_) => "this host",
        Accounts::Unproven => "nobody, as every name is taken",
    }
}

/// Compares everybody, and remembers in the report what changes.
async fn compare_all(
    mut people: People,
    comparison: &Comparison<'_>,
    report: &mut Report<'_, '_>,
) -> anyhow::Result<()> {
    let mut progress = Progress::start(people.count()).await;
    let mut unreadable = 0;
    while let Some(some) = people.next().await? {
        for read in some {
            match read {
                Read::Person(person) => report.add(&person, comparison.changes(&person))?,
                Read::Unknown { name, why } => report.add_unread(name, why),
                Read::Unavailable { name, why } => {
                    unreadable += 1;
                    report.add_unread(name, why.clone());
                    if unreadable > UNREADABLE_MAX {
                        bail!("more than {UNREADABLE_MAX} users cannot be read, the last one because: {why}");
                    }
                }
            }
        }
        progress.show(report.users());
    }
    Ok(())
}

/// The configuration in these folders; none if it cannot be used, which is told.
fn loaded(which: &str, folders: &OsStr) -> Option<Configuration> {
    let folders: Vec<PathBuf> = std::env::split_paths(folders).collect();
    config::load(&folders, config::process_environment())
        .map_err(|problems| {
            complain_about(&problems);
            complain(&format!("{which} cannot be compared"), EXIT_TROUBLE);
        })
        .ok()
}
