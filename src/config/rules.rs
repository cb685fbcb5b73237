//! `[rule.NAME]`: who may have which profiles.

use std::collections::BTreeSet;

use super::diagnostic::{Diagnostic, Problems};
use super::profiles::ProfileIds;
use super::section::{Section, list};
use super::session_keys;
use super::value::{FromValue, Located};
use crate::entitlement::{Glob, Rule};

/// Longest name of a rule, in bytes.
const NAME_BYTES_MAX: usize = 64;
const PRIORITY_MAX: i64 = 1_000_000;

/// The rules, and the positions of the profiles that some rule gives.
pub(super) struct Rules {
    pub(super) rules: Vec<Rule>,
    pub(super) given: BTreeSet<usize>,
}

/// Reads `[rule.*]`.
pub(super) fn read(root: &mut Section<'_>, profiles: &ProfileIds) -> Rules {
    let mut given = BTreeSet::new();
    let rules = root
        .named("rule")
        .into_iter()
        .map(|(name, section)| rule(name, section, profiles, &mut given))
        .collect();
    Rules { rules, given }
}

fn rule(name: String, mut section: Section<'_>, profiles: &ProfileIds, given: &mut BTreeSet<usize>) -> Rule {
    let problems = section.problems();
    check_name(&name, &section);
    check_conditions(&section);
    let everyone = section.take::<Located<bool>>("everyone");
    if let Some(Located { value: true, place }) = &everyone
        && let Some(other) = ["groups", "users"].into_iter().find(|key| section.has(key))
    {
        let message = format!("everyone = true leaves nothing for `{other}` to say");
        let hint = format!("leave out everyone or {other}");
        problems.add(Diagnostic::error(place, message).hint(hint));
    }
    let deny = section.take("deny").unwrap_or(false);
    if let (true, Some(place)) = (deny, section.place_of("set")) {
        let message = format!(
            "{} takes profiles away; there is nothing to `set`",
            section.title()
        );
        problems.error(place, message);
    }
    let globs = conditions::<Located<Glob>>(&mut section, "profiles");
    let mut rule = Rule {
        name,
        everyone: everyone.is_some_and(|everyone| everyone.value),
        groups: conditions(&mut section, "groups"),
        users: conditions(&mut section, "users"),
        clients: conditions(&mut section, "clients"),
        except_groups: section.take("except_groups").unwrap_or_default(),
        except_users: section.take("except_users").unwrap_or_default(),
        except_clients: section.take("except_clients").unwrap_or_default(),
        deny,
        profiles: Vec::new(),
        set: session_keys::read(section.section("set")),
        priority: section
            .number("priority", -PRIORITY_MAX..=PRIORITY_MAX)
            .unwrap_or_default(),
    };
    section.finish();
    for glob in globs {
        let matching: Vec<usize> = profiles.matching(&glob.value).collect();
        if matching.is_empty() {
            no_profile(&glob, profiles, problems);
        }
        if !deny {
            given.extend(matching);
        }
        rule.profiles.push(glob.value);
    }
    rule
}

/// Names of rules stand in explanations and in logs.
fn check_name(name: &str, section: &Section<'_>) {
    if name.trim().is_empty() || name.len() > NAME_BYTES_MAX || name.chars().any(char::is_control) {
        let message = format!("the name of a rule has 1 to {NAME_BYTES_MAX} bytes and no control characters");
        section.problems().error(section.header(), message);
    }
}

/// Checks that the rule says whom it is for and what it is about.
fn check_conditions(section: &Section<'_>) {
    let title = section.title();
    if !["everyone", "groups", "users", "clients"]
        .iter()
        .any(|key| section.has(key))
    {
        let hint = "write groups = [\"students\"], or everyone = true".to_owned();
        section.problems().add_absence(
            Diagnostic::error(section.header(), format!("{title} does not say whom it is for")).hint(hint),
        );
    }
    if !section.has("profiles") {
        section.miss("profiles", "[\"xfce\"]");
    }
}

/// The list of a condition. An empty one is refused: it could be read as nobody and as everybody.
fn conditions<T: FromValue>(section: &mut Section<'_>, key: &'static str) -> Vec<T> {
    let Some(Located { value, place }) = section.take::<Located<Vec<T>>>(key) else {
        return Vec::new();
    };
    if value.is_empty() {
        let problem = Diagnostic::error(&place, format!("`{key}` is empty"));
        let hint = "leave it out, or write everyone = true";
        section
            .problems()
            .add(problem.hint((key != "profiles").then(|| hint.to_owned())));
    }
    value
}

/// Notes that a rule names a profile that is not there.
fn no_profile(glob: &Located<Glob>, profiles: &ProfileIds, problems: &Problems) {
    let text = glob.value.as_str();
    let message = match glob.value.exact() {
        Some(_) => format!("there is no profile `{text}`"),
        None => format!("no profile is like `{text}`"),
    };
    let hint = profiles
        .nearest(text)
        .map(|meant| format!("did you mean {}?", list(&[meant])));
    problems.add_absence(Diagnostic::error(&glob.place, message).hint(hint));
}
