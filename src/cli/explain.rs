//! `x2godirector explain`: which profiles a user would be offered, and why.

use std::fmt;
use std::io::{self, Write};
use std::net::IpAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::Args;
use serde::Serialize;
use tokio::runtime::Runtime;

use super::format::Format;
use super::lookup::{Found, Lookup};
use super::recorded::{self, Comparison};
use super::{ConfigurationFolders, EXIT_FAILURE, complain, complain_about};
use crate::app::clock;
use crate::audit::DEFAULT_FILE;
use crate::config::{self, Accounts, Configuration};
use crate::directory::AccountState;
use crate::entitlement::{Context, Explanation, Policy};
use crate::model::{Attributes, ClientAddress, Dn, Membership, Now, Person, ProfileId, TypedName, UserName};

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
}

/// The groups of one `--groups`.
#[derive(Debug, Clone)]
struct GroupList(Vec<Membership>);

/// What the rules say of somebody, and what stands in the way before they are asked.
#[derive(Debug, Serialize)]
struct Answer {
    #[serde(flatten)]
    explanation: Explanation,
    /// Why the user is not let in at all; not there if nothing is known to stand in the way.
    #[serde(skip_serializing_if = "Option::is_none")]
    refused_at_login: Option<&'static str>,
}

/// An explanation with the decision that it is about beside it.
#[derive(Serialize)]
struct Recorded<'a> {
    #[serde(flatten)]
    explanation: &'a Explanation,
    recorded: &'a Comparison,
}

impl Explain {
    /// Prints the explanation.
    pub(super) fn run(self) -> ExitCode {
        let configuration = match config::load(&self.configuration.folders, config::process_environment()) {
            Ok(configuration) => configuration,
            Err(problems) => return complain_about(&problems),
        };
        let explained = match (&self.decision, &self.user) {
            (Some(id), _) => self.explain_decision(id, &configuration),
            (None, Some(user)) => self.explain_user(user, configuration),
            // Left to the parser of the arguments, which asks for one of them.
            (None, None) => Ok(String::new()),
        };
        match explained.and_then(|text| io::stdout().write_all(text.as_bytes()).context("standard output")) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => complain(&format!("{error:#}"), EXIT_FAILURE),
        }
    }

    fn explain_user(&self, user: &TypedName, configuration: Configuration) -> anyhow::Result<String> {
        let Configuration { policy, accounts, .. } = configuration;
        let (person, refused_at_login) = match &self.groups {
            Some(groups) => (assumed(user, groups, &policy)?, None),
            None => {
                let found = found(user, accounts)?;
                (found.person, refusal(found.state))
            }
        };
        let context = Context {
            client: None,
            now: Some(clock::now()),
        };
        let answer = Answer {
            explanation: self.explain(&policy, person, context, self.profile.as_ref())?,
            refused_at_login,
        };
        Ok(match self.format {
            Format::Text => answer.to_string(),
            Format::Json => serde_json::to_string_pretty(&answer)? + "\n",
        })
    }

    /// The same for a decision that was recorded; what else is asked changes what was recorded.
    fn explain_decision(&self, id: &str, configuration: &Configuration) -> anyhow::Result<String> {
        let (entry, _) = recorded::find(id, &self.file)?;
        let (person, context) = (recorded::person(&entry)?, recorded::context(&entry)?);
        let selected = recorded::selected(&entry);
        let profile = self.profile.as_ref().or(selected.as_ref());
        let unchanged = configuration.policy.explain(&person, context);
        let comparison = Comparison::new(&entry, configuration.hash, &unchanged);
        let explanation = self.explain(&configuration.policy, person, context, profile)?;
        Ok(match self.format {
            Format::Text => format!("{comparison}\n{explanation}"),
            Format::Json => {
                let recorded = Recorded {
                    explanation: &explanation,
                    recorded: &comparison,
                };
                serde_json::to_string_pretty(&recorded)? + "\n"
            }
        })
    }

    fn explain(
        &self,
        policy: &Policy,
        mut person: Person,
        context: Context,
        profile: Option<&ProfileId>,
    ) -> anyhow::Result<Explanation> {
        self.suppose(&mut person)?;
        let context = Context {
            client: self.from.map(ClientAddress::new).or(context.client),
            now: self.at.or(context.now),
        };
        let explanation = policy.explain(&person, context);
        Ok(match profile {
            Some(profile) => explanation.only(profile),
            None => explanation,
        })
    }

    /// What would be different: attributes and groups that are set, taken away and given.
    fn suppose(&self, person: &mut Person) -> anyhow::Result<()> {
        let mut given = Attributes::new();
        for (name, value) in &self.attributes {
            given.entry(name.to_lowercase()).or_default().push(value.clone());
        }
        person.attributes.extend(given);
        for removed in &self.remove_groups {
            let before = person.groups.len();
            person
                .groups
                .retain(|group| !group.is_same_group(removed) && !group.via.contains(&removed.name));
            if person.groups.len() == before {
                let group = removed.dn.as_ref().map_or(removed.name.as_str(), Dn::as_str);
                bail!("{} is not in group `{group}`", person.account.user);
            }
        }
        for added in &self.add_groups {
            if !person.groups.iter().any(|group| group.is_same_group(added)) {
                person.groups.push(added.clone());
            }
        }
        Ok(())
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let explanation = &self.explanation;
        if let Some(why) = self.refused_at_login {
            write!(
                f,
                "{} would be refused at login: {why}. Otherwise:\n\n",
                explanation.user
            )?;
        }
        explanation.fmt(f)
    }
}

/// Why an account in this state is not let in.
fn refusal(state: AccountState) -> Option<&'static str> {
    match state {
        AccountState::Active => None,
        AccountState::Locked => Some("account locked, until the directory opens it again"),
        AccountState::Disabled => Some("account disabled"),
        AccountState::Expired => Some("account expired"),
    }
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

/// Somebody of that name in these groups, with a value for whatever attribute a text of a profile holds.
fn assumed(user: &TypedName, groups: &[GroupList], policy: &Policy) -> anyhow::Result<Person> {
    let groups = groups
        .iter()
        .flat_map(|GroupList(groups)| groups.clone())
        .collect();
    let attributes = policy
        .rendered_attributes()
        .into_iter()
        .map(|name| (name.to_owned(), vec![name.to_owned()]))
        .collect();
    Ok(Person::supposed(
        UserName::new(user.as_str())?,
        groups,
        attributes,
    ))
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
