//! The record of one decision.

use std::time::Duration;

use serde::{Serialize, Serializer};

use super::RecordedPerson;
use super::line::line;
use crate::model::{
    Account, ClientAddress, ConfigurationHash, DecisionId, Door, FarmName, HostName, Now, ProfileId,
    SessionId, TypedName,
};

/// Most profiles of a list in a line. With the person they leave it below what a journal takes.
const PROFILES_MAX: usize = 200;

/// What was decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// What was asked for was given.
    Granted,
    /// It was not, and the cause says why.
    Refused,
    /// It could not be decided, because something that must be asked did not answer.
    Unavailable,
}

/// One decision, filled in while a request is worked on and written once at its end.
#[derive(Debug, Serialize)]
pub struct Decision {
    /// The id that stands wherever else this decision is spoken of.
    #[serde(serialize_with = "display")]
    pub decision: DecisionId,
    /// When it was asked for.
    #[serde(serialize_with = "display")]
    pub time: Now,
    /// The configuration it was decided under.
    #[serde(serialize_with = "display")]
    pub configuration: ConfigurationHash,
    /// What was asked: `list`, `select`, `password`, `event`.
    pub task: &'static str,
    /// The front end.
    #[serde(serialize_with = "door")]
    pub door: Door,
    /// Where it came from, if that is known.
    #[serde(serialize_with = "display_option", skip_serializing_if = "Option::is_none")]
    pub client: Option<ClientAddress>,
    /// The user id of the process that asked, at a door where the kernel knows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by_uid: Option<u32>,
    /// The account, once it is proven.
    #[serde(serialize_with = "display_option", skip_serializing_if = "Option::is_none")]
    pub account: Option<Account>,
    /// The name as typed, where it is not the account's.
    #[serde(serialize_with = "typed", skip_serializing_if = "Option::is_none")]
    pub typed: Option<TypedName>,
    /// How the account was proven: `ticket`, `password`, `peer` or `none`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proof: Option<&'static str>,
    /// The profiles offered, or the one selected.
    #[serde(serialize_with = "ids", skip_serializing_if = "Vec::is_empty")]
    pub profiles: Vec<ProfileId>,
    /// How many more were offered.
    #[serde(skip_serializing_if = "is_zero")]
    pub profiles_left_out: usize,
    /// Why somebody proven is offered nothing, where it is not the rules'.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub no_profiles: Option<String>,
    /// The notices shown, or the one selected. They grant nothing.
    #[serde(serialize_with = "ids", skip_serializing_if = "Vec::is_empty")]
    pub notices: Vec<ProfileId>,
    /// The rules that granted the selected profile.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<String>,
    /// The farm it starts on.
    #[serde(serialize_with = "display_option", skip_serializing_if = "Option::is_none")]
    pub farm: Option<FarmName>,
    /// The chosen host.
    #[serde(serialize_with = "display_option", skip_serializing_if = "Option::is_none")]
    pub host: Option<HostName>,
    /// The hosts that a list named, as `FARM/HOST`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<String>,
    /// Why there is no host for an offered profile.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub no_host: Option<String>,
    /// The id of the key that was placed for it: it stands at the end of its line on the hosts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Why the client must ask for a password although the profile has `autologin`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub no_key: Option<String>,
    /// The sessions that the client may resume.
    #[serde(serialize_with = "session_ids", skip_serializing_if = "Vec::is_empty")]
    pub sessions: Vec<SessionId>,
    /// Sessions that a host told of in words that a client would misread, so that it is told nothing.
    #[serde(serialize_with = "session_ids", skip_serializing_if = "Vec::is_empty")]
    pub sessions_untold: Vec<SessionId>,
    /// The name typed for the host, where it is not the session user's.
    #[serde(serialize_with = "typed", skip_serializing_if = "Option::is_none")]
    pub login: Option<TypedName>,
    /// What happened to a session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event: Option<&'static str>,
    /// Which session, in the client's words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// Whether that changed a lease of the account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub counted: Option<bool>,
    /// The person as the rules saw them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub person: Option<RecordedPerson>,
    /// What was decided.
    pub outcome: Outcome,
    /// Why it was not granted, in the admin's words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// How long it took.
    #[serde(rename = "duration_ms", serialize_with = "milliseconds")]
    pub duration: Duration,
    /// How long which stage of it took.
    #[serde(
        rename = "stages_us",
        serialize_with = "microseconds",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub stages: Vec<(&'static str, Duration)>,
}

impl Outcome {
    /// The word for it in metrics, as it is in lines.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Granted => "granted",
            Self::Refused => "refused",
            Self::Unavailable => "unavailable",
        }
    }
}

