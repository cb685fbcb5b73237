//! `x2godirector explain`: which profiles a user would be offered, and why.

use std::io::{self, Write};
use std::net::IpAddr;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::{Args, ValueEnum};

use super::{ConfigurationFolders, EXIT_FAILURE, complain, complain_about};
use crate::app::clock;
use crate::config::{self, Configuration};
use crate::directory::{self, Directory};
use crate::entitlement::{Context, Explanation, Policy};
use crate::identity;
use crate::model::{
    Account, Attributes, ClientAddress, Dn, GroupName, Membership, Person, ProfileId, Source, TypedName,
    UserName,
};

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
    /// May be given several times; bare names may also be separated by commas. The home is taken to be
    /// /home/USER, the uid 1000, and every attribute that a profile uses its own name.
    #[arg(long, value_name = "GROUP")]
    groups: Option<Vec<String>>,
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
        let context = Context {
            client: self.from.map(ClientAddress::new),
        };
        let policy = Policy::new(configuration.profiles, configuration.rules);
        let person = match &self.groups {
            Some(groups) => assumed(&self.user, groups, &policy)?,
            None => {
                let mut settings = configuration.directory;
                settings
                    .attributes
                    .extend(policy.attributes().into_iter().map(str::to_owned));
                in_directory(&self.user, settings)?
            }
        };
        let explanation = policy.explain(&person, context);
        Ok(match &self.profile {
            Some(profile) => explanation.only(profile),
            None => explanation,
        })
    }

    fn print(&self, explanation: &Explanation) -> anyhow::Result<()> {
        let text = match self.format {
            Format::Text => explanation.to_string(),
            Format::Json => serde_json::to_string_pretty(explanation)? + "\n",
        };
        io::stdout().write_all(text.as_bytes()).context("standard output")
    }
}

/// The user as the directory has them.
#[tokio::main(flavor = "current_thread")]
async fn in_directory(user: &str, settings: directory::Settings) -> anyhow::Result<Person> {
    let name = TypedName::new(user)?;
    let directory = Directory::start(settings)?;
    let Some(entry) = directory.find(&name, clock::now()).await? else {
        bail!("the directory has no user `{user}`; with --groups it is not asked");
    };
    let memberships = directory.memberships(&entry).await?;
    let account = Account {
        source: Source::Ldap,
        user: entry.user.clone(),
    };
    Ok(identity::person(account, &entry, memberships))
}

/// Somebody of that name in these groups, with a value for whatever a profile asks for.
fn assumed(user: &str, groups: &[String], policy: &Policy) -> anyhow::Result<Person> {
    let user = UserName::new(user)?;
    let groups = groups
        .iter()
        .flat_map(|text| separated(text))
        .map(membership)
        .collect::<anyhow::Result<_>>()?;
    let attributes = policy
        .attributes()
        .into_iter()
        .map(|name| (name.to_owned(), vec![name.to_owned()]));
    Ok(Person {
        home: Some(format!("/home/{user}")),
        uid: Some("1000".to_owned()),
        groups,
        attributes: Attributes::from_iter(attributes),
        account: Account {
            source: Source::Ldap,
            user,
        },
    })
}

/// A DN is one group, commas and all.
fn separated(text: &str) -> Vec<&str> {
    if text.contains('=') {
        vec![text]
    } else {
        text.split(',').collect()
    }
}

fn membership(text: &str) -> anyhow::Result<Membership> {
    let (name, dn) = if text.contains('=') {
        let dn = Dn::new(text)?;
        (GroupName::new(&dn.leaf_value())?, Some(dn))
    } else {
        (GroupName::new(text)?, None)
    };
    Ok(Membership {
        name,
        dn,
        via: Vec::new(),
        unique: true,
    })
}

fn profile_id(text: &str) -> Result<ProfileId, String> {
    ProfileId::new(text).map_err(|invalid| invalid.to_string())
}
