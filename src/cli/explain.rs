//! `x2godirector explain`: which profiles a user would be offered, and why.

use std::io::{self, Write};
use std::net::IpAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::Args;
use tokio::runtime::Runtime;

use super::asking::AdminSocket;
use super::format::Format;
use super::lookup::Lookup;
use super::recorded;
use super::{ConfigurationFolders, EXIT_FAILURE, complain, complain_about};
use crate::admin::{About, Answer, Question, Request};
use crate::app::{Basis, Explaining, Found, clock};
use crate::audit::DEFAULT_FILE;
use crate::config::{self, Accounts, Configuration};
use crate::model::{Dn, Membership, Now, ProfileId, TypedName};

/// Arguments of `explain`.
#[derive(Debug, Args)]
pub(super) struct Explain {
    /// The user, as they would type it
    #[arg(value_parser = typed_name, required_unless_present = "decision")]
    user: Option<TypedName>,
    /// In place of a user, the person, place and time of a decision in the audit log, by its id
    #[arg(long, value_name = "ID", conflicts_with_all = ["user", "groups"])]
    decision: Option<String>,
    /// The file with that decision, or - for standard input
    #[arg(long, value_name = "FILE", default_value = DEFAULT_FILE, requires = "decision")]
    file: PathBuf,
    /// The client's address; left out, it is unknown: allow rules with `clients` do not match, deny rules do
    #[arg(long, value_name = "IP")]
    from: Option<IpAddr>,
    /// Answer for somebody in these groups (bare names or DNs; name the outer groups of nested ones too)
    /// without asking the directory
    ///
    /// May be given several times; bare names may also be separated by commas, and an empty text is no group. The
    /// home is taken to be
    /// /home/USER, the uid 1000, and every attribute whose value stands in a text of a profile its own name.
    /// Other attributes are not there unless --attribute gives them.
    #[arg(long, value_name = "GROUP", value_parser = group_list)]
    groups: Option<Vec<GroupList>>,
    /// When: a date and time with its offset, like 2026-03-02T09:00:00+01:00; left out, now
    #[arg(long, value_name = "TIME")]
    at: Option<Now>,
    /// What if the user were in this group, too (a bare name or a DN)
    ///
    /// May be given several times. Only this group: name the outer groups of a nested one too.
    #[arg(long = "add-group", value_name = "GROUP", value_parser = group)]
    add_groups: Vec<Membership>,
    /// What if the user were not in this group (a bare name or a DN)
    ///
    /// May be given several times. The groups that the user is in through this one go with it; of several ways
    /// into a group, only the one that `Groups` shows is known.
    #[arg(long = "remove-group", value_name = "GROUP", value_parser = group)]
    remove_groups: Vec<Membership>,
    /// What if this attribute had this value, in place of what the directory says
    ///
    /// May be given several times, also for several values of one attribute.
    #[arg(long = "attribute", value_name = "NAME=VALUE", value_parser = attribute)]
    attributes: Vec<(String, String)>,
    /// Only this profile and the rules about it
    #[arg(long, value_name = "PROFILE", value_parser = profile_id)]
    profile: Option<ProfileId>,
    /// For eyes or for programs
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    #[command(flatten)]
    configuration: ConfigurationFolders,
    /// Have the daemon answer, by the configuration that it has in use and over its connections to the directory
    ///
    /// Without it, the files are read, which may say something else before the next reload.
    #[arg(long, conflicts_with = "folders")]
    running: bool,
    #[command(flatten)]
    socket: AdminSocket,
}

/// The groups of one `--groups`.
#[derive(Debug, Clone)]
struct GroupList(Vec<Membership>);

