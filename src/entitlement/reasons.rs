//! Why a rule matches or does not, in words.

use super::matching::{During, FromClient, InGroup, Match, Mismatch, shared_name};
use super::subject::Subject;
use super::{AttributeCondition, GroupPattern, Rule};
use crate::model::Membership;

/// What met the conditions of a rule that matches.
pub(super) fn why(found: &Match<'_>, subject: &Subject<'_>) -> Vec<String> {
    let groups = found
        .group
        .iter()
        .chain(&found.all_groups)
        .map(|group| format!("in group {}", told(*group)));
    let user = found.user.map(|user| format!("user matches `{user}`"));
    let attributes = found
        .attributes
        .iter()
        .map(|(attribute, value)| format!("{} is `{value}`", attribute.written()));
    let client = found.client.map(|client| match client {
        FromClient::In(network) => format!("client is in {network}"),
        FromClient::Unknown => "client address unknown, which a deny rule counts as a match".to_owned(),
    });
    let hours = found.hours.map(|during| match during {
        During::In(hours) => {
            let there = subject.context.now.map(|now| hours.told(now)).unwrap_or_default();
            format!("within {hours} (it is {there})")
        }
        During::Unknown => "time unknown, which a deny rule counts as a match".to_owned(),
    });
    let because: Vec<_> = groups
        .chain(user)
        .chain(attributes)
        .chain(client)
        .chain(hours)
        .collect();
    if because.is_empty() {
        return vec!["matches everyone".to_owned()];
    }
    because
}

/// The condition that does not hold.
pub(super) fn why_not(rule: &Rule, mismatch: Mismatch<'_>, subject: &Subject<'_>) -> String {
    let not_in = |patterns: &[GroupPattern], otherwise: String| match shared_name(patterns, subject) {
        Some(group) => format!(
            "in group {}, but the directory has another group of that name; write its distinguished name",
            told(group)
        ),
        None => otherwise,
    };
    match mismatch {
        Mismatch::NobodyNamed => {
            "names nobody: no groups, users, attributes or clients, and not everyone".to_owned()
        }
        Mismatch::Groups => not_in(
            &rule.groups,
            format!("in none of its groups ({})", list(&rule.groups)),
        ),
        Mismatch::AllGroups(pattern) => not_in(
            std::slice::from_ref(pattern),
            format!(
                "not in group {pattern}, and it wants all of {}",
                list(&rule.all_groups)
            ),
        ),
        Mismatch::Users => format!("not one of its users ({})", list(&rule.users)),
        Mismatch::Attribute(attribute) => without(attribute, subject),
        Mismatch::Clients => format!("client is in none of its networks ({})", list(&rule.clients)),
        Mismatch::ClientUnknown => "it has clients, and the client address is unknown".to_owned(),
        Mismatch::Hours => {
            let told = |now| rule.hours.first().map(|hours| hours.told(now));
            let there = subject.context.now.and_then(told).unwrap_or_default();
            format!("outside its hours ({}): it is {there}", list(&rule.hours))
        }
        Mismatch::TimeUnknown => "it has hours, and the time is unknown".to_owned(),
        Mismatch::ExceptGroup(group) => format!("excepts group {}", told(group)),
        Mismatch::ExceptUser(user) => format!("excepts users like `{user}`"),
        Mismatch::ExceptClient(FromClient::In(network)) => format!("excepts clients in {network}"),
        Mismatch::ExceptClient(FromClient::Unknown) => {
            "it excepts clients, and the client address is unknown".to_owned()
        }
    }
}

fn without(attribute: &AttributeCondition, subject: &Subject<'_>) -> String {
    let name = attribute.written();
    match subject.attribute(attribute.name()) {
        [] => format!("no attribute {name}"),
        values => format!("{name} is {}, and not {}", list(values), list(attribute.values())),
    }
}

/// The path to a group, and the pattern that means it where that is not its name.
fn told(group: InGroup<'_>) -> String {
    let path = path(group.membership);
    let pattern = group.pattern.to_string();
    if pattern.to_lowercase() == group.membership.name.folded() {
        path
    } else {
        format!("{path} (by `{pattern}`)")
    }
}

/// The words of a list, shortened where nobody would read on.
fn list(items: &[impl ToString]) -> String {
    const SHOWN_MAX: usize = 8;
    let mut shown: Vec<_> = items.iter().take(SHOWN_MAX).map(ToString::to_string).collect();
    if items.len() > SHOWN_MAX {
        shown.push(format!("{} more", items.len() - SHOWN_MAX));
    }
    shown.join(", ")
}

/// From the group itself down to the one the person is directly in.
pub(super) fn path(membership: &Membership) -> String {
    let mut path = membership.name.to_string();
    for group in membership.via.iter().rev() {
        path.push_str(" ← ");
        path.push_str(group.as_str());
    }
    path
}
