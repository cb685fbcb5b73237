//! Why somebody is offered what they are offered, as data. `explain_text` says it in prose.

use std::collections::BTreeMap;

use serde::Serialize;

use super::draft::Draft;
use super::matching::{Match, Mismatch, examine};
use super::policy::Verdicts;
use super::reasons::{path, why, why_not};
use super::subject::Subject;
use super::{Context, Glob, Policy, Rule};
use crate::model::session_key::Value;
use crate::model::{FarmName, Membership, Person, ProfileId};

/// Why somebody is offered what they are offered. Serialised, its top level has `user` and `offers` (sorted
/// profile ids); the rest stands beside them.
#[derive(Debug, Clone, Serialize)]
pub struct Explanation {
    /// The canonical user name.
    pub user: String,
    /// The ids of the profiles offered, sorted.
    pub offers: Vec<String>,
    /// The one profile this is about; every profile if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub about: Option<ProfileId>,
    /// The client's address, if it is known.
    pub client: Option<String>,
    /// The moment it is about (RFC 3339, in UTC), if it is known.
    pub at: Option<String>,
    /// Every group of the person, in order of their names.
    pub groups: Vec<ExplainedGroup>,
    /// Every profile, in order of ids.
    pub profiles: Vec<ExplainedProfile>,
    /// Every rule, in the order in which they set keys.
    pub rules: Vec<ExplainedRule>,
}

/// A group of the person.
#[derive(Debug, Clone, Serialize)]
pub struct ExplainedGroup {
    /// Its bare name.
    pub name: String,
    /// Its entry, where the source has entries.
    pub dn: Option<String>,
    /// How the person is in it: `staff ← it ← helpdesk` for a member of helpdesk, which is in it, which is
    /// in staff.
    pub path: String,
    /// Whether no other group has the name. One that is shared matches no allow rule by name.
    pub unique: bool,
}

/// A rule and whether it matches.
#[derive(Debug, Clone, Serialize)]
pub struct ExplainedRule {
    /// Its name.
    pub name: String,
    /// Whether it takes profiles away.
    pub deny: bool,
    /// The profiles it is about, as written.
    pub profiles: Vec<Glob>,
    /// Whether it matches.
    pub matched: bool,
    /// What met its conditions, or the first condition that does not hold; in words.
    pub because: Vec<String>,
}

/// A profile and what became of it.
#[derive(Debug, Clone, Serialize)]
pub struct ExplainedProfile {
    /// Its id.
    pub id: ProfileId,
    /// The matching allow rules about it, in the order in which they set keys.
    pub granted_by: Vec<String>,
    /// What became of it.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// What became of a profile.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum Outcome {
    /// It is offered.
    Offered {
        /// The farm it starts on.
        farm: FarmName,
        /// The name of the account on the hosts.
        session_user: String,
        /// The session keys as the client gets them.
        keys: BTreeMap<&'static str, ExplainedKey>,
    },
    /// Deny rules take it away.
    Denied {
        /// Those that match.
        denied_by: Vec<String>,
    },
    /// No allow rule about it matches.
    NotGranted,
    /// It is granted, but one of its texts cannot be rendered for this person.
    Dropped {
        /// The key that stands in the way.
        key: &'static str,
        /// Why.
        reason: String,
    },
}

/// The value of a session key and where it came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExplainedKey {
    /// The value: a text, a flag or a number.
    pub value: Value,
    /// The rule that set it; nothing if it is the profile's own.
    pub set_by: Option<String>,
}

impl Explanation {
    pub(super) fn new(policy: &Policy, person: &Person, context: Context) -> Self {
        let subject = Subject::new(person, context);
        let examined: Vec<_> = policy
            .rules()
            .map(|rule| (rule, examine(rule, &subject)))
            .collect();
        let matching = examined
            .iter()
            .enumerate()
            .filter_map(|(at, (_, result))| result.is_ok().then_some(at));
        let verdicts = policy.verdicts(matching);
        let profiles: Vec<_> = policy
            .profiles()
            .iter()
            .enumerate()
            .map(|(at, profile)| ExplainedProfile {
                id: profile.id.clone(),
                granted_by: names(policy.granted_by(&verdicts, at)),
                outcome: outcome(policy, &verdicts, at, &subject),
            })
            .collect();
        Self {
            user: person.account.user.to_string(),
            offers: profiles
                .iter()
                .filter(|profile| matches!(profile.outcome, Outcome::Offered { .. }))
                .map(|profile| profile.id.to_string())
                .collect(),
            about: None,
            client: context.client.map(|client| client.to_string()),
            at: context.now.map(|now| now.to_string()),
            groups: subject.memberships().map(explained_group).collect(),
            profiles,
            rules: examined
                .into_iter()
                .map(|(rule, result)| explained_rule(rule, result, &subject))
                .collect(),
        }
    }

