//! Rules that are legal and surely not meant: those that can never match, and those that leave nothing for the
//! others to give.

use std::collections::BTreeSet;

use super::diagnostic::{Diagnostic, Problems};
use super::profile_ids::ProfileIds;
use super::section::list;
use super::source::Place;
use crate::entitlement::{Glob, GroupPattern, Rule};

/// Most profiles that a warning names.
const PROFILES_TOLD_MAX: usize = 4;

/// Warns of a rule whose exceptions leave nobody, whatever anybody's groups are.
pub(super) fn warn_of_never(rule: &Rule, header: &Place, problems: &Problems) {
    let excepted = |pattern: &GroupPattern| rule.except_groups.iter().any(|except| covers(except, pattern));
    let users_excepted = |user: &Glob| rule.except_users.iter().any(|except| covers_name(except, user));
    let exceptions = if all(&rule.groups, excepted) || rule.all_groups.iter().any(excepted) {
        "except_groups"
    } else if all(&rule.users, users_excepted) {
        "except_users"
    } else if all(&rule.clients, |client| {
        rule.except_clients.iter().any(|except| except.covers(client))
    }) {
        "except_clients"
    } else {
        return;
    };
    let message = format!(
        "[rule.{}] can never match: its `{exceptions}` leave nobody",
        rule.name
    );
    problems.add(Diagnostic::warning(header, message));
}

/// Warns of a rule that takes from everybody what another rule gives. `given` are the positions of the profiles
/// that rules give.
pub(super) fn warn_of_shadow(
    rule: &Rule,
    header: &Place,
    profiles: &ProfileIds,
    given: &BTreeSet<usize>,
    problems: &Problems,
) {
    let from_everybody = rule.deny
        && rule.everyone
        && rule.all_groups.is_empty()
        && rule.attributes.is_empty()
        && rule.clients.is_empty()
        && rule.hours.is_empty()
        && rule.except_groups.is_empty()
        && rule.except_users.is_empty()
        && rule.except_clients.is_empty();
    if !from_everybody {
        return;
    }
    let taken: BTreeSet<_> = rule
        .profiles
        .iter()
        .flat_map(|glob| profiles.matching(glob))
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

/// Whether every group that the second stands for is one of the first's, as far as the patterns alone say.
fn covers(first: &GroupPattern, second: &GroupPattern) -> bool {
    match (first, second) {
        (GroupPattern::Name(first), GroupPattern::Name(second)) => covers_name(first, second),
        (GroupPattern::Name(first), GroupPattern::Dn(_)) => first.as_str() == "*",
        (GroupPattern::Dn(first), GroupPattern::Dn(second)) => first == second,
        (GroupPattern::Dn(_), GroupPattern::Name(_)) => false,
    }
}

fn covers_name(first: &Glob, second: &Glob) -> bool {
    first == second || first.as_str() == "*" || second.exact().is_some_and(|name| first.matches(name))
}
