//! `x2godirector explain`: which profiles a user would be offered, and why.

use std::io::{self, Write};
use std::net::IpAddr;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::{Args, ValueEnum};

use super::{ConfigurationFolders, EXIT_FAILURE, complain, complain_about};
use crate::app::clock;
use crate::config::{self, Accounts, Configuration, HostSettings};
use crate::directory::{self, Directory, Entry, nss};
use crate::entitlement::{Context, Explanation, Policy};
use crate::identity;
use crate::model::{
    Account, Attributes, ClientAddress, Membership, Now, Person, ProfileId, Source, TypedName, UserName,
};
use crate::pam_worker;

/// Arguments of `explain`.
#[derive(Debug, Args)]
pub(super) struct Explain {
    /// The user, as they would type it
    user: String,
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
    #[arg(long, value_name = "GROUP")]
    groups: Option<Vec<String>>,
    /// When: a date and time with its offset, like 2026-03-02T09:00:00+01:00; left out, now
    #[arg(long, value_name = "TIME")]
    at: Option<Now>,
    /// What if the user were in this group, too (a bare name or a DN)
    ///
    /// May be given several times. Only this group: name the outer groups of a nested one too.
    #[arg(long = "add-group", value_name = "GROUP")]
    add_groups: Vec<String>,
    /// What if the user were not in this group (a bare name or a DN)
    ///
    /// May be given several times. The groups that the user is in through this one go with it; of several ways
    /// into a group, only the one that `Groups` shows is known.
    #[arg(long = "remove-group", value_name = "GROUP")]
    remove_groups: Vec<String>,
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

/// How an answer is printed.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// Sentences and lists.
    Text,
    /// One JSON object.
    Json,
}

impl Explain {
    /// Prints the explanation.
    pub(super) fn run(self) -> ExitCode {
        let configuration = match config::load(&self.configuration.folders, config::process_environment()) {
            Ok(configuration) => configuration,
            Err(problems) => return complain_about(&problems),
        };
        match self
            .explain(configuration)
            .and_then(|explanation| self.print(&explanation))
        {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => complain(&format!("{error:#}"), EXIT_FAILURE),
        }
    }

    fn explain(&self, configuration: Configuration) -> anyhow::Result<Explanation> {
        let Configuration { policy, accounts, .. } = configuration;
        let mut person = match &self.groups {
            Some(groups) => assumed(&self.user, groups, &policy)?,
            None => found(&self.user, accounts)?,
        };
        self.suppose(&mut person)?;
        let context = Context {
            client: self.from.map(ClientAddress::new),
            now: Some(self.at.unwrap_or_else(clock::now)),
        };
        let explanation = policy.explain(&person, context);
        Ok(match &self.profile {
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
        for text in &self.remove_groups {
            let removed = Membership::supposed(text)?;
            let before = person.groups.len();
            person
                .groups
                .retain(|group| !group.is_same_group(&removed) && !group.via.contains(&removed.name));
            if person.groups.len() == before {
                bail!("{} is not in group `{text}`", person.account.user);
            }
        }
        for text in &self.add_groups {
            let added = Membership::supposed(text)?;
            if !person.groups.iter().any(|group| group.is_same_group(&added)) {
                person.groups.push(added);
            }
        }
        Ok(())
    }

    fn print(&self, explanation: &Explanation) -> anyhow::Result<()> {
        let text = match self.format {
            Format::Text => explanation.to_string(),
            Format::Json => serde_json::to_string_pretty(explanation)? + "\n",
        };
        io::stdout().write_all(text.as_bytes()).context("standard output")
    }
}

/// The user as the source has them to which the name belongs.
fn found(user: &str, accounts: Accounts) -> anyhow::Result<Person> {
    let name = TypedName::new(user)?;
    match accounts {
        Accounts::Directory(directory) | Accounts::DirectoryByPam(directory, _) => {
            in_directory(&name, directory)?.person()
        }
        Accounts::DirectoryThenHost { directory, host, .. } => match in_directory(&name, directory)? {
            InDirectory::Nothing => on_host(&name, &host),
            found => found.person(),
        },
        Accounts::Host(host) => on_host(&name, &host),
    }
    .with_context(|| format!("no user `{user}` can log in; with --groups nobody is asked"))
}

/// What the directory has of a name.
enum InDirectory {
    User(Box<Person>),
    /// Something that cannot log in.
    Other,
    Nothing,
}

impl InDirectory {
    fn person(self) -> anyhow::Result<Person> {
        match self {
            Self::User(person) => Ok(*person),
            Self::Other => {
                bail!("the directory has that name, but not as that of one user (user_base, user_filter)")
            }
            Self::Nothing => bail!("the directory does not have that name"),
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn in_directory(name: &TypedName, settings: directory::Settings) -> anyhow::Result<InDirectory> {
    let directory = Directory::start(settings)?;
    let Some(entry) = directory.find(name, clock::now()).await? else {
        return Ok(match directory.knows(name).await? {
            true => InDirectory::Other,
            false => InDirectory::Nothing,
        });
    };
    let memberships = directory.memberships(&entry).await?;
    let person = person(Source::Ldap, &entry, memberships);
    Ok(InDirectory::User(Box::new(person)))
}

/// The user as this host has them. Asked here and not in the PAM worker: whoever may run this need not be let in
/// there, and a name service that hangs holds up nobody else.
fn on_host(name: &TypedName, settings: &HostSettings) -> anyhow::Result<Person> {
    let user = pam_worker::look_up(name).map_err(anyhow::Error::msg)?;
    let user = user.context("this host has no user of that name")?;
    let entry = nss::entry(&user, settings.min_uid, clock::now())
        .with_context(|| format!("its uid is {}, and min_uid is {}", user.uid, settings.min_uid))?;
    Ok(person(Source::Nss, &entry, nss::memberships(&user)?))
}

fn person(source: Source, entry: &Entry, memberships: Vec<Membership>) -> Person {
    let user = entry.user.clone();
    identity::person(Account { source, user }, entry, memberships)
}

/// Somebody of that name in these groups, with a value for whatever attribute a text of a profile holds.
fn assumed(user: &str, groups: &[String], policy: &Policy) -> anyhow::Result<Person> {
    let groups = groups
        .iter()
        .flat_map(|text| separated(text))
        .map(Membership::supposed)
        .collect::<Result<_, _>>()?;
    let attributes = policy
        .rendered_attributes()
        .into_iter()
        .map(|name| (name.to_owned(), vec![name.to_owned()]))
        .collect();
    Ok(Person::supposed(UserName::new(user)?, groups, attributes))
}

/// A DN is one group, commas and all; an empty text is none.
fn separated(text: &str) -> Vec<&str> {
    if text.contains('=') {
        vec![text]
    } else {
        text.split(',').filter(|name| !name.is_empty()).collect()
    }
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
