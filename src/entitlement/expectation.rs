//! What an admin expects of the rules, and how it turned out.

use std::collections::BTreeSet;
use std::fmt;

use super::explanation::{ExplainedProfile, Explanation, Outcome};
use super::subject::{Names, Subject};
use super::{Context, Policy, Rule};
use crate::model::{Person, ProfileId};

/// Most rules that are named for one profile.
const RULES_TOLD_MAX: usize = 3;

/// Somebody on a request, and what the rules should offer them.
#[derive(Debug, Clone)]
pub struct Expectation {
    /// The person, who need not exist.
    pub person: Person,
    /// The request.
    pub context: Context,
    /// The ids of all profiles that should be offered, and of no other. An id that no profile has is never
    /// offered.
    pub offers: BTreeSet<ProfileId>,
}

/// How an expectation was not met: what is offered instead, and what each difference comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unmet {
    user: String,
    offers: Vec<String>,
    differences: Vec<String>,
    unknown: Option<Unknown>,
}

/// What an expectation leaves open though rules ask for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unknown {
    Time,
    Client,
}

impl Expectation {
    /// Whether the rules offer what they should.
    ///
    /// # Errors
    /// What they offer instead, and why.
    pub fn check(&self, policy: &Policy) -> Result<(), Unmet> {
        if policy.would_offer(&self.person, self.context, &self.offers) {
            return Ok(());
        }
        let explanation = policy.explain(&self.person, self.context);
        let differing: Vec<_> = explanation
            .profiles
            .iter()
            .filter(|profile| {
                matches!(profile.outcome, Outcome::Offered { .. }) != self.offers.contains(&profile.id)
            })
            .collect();
        let known = |id: &ProfileId| explanation.profiles.iter().any(|profile| profile.id == *id);
        let differences = differing
            .iter()
            .map(|profile| difference(profile, &explanation))
            .chain(
                self.offers
                    .iter()
                    .filter(|id| !known(id))
                    .map(|id| format!("there is no profile `{id}`")),
            )
            .collect();
        Err(Unmet {
            unknown: self.unknown(policy, &differing),
            user: explanation.user.clone(),
            offers: explanation.offers.clone(),
            differences,
        })
    }

    /// What the expectation leaves open though rules about one of these profiles ask for it.
    fn unknown(&self, policy: &Policy, about: &[&ExplainedProfile]) -> Option<Unknown> {
        let about: Vec<_> = about
            .iter()
            .map(|profile| profile.id.as_str().to_lowercase())
            .collect();
        let mut rules = policy.rules().filter(|rule| {
            rule.profiles
                .iter()
                .any(|glob| about.iter().any(|id| glob.matches(id)))
        });
        rules.find_map(|rule| {
            if self.context.now.is_none() && !rule.hours.is_empty() {
                Some(Unknown::Time)
            } else if self.context.client.is_none()
                && !(rule.clients.is_empty() && rule.except_clients.is_empty())
            {
                Some(Unknown::Client)
            } else {
                None
            }
        })
    }

    /// Whether nothing is expected and no rule says anything of this person, so that it would hold for
    /// anybody: a group that is misspelt, perhaps.
    pub fn is_trivial(&self, policy: &Policy) -> bool {
        let subject = Subject::new(&self.person, self.context);
        self.offers.is_empty() && !policy.rules().any(|rule| concerns(rule, &subject))
    }
}

/// Whether the rule is about everybody, or something that it names is true of the person.
fn concerns(rule: &Rule, subject: &Subject<'_>) -> bool {
    let groups = [&rule.groups, &rule.all_groups, &rule.except_groups];
    let users = [&rule.users, &rule.except_users];
    let about_nobody_in_particular = rule.groups.is_empty()
        && rule.all_groups.is_empty()
        && rule.users.is_empty()
        && rule.attributes.is_empty();
    about_nobody_in_particular
        || groups
            .into_iter()
            .flatten()
            .any(|pattern| subject.in_group(pattern, Names::Any).is_some())
        || users
            .into_iter()
            .flatten()
            .any(|glob| glob.matches(subject.user()))
        || rule
            .attributes
            .iter()
            .any(|attribute| attribute.met_by(subject.attribute(attribute.name())).is_some())
}

/// Why a profile is offered that should not be, or is not that should.
fn difference(profile: &ExplainedProfile, explanation: &Explanation) -> String {
    let id = &profile.id;
    match &profile.outcome {
        Outcome::Offered { .. } => format!("`{id}` is given by {}", rules(&profile.granted_by)),
        Outcome::Denied { denied_by } => format!("`{id}` is taken away by {}", rules(denied_by)),
        Outcome::Dropped { key, reason } => {
            format!(
                "`{id}` is given by {}, but {key}: {reason}",
                rules(&profile.granted_by)
            )
        }
        Outcome::NotGranted => {
            let folded = id.as_str().to_lowercase();
            let reasons: Vec<_> = explanation
                .rules
                .iter()
                .filter(|rule| !rule.deny && rule.profiles.iter().any(|glob| glob.matches(&folded)))
                .map(|rule| format!("rule {} does not match ({})", rule.name, rule.because.join("; ")))
                .collect();
            if reasons.is_empty() {
                return format!("no rule is about `{id}`");
            }
            let shown = reasons.iter().take(RULES_TOLD_MAX).cloned().collect::<Vec<_>>();
            let more = match reasons.len() - shown.len() {
                0 => String::new(),
                more => format!(", nor do {more} more"),
            };
            format!("`{id}` is not given: {}{more}", shown.join(", "))
        }
    }
}

