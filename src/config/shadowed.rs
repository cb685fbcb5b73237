//! Rules that give nothing, because one rule takes all of it back from everybody whom they match.

use super::profile_ids::ProfileIds;
use crate::entitlement::{AttributeCondition, Glob, GroupPattern, Rule};

/// The rule that takes back all that this one gives, from everybody whom it matches, as far as their words alone tell;
/// there may be others that the eye would find.
pub(super) fn taken_back_by<'r>(rule: &Rule, rules: &'r [Rule], profiles: &ProfileIds) -> Option<&'r Rule> {
    if rule.deny {
        return None;
    }
    let mut denying = rules.iter().filter(|other| other.deny);
    denying.find(|deny| {
        matches_whomever(deny, rule)
            && rule
                .profiles
                .iter()
                .flat_map(|glob| profiles.matching(glob))
                .all(|profile| {
                    let mut globs = deny.profiles.iter();
                    globs.any(|glob| profiles.is_like(profile, glob))
                })
    })
}

/// Whether the first rule, a deny rule, matches whenever the second does: each of its conditions follows from one of the
/// second's, and each of its exceptions is one of the second's, too. What is in doubt is on its side: it counts for deny
/// rules.
fn matches_whomever(deny: &Rule, rule: &Rule) -> bool {
    let group_conditions = || {
        std::iter::once(rule.groups.as_slice())
            .chain(rule.all_groups.iter().map(std::slice::from_ref))
            .filter(|any_of| !any_of.is_empty())
    };
    let implied =
        |wanted: &[GroupPattern]| group_conditions().any(|any_of| all_covered(any_of, wanted, covers));
    (deny.groups.is_empty() || implied(&deny.groups))
        && deny
            .all_groups
            .iter()
            .all(|wanted| implied(std::slice::from_ref(wanted)))
        && narrowed(&rule.users, &deny.users, covers_name)
        && deny.attributes.iter().all(|wanted| {
            let mut attributes = rule.attributes.iter();
            attributes.any(|attribute| attribute_implies(attribute, wanted))
        })
        && narrowed(&rule.clients, &deny.clients, |wide, narrow| wide.covers(narrow))
        && narrowed(&rule.hours, &deny.hours, |one, other| one == other)
        && all_covered(&deny.except_groups, &rule.except_groups, covers)
        && all_covered(&deny.except_users, &rule.except_users, covers_name)
        && all_covered(&deny.except_clients, &rule.except_clients, |wide, narrow| {
            wide.covers(narrow)
        })
}

/// Whether a condition that one of `wide` holds follows from one that one of `narrow` does. An empty one always holds.
fn narrowed<T>(narrow: &[T], wide: &[T], covers: impl Fn(&T, &T) -> bool) -> bool {
    wide.is_empty() || (!narrow.is_empty() && all_covered(narrow, wide, covers))
}

fn all_covered<T>(narrow: &[T], wide: &[T], covers: impl Fn(&T, &T) -> bool) -> bool {
    narrow
        .iter()
        .all(|narrow| wide.iter().any(|wide| covers(wide, narrow)))
}

fn attribute_implies(attribute: &AttributeCondition, wanted: &AttributeCondition) -> bool {
    // Values of some attributes tell upper from lower case, which patterns otherwise do not.
    let in_one_case = |glob: &Glob| glob.as_str() == glob.folded();
    let covers_value = |wide: &Glob, narrow: &Glob| {
        covers_name(wide, narrow)
            && (wide.as_str() == narrow.as_str() || in_one_case(wide) && in_one_case(narrow))
    };
    attribute.name() == wanted.name() && all_covered(attribute.values(), wanted.values(), covers_value)
}

/// Whether every group that the second stands for is one of the first's, as far as the patterns alone say.
pub(super) fn covers(first: &GroupPattern, second: &GroupPattern) -> bool {
    match (first, second) {
        (GroupPattern::Name(first), GroupPattern::Name(second)) => covers_name(first, second),
        (GroupPattern::Name(first), GroupPattern::Dn(_)) => first.as_str() == "*",
        (GroupPattern::Dn(first), GroupPattern::Dn(second)) => first == second,
        (GroupPattern::Dn(_), GroupPattern::Name(_)) => false,
    }
}

/// Whether every name that the second stands for is one of the first's, as far as the patterns alone say.
pub(super) fn covers_name(first: &Glob, second: &Glob) -> bool {
    first == second || first.as_str() == "*" || second.exact().is_some_and(|name| first.matches(name))
}
