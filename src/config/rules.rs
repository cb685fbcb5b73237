//! `[rule.NAME]`: who may have which profiles.

use super::contradictions;
use super::diagnostic::{Diagnostic, Problems};
use super::profile_ids::ProfileIds;
use super::section::{Section, list};
use super::session_keys;
use super::source::Place;
use super::value::{ByName, FromValue, Located, Named, OneOrMany};
use crate::entitlement::{AttributeCondition, Glob, Hours, Rule};

/// Longest name of a rule, in bytes.
const NAME_BYTES_MAX: usize = 64;
const PRIORITY_MAX: i64 = 1_000_000;
/// The keys that say whom a rule is for, with which `everyone = true` makes no sense. `clients` says it, too, and
/// goes with `everyone`: everybody there.
const PERSONAL: [&str; 4] = ["groups", "all_groups", "users", "attributes"];

/// The rules.
pub(super) struct Rules {
    pub(super) rules: Vec<Rule>,
    /// For each rule, where it begins.
    headers: Vec<Place>,
}

impl Rules {
    /// Each rule with where it begins.
    pub(super) fn with_headers(&self) -> impl Iterator<Item = (&Rule, &Place)> {
        self.rules.iter().zip(&self.headers)
    }

    /// Warns of what is surely not meant as it is.
    pub(super) fn warn_of_contradictions(&self, profiles: &ProfileIds, problems: &Problems) {
        contradictions::warn(&self.rules, &self.headers, profiles, problems);
    }
}

/// Reads `[rule.*]`.
pub(super) fn read(root: &mut Section<'_>, profiles: &ProfileIds) -> Rules {
    let (headers, rules) = root
        .named("rule")
        .into_iter()
        .map(|(name, section)| {
            let header = section.header().clone();
            (header, rule(name, section, profiles))
        })
        .unzip();
    Rules { rules, headers }
}

fn rule(name: String, mut section: Section<'_>, profiles: &ProfileIds) -> Rule {
    let problems = section.problems();
    check_name(&name, &section);
    check_conditions(&section);
    let everyone = section.take::<Located<bool>>("everyone");
    if let Some(Located { value: true, place }) = &everyone
        && let Some(other) = PERSONAL.into_iter().find(|key| section.has(key))
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
        all_groups: conditions(&mut section, "all_groups"),
        users: conditions(&mut section, "users"),
        attributes: attributes(&mut section),
        clients: conditions(&mut section, "clients"),
        hours: hours(&mut section),
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
        if profiles.matching(&glob.value).next().is_none() {
            no_profile(&glob, profiles, problems);
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
    if !["everyone", "clients"]
        .iter()
        .chain(&PERSONAL)
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
        let hint = match key {
            "profiles" => None,
            _ => Some("leave it out, or write everyone = true".to_owned()),
        };
        empty(key, &place, hint, section.problems());
    }
    value
}

fn empty(key: &str, place: &Place, hint: Option<String>, problems: &Problems) {
    problems.add(Diagnostic::error(place, format!("`{key}` is empty")).hint(hint));
}

/// `hours`, one text or a list of them.
fn hours(section: &mut Section<'_>) -> Vec<Hours> {
    let Some(Located { value, place }) = section.take::<Located<OneOrMany<Hours>>>("hours") else {
        return Vec::new();
    };
    if value.0.is_empty() {
        let hint = "leave it out: a rule without hours counts always";
        empty("hours", &place, Some(hint.to_owned()), section.problems());
    }
    value.0
}

/// `attributes = { NAME = "VALUE", NAME = ["VALUE", …] }`.
fn attributes(section: &mut Section<'_>) -> Vec<AttributeCondition> {
    let problems = section.problems();
    let Some(Located { value, place }) = section.take::<Located<ByName<Glob>>>("attributes") else {
        return Vec::new();
    };
    if value.0.is_empty() {
        let hint = "write it like { departmentNumber = [\"42\", \"43\"] }".to_owned();
        empty("attributes", &place, Some(hint), problems);
    }
    let conditions = value.0.into_iter().filter_map(|Named { name, values }| {
        if values.is_empty() {
            let hint = "write \"*\" where any value will do".to_owned();
            empty(&name.value, &name.place, Some(hint), problems);
        }
        AttributeCondition::new(&name.value, values)
            .map_err(|why| problems.error(&name.place, why.to_string()))
            .ok()
    });
    conditions.collect()
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