impl Decision {
    /// A decision that has only begun.
    pub fn begin(
        decision: DecisionId,
        time: Now,
        configuration: ConfigurationHash,
        task: &'static str,
        door: Door,
        client: Option<ClientAddress>,
    ) -> Self {
        Self {
            decision,
            time,
            configuration,
            task,
            door,
            client,
            by_uid: None,
            account: None,
            typed: None,
            proof: None,
            profiles: Vec::new(),
            profiles_left_out: 0,
            no_profiles: None,
            notices: Vec::new(),
            rules: Vec::new(),
            farm: None,
            host: None,
            hosts: Vec::new(),
            no_host: None,
            key: None,
            no_key: None,
            sessions: Vec::new(),
            sessions_untold: Vec::new(),
            login: None,
            event: None,
            session: None,
            counted: None,
            person: None,
            outcome: Outcome::Refused,
            cause: None,
            duration: Duration::ZERO,
            stages: Vec::new(),
        }
    }

    /// Notes the profiles that were offered: the first of them, and how many more there are.
    pub fn offered<'a>(&mut self, profiles: impl ExactSizeIterator<Item = &'a ProfileId>) {
        self.profiles_left_out = profiles.len().saturating_sub(PROFILES_MAX);
        self.profiles = profiles.take(PROFILES_MAX).cloned().collect();
    }

    /// Notes a host that a list named, unless there are as many already as a line has of profiles.
    pub fn named_host(&mut self, farm: &FarmName, host: &HostName) {
        if self.hosts.len() < PROFILES_MAX {
            self.hosts.push(format!("{farm}/{host}"));
        }
    }

    /// The line for the audit log, without its end.
    ///
    /// # Errors
    /// Never for what a decision is made of.
    pub fn line(&self) -> serde_json::Result<String> {
        line(self)
    }
}

fn is_zero(number: &usize) -> bool {
    *number == 0
}

fn display<T: ToString, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&value.to_string())
}

fn display_option<T: ToString, S: Serializer>(value: &Option<T>, serializer: S) -> Result<S::Ok, S::Error> {
    value.as_ref().map(ToString::to_string).serialize(serializer)
}

fn typed<S: Serializer>(value: &Option<TypedName>, serializer: S) -> Result<S::Ok, S::Error> {
    value.as_ref().map(TypedName::as_str).serialize(serializer)
}

fn door<S: Serializer>(value: &Door, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(value.as_str())
}

fn ids<S: Serializer>(value: &[ProfileId], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(value.iter().map(ProfileId::as_str))
}

fn session_ids<S: Serializer>(value: &[SessionId], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(value.iter().map(SessionId::as_str))
}

fn milliseconds<S: Serializer>(value: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    value.as_millis().serialize(serializer)
}

fn microseconds<S: Serializer>(
    stages: &[(&'static str, Duration)],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(stages.iter().map(|(stage, took)| (stage, took.as_micros())))
}

#[cfg(test)]
mod tests {
    use super::super::Entry;
    use super::*;
    use crate::model::{Source, UserName};

    fn decision() -> Decision {
        let client = ClientAddress::new("192.0.2.7".parse().unwrap());
        let configuration = ConfigurationHash::from_digest([0xab; 32]);
        let (id, time) = (DecisionId::from_random(33), Now::from_unix_ms(1_772_442_000_000));
        Decision::begin(id, time, configuration, "list", Door::Plain, Some(client))
    }

    #[test]
    fn a_line_is_one_line_of_json_with_what_is_known() {
        let mut decision = decision();
        decision.account = Some(Account {
            source: Source::Ldap,
            user: UserName::new("ünal\u{2028}\"ice").unwrap(),
        });
        decision.outcome = Outcome::Granted;
        decision.stages = vec![("search", Duration::from_micros(812)), ("rules", Duration::ZERO)];
        assert_eq!(
            decision.line().unwrap(),
            "{\"decision\":\"0000000011\",\"time\":\"2026-03-02T09:00:00Z\",\"configuration\":\"abababababab\",\
             \"task\":\"list\",\"door\":\"plain\",\"client\":\"192.0.2.7\",\
             \"account\":\"ldap:ünal\\u2028\\\"ice\",\"outcome\":\"granted\",\"duration_ms\":0,\
             \"stages_us\":{\"search\":812,\"rules\":0}}"
        );
    }

    #[test]
    fn a_list_of_any_length_is_recognised_by_its_line() {
        let ids: Vec<_> = (100..500)
            .map(|number| ProfileId::new(&format!("p{number}")).unwrap())
            .collect();
        let texts: Vec<_> = ids.iter().map(ToString::to_string).collect();
        for count in [0, 1, PROFILES_MAX, PROFILES_MAX + 1, 400] {
            let mut decision = decision();
            decision.offered(ids[..count].iter());
            let line = decision.line().unwrap();
            assert!(line.len() < 20 * PROFILES_MAX, "{}", line.len());
            let entry: Entry = serde_json::from_str(&line).unwrap();
            assert!(entry.has_listed(&texts[..count]));
            assert!(!entry.has_listed(&texts[..count.abs_diff(1)]) || count == 0);
            assert!(count == 0 || !entry.has_listed(&texts[1..=count.min(399)]));
        }
    }
}