impl Explain {
    /// Prints the explanation.
    pub(super) fn run(self) -> ExitCode {
        let question = match self.question() {
            Ok(question) => question,
            Err(error) => return complain(&format!("{error:#}"), EXIT_FAILURE),
        };
        let explained = if self.running {
            self.ask_daemon(question)
        } else {
            match config::load(&self.configuration.folders, config::process_environment()) {
                Ok(configuration) => answer(&question, configuration),
                Err(problems) => return complain_about(&problems),
            }
        };
        let print = |text: String| io::stdout().write_all(self.format.printed(&text).as_bytes());
        match explained.and_then(|text| print(text).context("standard output")) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => complain(&format!("{error:#}"), EXIT_FAILURE),
        }
    }

    /// What is asked; the line of a decision is read for it.
    fn question(&self) -> anyhow::Result<Question> {
        let about = match (&self.decision, &self.user) {
            (Some(id), _) => About::Decision(recorded::find(id, &self.file)?.1),
            (None, Some(user)) => About::User(user.as_str().to_owned()),
            (None, None) => bail!("name a user or a decision"),
        };
        let texts = |groups: &[Membership]| groups.iter().map(text).collect();
        Ok(Question {
            about,
            from: self.from,
            at: self.at.map(|at| at.to_string()),
            groups: self.groups.as_ref().map(|lists| {
                lists
                    .iter()
                    .flat_map(|GroupList(groups)| groups.iter().map(text))
                    .collect()
            }),
            add_groups: texts(&self.add_groups),
            remove_groups: texts(&self.remove_groups),
            attributes: self.attributes.clone(),
            profile: self.profile.as_ref().map(ToString::to_string),
            json: matches!(self.format, Format::Json),
        })
    }

    /// The answer of the daemon, by the configuration in use.
    fn ask_daemon(&self, question: Question) -> anyhow::Result<String> {
        match self.socket.ask(&Request::Explain(Box::new(question)))? {
            Answer::Explained(text) => Ok(text),
            _ => bail!("the daemon answered something else"),
        }
    }
}

/// The answer by a configuration that was just read.
fn answer(question: &Question, configuration: Configuration) -> anyhow::Result<String> {
    let explaining = Explaining::read(question)?;
    let found = match explaining.sought() {
        Some(name) => Some(found(name, configuration.accounts)?),
        None => None,
    };
    let basis = Basis {
        policy: &configuration.policy,
        configuration: configuration.hash,
        now: clock::now(),
    };
    explaining.answer(found, &basis)
}

/// The user as the source has them to which the name belongs.
fn found(name: &TypedName, accounts: Accounts) -> anyhow::Result<Found> {
    let runtime = Runtime::new()?;
    let found = runtime.block_on(async {
        let lookup = Lookup::start(accounts)?;
        anyhow::Ok(lookup.find(name, clock::now()).await?)
    });
    runtime.shutdown_background();
    found.with_context(|| {
        let name = name.as_str();
        format!("no user `{name}` can log in; with --groups nobody is asked")
    })
}

/// A group as it is typed.
fn text(group: &Membership) -> String {
    group
        .dn
        .as_ref()
        .map_or(group.name.as_str(), Dn::as_str)
        .to_owned()
}

/// A DN is one group, commas and all; an empty text is none.
fn group_list(text: &str) -> Result<GroupList, String> {
    let groups: Vec<&str> = if text.contains('=') {
        vec![text]
    } else {
        text.split(',').filter(|name| !name.is_empty()).collect()
    };
    let groups: Result<_, _> = groups.into_iter().map(group).collect();
    groups.map(GroupList)
}

fn group(text: &str) -> Result<Membership, String> {
    Membership::supposed(text).map_err(|invalid| invalid.to_string())
}

fn typed_name(text: &str) -> Result<TypedName, String> {
    TypedName::new(text).map_err(|invalid| invalid.to_string())
}

/// `NAME=VALUE`.
fn attribute(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("write it like departmentNumber=42".to_owned()),
    }
}

fn profile_id(text: &str) -> Result<ProfileId, String> {
    ProfileId::new(text).map_err(|invalid| invalid.to_string())
}
