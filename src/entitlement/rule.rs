//! Rules as the admin wrote them.

use std::collections::BTreeMap;

use super::{Glob, GroupPattern, ProfileValue};
use crate::model::Network;

/// One rule. All of its conditions must hold; a condition that was not written holds. So a rule with
/// `groups`, `users` and `clients` matches one of these users who is in one of these groups and sits in one
/// of these networks. A rule that has none of the three matches nobody unless it says `everyone`.
///
/// What is not known for sure gives less: a group name that two groups share and an unknown client address
/// keep an allow rule from matching, and let a deny rule match, as conditions and as exceptions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Its name: `[rule.NAME]`.
    pub name: String,
    /// Whether it needs no groups, users or clients. It lifts none of the conditions that it has.
    pub everyone: bool,
    /// In any of these groups.
    pub groups: Vec<GroupPattern>,
    /// One of these users, by canonical name.
    pub users: Vec<Glob>,
    /// From any of these networks.
    pub clients: Vec<Network>,
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