fn rules(names: &[String]) -> String {
    match names {
        [one] => format!("rule {one}"),
        several => format!("rules {}", several.join(", ")),
    }
}

impl Unmet {
    /// What to write where something that was left open, and so counts as unknown, may be the reason.
    pub fn hint(&self) -> Option<&'static str> {
        self.unknown.map(|unknown| match unknown {
            Unknown::Time => "a rule about it has hours; say when: at = \"2026-03-02T09:00:00+01:00\"",
            Unknown::Client => "a rule about it has networks; say from where: from = \"10.1.2.3\"",
        })
    }
}

impl fmt::Display for Unmet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is offered ", self.user)?;
        match self.offers.as_slice() {
            [] => f.write_str("nothing")?,
            offers => f.write_str(&offers.join(", "))?,
        }
        write!(f, ": {}", self.differences.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::{at, from, globs, group, groups, hours, person, profile, rule, text};
    use super::*;

    fn policy() -> Policy {
        let profiles = vec![
            profile("exam", &[]),
            profile("mate", &[("command", text("run ${attr:room}"))]),
            profile("night", &[]),
            profile("xfce", &[]),
        ];
        let rules = vec![
            Rule {
                groups: groups(&["students"]),
                ..rule("students", &["xfce", "mate", "exam"])
            },
            Rule {
                groups: groups(&["students"]),
                hours: vec![hours("20:00-24:00 UTC")],
                ..rule("evening", &["night"])
            },
            Rule {
                users: globs(&["alice"]),
                deny: true,
                ..rule("no-exams", &["exam"])
            },
        ];
        Policy::new(profiles, rules)
    }

    fn expect(groups: &[&str], context: Context, offers: &[&str]) -> Expectation {
        Expectation {
            person: person("alice", groups.iter().map(|name| group(name, &[])).collect()),
            context,
            offers: offers.iter().map(|id| ProfileId::new(id).unwrap()).collect(),
        }
    }

    #[test]
    fn what_is_expected_is_all_that_is_offered() {
        let evening = at("2026-03-02T21:00:00Z", from("10.0.0.1"));
        assert_eq!(
            expect(&["students"], evening, &["night", "xfce"]).check(&policy()),
            Ok(())
        );
        assert!(
            expect(&["students"], evening, &["xfce"])
                .check(&policy())
                .is_err()
        );
        assert!(expect(&[], evening, &["xfce"]).check(&policy()).is_err());
        assert_eq!(expect(&[], evening, &[]).check(&policy()), Ok(()));
        let unmet = expect(&[], evening, &["other"]).check(&policy()).unwrap_err();
        assert_eq!(
            unmet.to_string(),
            "alice is offered nothing: there is no profile `other`"
        );
    }

    #[test]
    fn every_difference_is_told_with_its_reason() {
        let unmet = expect(&["students"], from("10.0.0.1"), &["exam", "mate", "night"])
            .check(&policy())
            .unwrap_err();
        assert_eq!(
            unmet.to_string(),
            "alice is offered xfce: `exam` is taken away by rule no-exams; `mate` is given by rule students, \
             but command: ${attr:room} has no value here; `night` is not given: rule evening does not match \
             (it has hours, and the time is unknown); `xfce` is given by rule students"
        );
        assert!(unmet.hint().unwrap().contains("at = "));
        let of_other_profiles = expect(&[], Context::default(), &["xfce"]);
        assert_eq!(of_other_profiles.check(&policy()).unwrap_err().hint(), None);
    }

    #[test]
    fn nothing_for_somebody_of_whom_no_rule_speaks_says_nothing() {
        let mut nobody = expect(&["studnets"], from("10.0.0.1"), &[]);
        assert!(!nobody.is_trivial(&policy()), "a rule is about alice");
        nobody.person = person("bob", nobody.person.groups);
        assert!(nobody.is_trivial(&policy()));
        nobody.person = person("bob", vec![group("students", &[])]);
        assert!(!nobody.is_trivial(&policy()));
        let open = Rule {
            everyone: true,
            clients: vec!["192.0.2.0/24".parse().unwrap()],
            ..rule("open", &["xfce"])
        };
        let open = Policy::new(vec![profile("xfce", &[])], vec![open]);
        assert!(!expect(&[], from("10.0.0.1"), &[]).is_trivial(&open));
    }
}
