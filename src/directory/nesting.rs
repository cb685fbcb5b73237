//! From the groups that hold somebody directly to all of them, level by level. Pure: who holds a level is answered
//! by whoever asks, from the server or from the copy of its groups.

use std::collections::HashSet;

use crate::model::{Dn, GroupName, Membership};

use super::entry::Unavailable;
use super::search::Found;
use super::settings::Schema;

/// What the searches for groups are for, in messages.
pub(super) const PURPOSE: &str = "group search";
/// Deepest nesting followed. Real directories have a handful of levels; more is a mistake that must not grant.
const DEPTH_MAX: usize = 32;
/// Most groups one person may be in.
pub(super) const GROUPS_MAX: usize = 20_000;

/// A group that somebody is in.
#[derive(Debug, Clone)]
pub(super) struct Group {
    /// Its entry.
    pub dn: Dn,
    /// Its names, one at least.
    pub names: Vec<GroupName>,
    /// The groups between.
    pub via: Vec<GroupName>,
}

impl Group {
    /// A group of this schema from its entry. One that cannot be named cannot be matched by a rule, not even by a deny rule, so it
    /// is an error and not left out.
    ///
    /// # Errors
    /// Says what its entry lacks.
    pub fn read(found: &Found, schema: Schema, via: Vec<GroupName>) -> Result<Self, Unavailable> {
        let unnamed = |why: &str| unusable(&format!("the group {} {why}", found.dn));
        let dn = Dn::new(&found.dn).map_err(|invalid| unnamed(&invalid.to_string()))?;
        let naming = schema.group_name();
        let names = found
            .attributes
            .get(naming)
            .map(Vec::as_slice)
            .unwrap_or_default();
        let names = names
            .iter()
            .map(|name| GroupName::new(name).map_err(|invalid| unnamed(&invalid.to_string())))
            .collect::<Result<Vec<_>, _>>()?;
        if names.is_empty() {
            return Err(unnamed(&format!("has no readable {naming}")));
        }
        Ok(Self { dn, names, via })
    }

    /// The path of a group that holds this one.
    pub fn path(&self) -> Vec<GroupName> {
        let step = self.names.first().cloned();
        self.via.iter().cloned().chain(step).collect()
    }

    /// One membership for each of its names. `unique` says whether a name is this group's alone.
    pub fn memberships(&self, mut unique: impl FnMut(&GroupName) -> bool) -> Vec<Membership> {
        let membership = |name: &GroupName| Membership {
            name: name.clone(),
            dn: Some(self.dn.clone()),
            via: self.via.clone(),
            unique: unique(name),
        };
        self.names.iter().map(membership).collect()
    }
}

/// The way up from somebody's direct groups.
pub(super) struct Climb {
    known: HashSet<Dn>,
    below: Vec<Group>,
    level: Vec<Group>,
    height: usize,
}

impl Climb {
    /// Begins at the direct groups.
    pub fn from(mut direct: Vec<Group>) -> Self {
        sort(&mut direct);
        Self {
            known: direct.iter().map(|group| group.dn.clone()).collect(),
            below: Vec::new(),
            level: direct,
            height: 0,
        }
    }

    /// The groups found last, for which those that hold them are still to be found. Empty at the top.
    pub fn level(&self) -> &[Group] {
        &self.level
    }

    /// Goes up to the groups that hold the level, each with its path; those that are known already close a cycle, or
    /// are reached by a shorter path.
    ///
    /// # Errors
    /// There are too many groups or levels.
    pub fn rise(&mut self, mut outer: Vec<Group>) -> Result<(), Unavailable> {
        outer.retain(|group| self.known.insert(group.dn.clone()));
        if self.known.len() > GROUPS_MAX {
            return Err(unusable(&format!("a user is in more than {GROUPS_MAX} groups")));
        }
        self.height += 1;
        if self.height == DEPTH_MAX {
            return Err(unusable(&format!("groups are nested deeper than {DEPTH_MAX}")));
        }
        sort(&mut outer);
        self.below.append(&mut self.level);
        self.level = outer;
        Ok(())
    }

    /// All groups, nearest first.
    pub fn all(mut self) -> Vec<Group> {
        self.below.append(&mut self.level);
        self.below
    }
}

/// Puts a level into an order that does not depend on who was asked. A group that holds several of them gets the path
/// through the first.
fn sort(level: &mut [Group]) {
    level.sort_by(|one, other| one.dn.normal().cmp(other.dn.normal()));
}

/// Groups that cannot be used.
pub(super) fn unusable(why: &str) -> Unavailable {
    Unavailable {
        cause: format!("{PURPOSE}: {why}"),
    }
}
