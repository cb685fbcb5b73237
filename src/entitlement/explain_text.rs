//! An explanation in prose, for somebody who wants to know why she got this, or why he did not.

use std::fmt::{self, Display, Formatter};

use super::explanation::{ExplainedGroup, ExplainedProfile, ExplainedRule, Explanation, Outcome};
use crate::model::session_key::Value;

/// What is offered comes first, then what was taken away or fell away, then the rules that match, those that
/// do not, and the groups.
impl Display for Explanation {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        summary(self, f)?;
        profiles(&self.profiles, f)?;
        rules("Rules that match", &self.rules, true, f)?;
        rules("Rules that do not match", &self.rules, false, f)?;
        groups(&self.groups, f)
    }
}

fn summary(explanation: &Explanation, f: &mut Formatter<'_>) -> fmt::Result {
    let from = explanation
        .client
        .as_deref()
        .unwrap_or("an unknown client address");
    write!(f, "{} from {from} ", explanation.user)?;
    if let Some(at) = &explanation.at {
        write!(f, "at {at} ")?;
    }
    f.write_str("is ")?;
    match (&explanation.about, explanation.offers.as_slice()) {
        (None, []) => writeln!(f, "offered nothing."),
        (None, offers) => writeln!(f, "offered: {}", offers.join(", ")),
        (Some(id), _) if explanation.profiles.is_empty() => {
            writeln!(f, "not offered {id}: there is no such profile.")
        }
        (Some(id), []) => writeln!(f, "not offered {id}."),
        (Some(id), _) => writeln!(f, "offered {id}."),
    }
}

fn profiles(profiles: &[ExplainedProfile], f: &mut Formatter<'_>) -> fmt::Result {
    writeln!(f, "\nProfiles")?;
    if profiles.is_empty() {
        writeln!(f, "  none")?;
    }
    let mut not_granted = Vec::new();
    for profile in profiles {
        match profile.outcome {
            Outcome::NotGranted => not_granted.push(profile.id.as_str()),
            Outcome::Offered { .. } | Outcome::Denied { .. } | Outcome::Dropped { .. } => {
                decided(profile, f)?
            }
        }
    }
    if !not_granted.is_empty() {
        writeln!(f, "  granted by no rule: {}", not_granted.join(", "))?;
    }
    Ok(())
}

/// A profile that at least one rule granted.
fn decided(profile: &ExplainedProfile, f: &mut Formatter<'_>) -> fmt::Result {
    let id = &profile.id;
    let by = profile.granted_by.join(", ");
    match &profile.outcome {
        Outcome::NotGranted => Ok(()),
        Outcome::Denied { denied_by } => {
            writeln!(f, "  {id}: DENIED by {} (granted by {by})", denied_by.join(", "))
        }
        Outcome::Dropped { key, reason } => {
            writeln!(f, "  {id}: NOT OFFERED though granted by {by}: {key}: {reason}")
        }
        Outcome::Offered {
            farm,
            session_user,
            keys,
        } => {
            writeln!(f, "  {id}: OFFERED by {by}")?;
            writeln!(f, "      farm {farm}, session user {session_user}")?;
            for (key, explained) in keys {
                write!(f, "      {key} = ")?;
                Shown(&explained.value).fmt(f)?;
                match &explained.set_by {
                    Some(rule) => writeln!(f, "    (set by rule {rule})")?,
                    None => writeln!(f)?,
                }
            }
            Ok(())
        }
    }
}

/// The value of a session key, a text in quotes; of an icon, nobody wants to see more than that it is there.
pub(super) struct Shown<'a>(pub(super) &'a Value);

impl Display for Shown<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        const SHOWN_CHARS_MAX: usize = 200;
        match self.0 {
            Value::Text(text) => match text.char_indices().nth(SHOWN_CHARS_MAX) {
                Some((end, _)) => write!(f, "{:?}… ({} bytes)", &text[..end], text.len()),
                None => write!(f, "{text:?}"),
            },
            Value::Flag(flag) => flag.fmt(f),
            Value::Number(number) => number.fmt(f),
        }
    }
}

fn rules(title: &str, rules: &[ExplainedRule], matched: bool, f: &mut Formatter<'_>) -> fmt::Result {
    writeln!(f, "\n{title}")?;
    let mut some = false;
    for rule in rules.iter().filter(|rule| rule.matched == matched) {
        some = true;
        let verb = if rule.deny { "deny" } else { "allow" };
        let about: Vec<_> = rule.profiles.iter().map(ToString::to_string).collect();
        writeln!(
            f,
            "  {} ({verb} {}): {}",
            rule.name,
            about.join(", "),
            rule.because.join("; ")
        )?;
    }
    if !some {
        writeln!(f, "  none")?;
    }
    Ok(())
}

