//! Answers `explain`: the same way whether the configuration was read for it or is the one in use.

use std::fmt;

use anyhow::{Context as _, bail};
use serde::Serialize;

use super::recorded::{self, Comparison};
use crate::admin::{About, Question};
use crate::audit::Entry;
use crate::directory::{self, AccountState};
use crate::entitlement::{Context, Explanation, Policy};
use crate::identity;
use crate::model::{
    Account, Attributes, ClientAddress, ConfigurationHash, Dn, Membership, Now, Person, ProfileId, TypedName,
    UserName,
};

/// A question that was understood.
#[derive(Debug)]
pub(crate) struct Explaining {
    about: Who,
    from: Option<ClientAddress>,
    at: Option<Now>,
    added: Vec<Membership>,
    removed: Vec<Membership>,
    attributes: Vec<(String, String)>,
    profile: Option<ProfileId>,
    json: bool,
}

/// Whom it is about.
#[derive(Debug)]
enum Who {
    /// Somebody who has to be looked for.
    Sought(TypedName),
    /// Somebody with these groups, of whom nobody is asked.
    Supposed(UserName, Vec<Membership>),
    /// The person of a decision.
    Recorded(Box<Entry>),
}

/// Somebody as a source has them.
pub(crate) struct Found {
    /// Who it is to the rules.
    pub(crate) person: Person,
    /// Whether the account may log in.
    pub(crate) state: AccountState,
}

impl Found {
    /// The owner of this entry.
    pub(crate) fn new(account: Account, entry: &directory::Entry, memberships: Vec<Membership>) -> Self {
        Self {
            person: identity::person(account, entry, memberships),
            state: entry.state,
        }
    }
}

/// What an explanation is drawn from.
pub(crate) struct Basis<'a> {
    /// The rules.
    pub(crate) policy: &'a Policy,
    /// What they were read from.
    pub(crate) configuration: ConfigurationHash,
    /// What `now` is.
    pub(crate) now: Now,
}

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

impl Explaining {
    /// Reads a question.
    ///
    /// # Errors
    /// Says what in it is no name, no moment or no line of a decision.
    pub(crate) fn read(question: &Question) -> anyhow::Result<Self> {
        let memberships = |texts: &[String]| -> anyhow::Result<Vec<Membership>> {
            Ok(texts
                .iter()
                .map(|text| Membership::supposed(text))
                .collect::<Result<_, _>>()?)
        };
        let about = match (&question.about, &question.groups) {
            (About::User(name), None) => Who::Sought(TypedName::new(name)?),
            (About::User(name), Some(groups)) => Who::Supposed(UserName::new(name)?, memberships(groups)?),
            (About::Decision(line), _) => {
                Who::Recorded(serde_json::from_str(line).context("the line of the decision")?)
            }
        };
        Ok(Self {
            about,
            from: question.from.map(ClientAddress::new),
            at: question.at.as_deref().map(str::parse).transpose()?,
            added: memberships(&question.add_groups)?,
            removed: memberships(&question.remove_groups)?,
            attributes: question.attributes.clone(),
            profile: question.profile.as_deref().map(ProfileId::new).transpose()?,
            json: question.json,
        })
    }

    /// Who has to be looked for before there is an answer.
    pub(crate) fn sought(&self) -> Option<&TypedName> {
        match &self.about {
            Who::Sought(name) => Some(name),
            Who::Supposed(..) | Who::Recorded(_) => None,
        }
    }

    /// The answer, as text or as JSON. `found` is who was sought.
    ///
    /// # Errors
    /// Nobody was found, or somebody shall be taken out of a group that they are not in, or the line of the decision
    /// does not tell of a person.
    pub(crate) fn answer(&self, found: Option<Found>, basis: &Basis<'_>) -> anyhow::Result<String> {
        let now = Context {
            client: None,
            now: Some(basis.now),
        };
        let (person, state) = match (&self.about, found) {
            (Who::Recorded(entry), _) => return self.answer_recorded(entry, basis),
            (Who::Supposed(user, groups), _) => (supposed(user, groups, basis.policy), AccountState::Active),
            (Who::Sought(_), Some(found)) => (found.person, found.state),
            (Who::Sought(name), None) => bail!(
                "no user `{}` can log in; with --groups nobody is asked",
                name.as_str()
            ),
        };
        let answer = Answer {
            explanation: self.explain(basis.policy, person, now, self.profile.as_ref())?,
            refused_at_login: refusal(state),
        };
        Ok(if self.json {
            serde_json::to_string_pretty(&answer)? + "\n"
        } else {
            answer.to_string()
        })
    }

    /// The same for a decision that was recorded; what else is asked changes what was recorded.
    fn answer_recorded(&self, entry: &Entry, basis: &Basis<'_>) -> anyhow::Result<String> {
        let (person, context) = (recorded::person(entry)?, recorded::context(entry)?);
        let selected = recorded::selected(entry);
        let profile = self.profile.as_ref().or(selected.as_ref());
        let unchanged = basis.policy.explain(&person, context);
        let comparison = Comparison::new(entry, basis.configuration, Some(&unchanged));
        let explanation = self.explain(basis.policy, person, context, profile)?;
        Ok(if self.json {
            let recorded = Recorded {
                explanation: &explanation,
                recorded: &comparison,
            };
            serde_json::to_string_pretty(&recorded)? + "\n"
        } else {
            format!("{comparison}\n{explanation}")
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
            client: self.from.or(context.client),
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
        for removed in &self.removed {
            let before = person.groups.len();
            person
                .groups
                .retain(|group| !group.is_same_group(removed) && !group.via.contains(&removed.name));
            if person.groups.len() == before {
                let group = removed.dn.as_ref().map_or(removed.name.as_str(), Dn::as_str);
                bail!("{} is not in group `{group}`", person.account.user);
            }
        }
        for added in &self.added {
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

/// Somebody of that name in these groups, with a value for whatever attribute a text of a profile holds.
fn supposed(user: &UserName, groups: &[Membership], policy: &Policy) -> Person {
    let attributes = policy
        .rendered_attributes()
        .into_iter()
        .map(|name| (name.to_owned(), vec![name.to_owned()]))
        .collect();
    Person::supposed(user.clone(), groups.to_vec(), attributes)
}