    /// The same for one profile alone: whether it is offered, and the rules about it. For a profile that
    /// does not exist, `profiles` is empty.
    #[must_use]
    pub fn only(mut self, id: &ProfileId) -> Self {
        let folded = id.as_str().to_lowercase();
        self.offers.retain(|offer| offer == id.as_str());
        self.profiles.retain(|profile| profile.id == *id);
        self.rules
            .retain(|rule| rule.profiles.iter().any(|glob| glob.matches(&folded)));
        self.about = Some(id.clone());
        self
    }
}

fn names<'a>(rules: impl Iterator<Item = &'a Rule>) -> Vec<String> {
    rules.map(|rule| rule.name.clone()).collect()
}

/// Decides like a list does: denied before granted, granted before rendered.
fn outcome(policy: &Policy, verdicts: &Verdicts, at: usize, subject: &Subject<'_>) -> Outcome {
    if policy.granted_by(verdicts, at).next().is_none() {
        return Outcome::NotGranted;
    }
    let denied_by = names(policy.denied_by(verdicts, at));
    if !denied_by.is_empty() {
        return Outcome::Denied { denied_by };
    }
    match policy.draft(verdicts, at, subject) {
        Ok(draft) => offered(policy.profiles()[at].farm.clone(), draft),
        Err(undrafted) => Outcome::Dropped {
            key: undrafted.key,
            reason: undrafted.why.to_string(),
        },
    }
}

fn offered(farm: FarmName, draft: Draft<'_>) -> Outcome {
    let keys = draft
        .keys
        .into_iter()
        .map(|(key, drafted)| {
            let explained = ExplainedKey {
                value: drafted.value,
                set_by: drafted.set_by.map(|rule| rule.name.clone()),
            };
            (key, explained)
        })
        .collect();
    Outcome::Offered {
        farm,
        session_user: draft.session_user.to_string(),
        keys,
    }
}

fn explained_group(membership: &Membership) -> ExplainedGroup {
    ExplainedGroup {
        name: membership.name.to_string(),
        dn: membership.dn.as_ref().map(ToString::to_string),
        path: path(membership),
        unique: membership.unique,
    }
}

fn explained_rule<'a>(
    rule: &'a Rule,
    result: Result<Match<'a>, Mismatch<'a>>,
    subject: &Subject<'a>,
) -> ExplainedRule {
    ExplainedRule {
        name: rule.name.clone(),
        deny: rule.deny,
        profiles: rule.profiles.clone(),
        matched: result.is_ok(),
        because: match result {
            Ok(found) => why(&found, subject),
            Err(mismatch) => vec![why_not(rule, mismatch, subject)],
        },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::sample::{from, globs, group, groups, person, profile, rule, text};
    use super::super::{Policy, Rule};
    use super::*;

    #[test]
    fn as_data_the_offers_stand_at_the_top_and_the_reasons_beside_them() {
        let profiles = vec![
            profile("xfce", &[("command", text("XFCE"))]),
            profile("mate", &[]),
        ];
        let rules = vec![
            Rule {
                groups: groups(&["staff"]),
                set: BTreeMap::from([("name", text("${user}"))]),
                ..rule("staff", &["*"])
            },
            Rule {
                users: globs(&["alice"]),
                deny: true,
                ..rule("no-mate", &["mate"])
            },
        ];
        let alice = person("alice", vec![group("staff", &["it"])]);
        let explanation = Policy::new(profiles, rules).explain(&alice, from("10.1.2.3"));
        let groups = json!([
            {"name": "staff", "dn": "cn=staff,ou=groups,dc=x", "path": "staff ← it", "unique": true}
        ]);
        let offered = json!({
            "id": "xfce", "granted_by": ["staff"], "outcome": "offered", "farm": "farm", "session_user": "alice",
            "keys": {
                "command": {"value": "XFCE", "set_by": null},
                "name": {"value": "alice", "set_by": "staff"},
            },
        });
        let staff = json!({
            "name": "staff", "deny": false, "profiles": ["*"], "matched": true,
            "because": ["in group staff ← it"],
        });
        assert_eq!(
            serde_json::to_value(explanation.clone().only(&ProfileId::new("xfce").unwrap())).unwrap(),
            json!({
                "user": "alice", "offers": ["xfce"], "about": "xfce", "client": "10.1.2.3", "at": null,
                "groups": groups,
                "profiles": [offered], "rules": [staff],
            })
        );
        let whole = serde_json::to_value(explanation).unwrap();
        assert_eq!(whole["offers"], json!(["xfce"]));
        assert_eq!(
            whole["profiles"][0],
            json!({"id": "mate", "granted_by": ["staff"], "outcome": "denied", "denied_by": ["no-mate"]})
        );
        assert_eq!(whole.get("about"), None);
    }
}
