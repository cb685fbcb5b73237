//! A recorded decision, asked again: what the rules of today say of the person of then.

use std::fmt;
use std::net::IpAddr;

use anyhow::{Context as _, bail};
use serde::Serialize;

use crate::audit::{Entry, RecordedPerson};
use crate::entitlement::{Context, Explanation};
use crate::model::{Account, ClientAddress, ConfigurationHash, Now, Person, ProfileId, to_the_second};

/// The tasks whose answers the rules give.
const LIST: &str = "list";
const SELECT: &str = "select";
const GRANTED: &str = "granted";

/// The person as the rules saw them.
///
/// # Errors
/// The line has no person, because the rules were never asked, or something in it is wrong.
pub(crate) fn person(entry: &Entry) -> anyhow::Result<Person> {
    let id = &entry.decision;
    let (Some(account), Some(recorded)) = (&entry.account, &entry.person) else {
        match &entry.cause {
            Some(cause) => bail!("the rules were not asked for decision {id}: {cause}"),
            None => bail!(
                "the rules were not asked for decision {id}: {} needs none",
                entry.task
            ),
        }
    };
    let account: Account = account.parse()?;
    recorded
        .person(account)
        .with_context(|| format!("the line of decision {id}"))
}

/// Where from and when.
///
/// # Errors
/// What stands there is no address or no moment.
pub(crate) fn context(entry: &Entry) -> anyhow::Result<Context> {
    let client = entry.client.as_deref().map(str::parse::<IpAddr>).transpose()?;
    let now = entry.time.as_deref().map(str::parse::<Now>).transpose()?;
    Ok(Context {
        client: client.map(ClientAddress::new),
        now,
    })
}

/// The profile of a select.
pub(crate) fn selected(entry: &Entry) -> Option<ProfileId> {
    let of_select = entry.task == SELECT;
    of_select
        .then(|| ProfileId::new(entry.profiles.first()?).ok())
        .flatten()
}

/// What was recorded beside what would be answered now.
#[derive(Debug, Serialize)]
pub(crate) struct Comparison {
    decision: String,
    time: Option<String>,
    task: String,
    outcome: String,
    /// The profiles offered, or the one selected.
    profiles: Vec<String>,
    configuration_then: Option<String>,
    configuration_now: String,
    configuration_changed: bool,
    /// Whether the line has everything that the rules saw.
    whole: bool,
    /// Whether the rules of now say the same; none if the line does not tell what they said.
    same_answer: Option<bool>,
}

impl Comparison {
    /// Compares the decision with what is explained of it; of one that the rules were not asked for, there is only the
    /// configuration to compare.
    pub(crate) fn new(entry: &Entry, now: ConfigurationHash, explanation: Option<&Explanation>) -> Self {
        let configuration_now = now.to_string();
        let same_answer = explanation.and_then(|explanation| same_answer(entry, &explanation.offers));
        Self {
            decision: entry.decision.clone(),
            time: entry.time.clone(),
            task: entry.task.clone(),
            outcome: entry.outcome.clone(),
            profiles: entry.profiles.clone(),
            configuration_changed: entry.configuration.as_ref() != Some(&configuration_now),
            configuration_then: entry.configuration.clone(),
            configuration_now,
            whole: entry.person.as_ref().is_none_or(RecordedPerson::is_whole),
            same_answer,
        }
    }

    /// Whether the configuration has changed since, in a sentence.
    pub(crate) fn configuration(&self) -> String {
        let (then, now) = (
            self.configuration_then.as_deref().unwrap_or("unknown"),
            &self.configuration_now,
        );
        if self.configuration_changed {
            format!("The configuration has changed since: {then} then, {now} now.")
        } else {
            format!("The configuration is the same as then: {now}.")
        }
    }
}

/// Whether these offers would have the same come of it; none if the line does not tell what the rules said.
fn same_answer(entry: &Entry, offers: &[String]) -> Option<bool> {
    let granted = entry.outcome == GRANTED;
    match entry.task.as_str() {
        LIST if granted => Some(entry.has_listed(offers)),
        SELECT if granted => Some(entry.profiles.iter().all(|id| offers.contains(id))),
        SELECT if entry.outcome == "refused" => Some(!entry.profiles.iter().any(|id| offers.contains(id))),
        _ => None,
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = self.time.as_deref().map_or_else(String::new, to_the_second);
        let profiles = match self.profiles.as_slice() {
            [] => "no profile".to_owned(),
            ids => ids.join(", "),
        };
        writeln!(
            f,
            "Decision {}: {} {} at {time}: {profiles}",
            self.decision, self.task, self.outcome
        )?;
        writeln!(f, "{}", self.configuration())?;
        if !self.whole {
            writeln!(
                f,
                "The person had more groups or attributes than the line has room for; what follows may miss some."
            )?;
        }
        match self.same_answer {
            Some(true) => writeln!(
                f,
                "For the same person, place and time the rules say the same now."
            ),
            Some(false) => writeln!(
                f,
                "For the same person, place and time the rules say something ELSE now."
            ),
            None => Ok(()),
        }
    }
}
