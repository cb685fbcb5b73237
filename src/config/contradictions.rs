//! Rules that are legal and surely not meant: those that can never match, those that leave nothing for the others
//! to give, those that give nothing, and the profiles that nobody can get for these reasons.

use std::collections::BTreeSet;

use super::diagnostic::{Diagnostic, Problems};
use super::profile_ids::ProfileIds;
use super::section::list;
use super::shadowed::{covers, covers_name, taken_back_by};
use super::source::Place;
use crate::entitlement::{Glob, GroupPattern, Rule};

/// Most profiles that a warning names.
const PROFILES_TOLD_MAX: usize = 4;

/// Warns of the rules that are surely not meant as they are, and of profiles that nobody can get. `headers` are where the
/// rules begin.
pub(super) fn warn(rules: &[Rule], headers: &[Place], profiles: &ProfileIds, problems: &Problems) {
    let (mut given, mut gettable) = (BTreeSet::new(), BTreeSet::new());
    for rule in rules.iter().filter(|rule| !rule.deny) {
        given.extend(about(rule, profiles));
    }
    for (rule, header) in rules.iter().zip(headers) {
        if let Some(exceptions) = never_matches(rule) {
            let message = format!(
                "[rule.{}] can never match: its `{exceptions}` leave nobody",
                rule.name
            );
            problems.add(Diagnostic::warning(header, message));
        } else if takes_from_everybody(rule) {
            warn_of_taking(rule, header, profiles, &given, problems);
        } else if let Some(deny) = taken_back_by(rule, rules, profiles)
            && !takes_from_everybody(deny)
        {
            let message = format!(
                "[rule.{}] gives nothing: [rule.{}] takes all of its profiles from everybody whom it matches",
                rule.name, deny.name
            );
            problems.add(Diagnostic::warning(header, message));
        } else if !rule.deny {
            gettable.extend(about(rule, profiles));
        }
    }
    profiles.warn_of_others(&given, &gettable, problems);
}

/// The positions of the profiles that a rule is about.
fn about<'a>(rule: &'a Rule, profiles: &'a ProfileIds) -> impl Iterator<Item = usize> + 'a {
    rule.profiles.iter().flat_map(|glob| profiles.matching(glob))
}

/// The key whose exceptions leave nobody for the rule to match, whatever anybody's groups are.
fn never_matches(rule: &Rule) -> Option<&'static str> {
    let excepted = |pattern: &GroupPattern| rule.except_groups.iter().any(|except| covers(except, pattern));
    let users_excepted = |user: &Glob| rule.except_users.iter().any(|except| covers_name(except, user));
    if all(&rule.groups, excepted) || rule.all_groups.iter().any(excepted) {
        Some("except_groups")
    } else if all(&rule.users, users_excepted) {
        Some("except_users")
    } else if all(&rule.clients, |client| {
        rule.except_clients.iter().any(|except| except.covers(client))
    }) {
        Some("except_clients")
    } else {
        None
    }
}

/// Whether the rule is a deny rule for everybody, everywhere and always.
fn takes_from_everybody(rule: &Rule) -> bool {
    rule.deny
        && rule.everyone
        && rule.all_groups.is_empty()
        && rule.attributes.is_empty()
        && rule.clients.is_empty()
        && rule.hours.is_empty()
        && rule.except_groups.is_empty()
        && rule.except_users.is_empty()
        && rule.except_clients.is_empty()
}

/// Warns of a rule that takes from everybody what another rule gives. `given` are the positions of the profiles
/// that rules give.
fn warn_of_taking(
    rule: &Rule,
    header: &Place,
    profiles: &ProfileIds,
    given: &BTreeSet<usize>,
    problems: &Problems,
) {
    let taken: BTreeSet<_> = about(rule, profiles)
        .filter(|profile| given.contains(profile))
        .collect();
    let names: Vec<_> = taken
        .iter()
        .filter_map(|profile| profiles.text(*profile))
        .collect();
    if names.is_empty() {
        return;
    }
    let mut told = list(names.get(..PROFILES_TOLD_MAX).unwrap_or(&names));
    if names.len() > PROFILES_TOLD_MAX {
        told = format!("{told} and {} more", names.len() - PROFILES_TOLD_MAX);
    }
    let message = format!(
        "[rule.{}] takes {told} from everybody, whatever other rules give",
        rule.name
    );
    problems.add(Diagnostic::warning(header, message));
}

/// Whether there are some and it is true of all of them.
fn all<T>(items: &[T], is: impl FnMut(&T) -> bool) -> bool {
    !items.is_empty() && items.iter().all(is)
}