fn groups(groups: &[ExplainedGroup], f: &mut Formatter<'_>) -> fmt::Result {
    writeln!(f, "\nGroups")?;
    if groups.is_empty() {
        writeln!(f, "  none")?;
    }
    for group in groups {
        write!(f, "  {}", group.path)?;
        if let Some(dn) = &group.dn {
            write!(f, "  [{dn}]")?;
        }
        if !group.unique {
            write!(f, "  (another group has this name)")?;
        }
        writeln!(f)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::sample::{from, group, groups, person, profile, rule, text};
    use super::super::{Explanation, Policy, ProfileValue, Rule};
    use crate::model::ProfileId;

    /// A little of everything that can happen.
    fn explanation() -> Explanation {
        let profiles = vec![
            profile("exam", &[]),
            profile(
                "media",
                &[("export", text("${home}/a:1;")), ("command", text("XFCE"))],
            ),
            profile("office", &[("command", text("soffice ${attr:room}"))]),
            profile("other", &[]),
            profile("other-2", &[]),
        ];
        let rules = vec![
            Rule {
                groups: groups(&["staff"]),
                set: BTreeMap::from([("fullscreen", ProfileValue::Flag(false))]),
                ..rule("staff", &["media", "office", "exam"])
            },
            Rule {
                groups: groups(&["shared"]),
                ..rule("by-name", &["other"])
            },
            Rule {
                groups: groups(&["students", "pupils"]),
                ..rule("students", &["other*"])
            },
            Rule {
                groups: groups(&["cn=it,ou=groups,dc=x"]),
                clients: vec!["10.0.0.0/8".parse().unwrap()],
                deny: true,
                ..rule("no-exams", &["exam"])
            },
        ];
        let mut shared = group("shared", &[]);
        shared.unique = false;
        let alice = person(
            "alice",
            vec![
                group("helpdesk", &[]),
                group("it", &["helpdesk"]),
                group("staff", &["helpdesk", "it"]),
                shared,
            ],
        );
        Policy::new(profiles, rules).explain(&alice, from("10.1.2.3"))
    }

    #[test]
    fn prose_for_everything() {
        insta::assert_snapshot!(explanation(), @r#"
alice from 10.1.2.3 is offered: media

Profiles
  exam: DENIED by no-exams (granted by staff)
  media: OFFERED by staff
      farm farm, session user alice
      command = "XFCE"
      export = "/home/alice/a:1;"
      fullscreen = false    (set by rule staff)
  office: NOT OFFERED though granted by staff: command: ${attr:room} has no value here
  granted by no rule: other, other-2

Rules that match
  no-exams (deny exam): in group it ← helpdesk (by `cn=it,ou=groups,dc=x`); client is in 10.0.0.0/8
  staff (allow media, office, exam): in group staff ← it ← helpdesk

Rules that do not match
  by-name (allow other): in group shared, but the directory has another group of that name; write its distinguished name
  students (allow other*): in none of its groups (students, pupils)

Groups
  helpdesk  [cn=helpdesk,ou=groups,dc=x]
  it ← helpdesk  [cn=it,ou=groups,dc=x]
  shared  [cn=shared,ou=groups,dc=x]  (another group has this name)
  staff ← it ← helpdesk  [cn=staff,ou=groups,dc=x]
"#);
    }

    #[test]
    fn prose_for_one_profile() {
        insta::assert_snapshot!(explanation().only(&ProfileId::new("exam").unwrap()), @r#"
alice from 10.1.2.3 is not offered exam.

Profiles
  exam: DENIED by no-exams (granted by staff)

Rules that match
  no-exams (deny exam): in group it ← helpdesk (by `cn=it,ou=groups,dc=x`); client is in 10.0.0.0/8
  staff (allow media, office, exam): in group staff ← it ← helpdesk

Rules that do not match
  none

Groups
  helpdesk  [cn=helpdesk,ou=groups,dc=x]
  it ← helpdesk  [cn=it,ou=groups,dc=x]
  shared  [cn=shared,ou=groups,dc=x]  (another group has this name)
  staff ← it ← helpdesk  [cn=staff,ou=groups,dc=x]
"#);
    }

    #[test]
    fn nobody_and_nothing() {
        let nothing = Policy::new(Vec::new(), Vec::new());
        let explanation = nothing.explain(&person("bob", Vec::new()), super::super::Context::default());
        insta::assert_snapshot!(explanation, @r#"
bob from an unknown client address is offered nothing.

Profiles
  none

Rules that match
  none

Rules that do not match
  none

Groups
  none
"#);
    }

    #[test]
    fn a_profile_that_does_not_exist_is_told() {
        let prose = explanation().only(&ProfileId::new("exan").unwrap()).to_string();
        assert!(prose.starts_with("alice from 10.1.2.3 is not offered exan: there is no such profile.\n"));
    }
}
