//! Rules as the admin wrote them.

use std::collections::BTreeMap;

use super::{AttributeCondition, Glob, GroupPattern, Hours, ProfileValue};
use crate::model::Network;

/// One rule. All of its conditions must hold; a condition that was not written holds. So a rule with
/// `groups`, `users` and `clients` matches one of these users who is in one of these groups and sits in one
/// of these networks. A rule that says nothing of whom it is for (`hours` does not) matches nobody unless it
/// says `everyone`.
///
/// What is not known for sure gives less: a group name that two groups share, an unknown client address and an
/// unknown time keep an allow rule from matching, and let a deny rule match, as conditions and as exceptions.
/// An attribute that an entry does not have is no such doubt, for entries are read completely: no condition on
/// it holds, in allow and deny rules alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Its name: `[rule.NAME]`.
    pub name: String,
    /// Whether it needs no groups, users, attributes or clients. It lifts none of the conditions that it has.
    pub everyone: bool,
    /// In any of these groups.
    pub groups: Vec<GroupPattern>,
    /// In each of these groups; for a pattern, in one that it stands for.
    pub all_groups: Vec<GroupPattern>,
    /// One of these users, by canonical name.
    pub users: Vec<Glob>,
    /// With each of these attributes.
    pub attributes: Vec<AttributeCondition>,
    /// From any of these networks.
    pub clients: Vec<Network>,
    /// At any of these times.
    pub hours: Vec<Hours>,
    /// And in none of these groups.
    pub except_groups: Vec<GroupPattern>,
    /// And none of these users.
    pub except_users: Vec<Glob>,
    /// And from none of these networks.
    pub except_clients: Vec<Network>,
    /// Whether it takes profiles away.
    pub deny: bool,
    /// The profiles it is about, by id.
    pub profiles: Vec<Glob>,
    /// Keys it changes in the profiles it offers. Those of a deny rule change nothing.
    pub set: BTreeMap<&'static str, ProfileValue>,
    /// Order of `set`: a higher one counts over a lower one; ties go to the later name.
    pub priority: i64,
}

impl Rule {
    /// Whether it says whom it is for.
    pub(super) fn names_somebody(&self) -> bool {
        self.everyone
            || !self.groups.is_empty()
            || !self.all_groups.is_empty()
            || !self.users.is_empty()
            || !self.attributes.is_empty()
            || !self.clients.is_empty()
    }
}
