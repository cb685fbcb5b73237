//! Which rules can match at all, found by the person's name and groups instead of by trying every rule.

use std::collections::HashMap;

use super::subject::Subject;
use super::{Glob, GroupPattern, Rule};

/// The rules, by one condition that must hold for them to match: the users they name, or else the groups.
/// A rule whose condition cannot be looked up (a pattern with `*`, `everyone`, clients alone) is always tried.
#[derive(Debug, Default)]
pub(super) struct Index {
    by_user: HashMap<String, Vec<usize>>,
    by_group_name: HashMap<String, Vec<usize>>,
    by_group_dn: HashMap<String, Vec<usize>>,
    always: Vec<usize>,
}

impl Index {
    /// Files each rule under its position.
    pub(super) fn new<'a>(rules: impl Iterator<Item = &'a Rule>) -> Self {
        let mut index = Self::default();
        for (at, rule) in rules.enumerate() {
            if let Some(users) = all_exact(&rule.users) {
                for user in users {
                    index.by_user.entry(user.to_owned()).or_default().push(at);
                }
            } else if can_be_looked_up(&rule.groups) {
                for group in &rule.groups {
                    index.file_under_group(group, at);
                }
            } else {
                index.always.push(at);
            }
        }
        index
    }

    fn file_under_group(&mut self, group: &GroupPattern, at: usize) {
        let (map, key) = match group {
            GroupPattern::Dn(dn) => (&mut self.by_group_dn, dn.normal()),
            GroupPattern::Name(name) => (&mut self.by_group_name, name.prefix()),
        };
        map.entry(key.to_owned()).or_default().push(at);
    }

    /// The positions of the rules that may match, in ascending order; no other rule does.
    pub(super) fn candidates(&self, subject: &Subject<'_>) -> Vec<usize> {
        let mut found = self.always.clone();
        found.extend(self.by_user.get(subject.user()).into_iter().flatten());
        found.extend(
            subject
                .group_names()
                .filter_map(|name| self.by_group_name.get(name))
                .flatten(),
        );
        found.extend(
            subject
                .group_dns()
                .filter_map(|dn| self.by_group_dn.get(dn))
                .flatten(),
        );
        found.sort_unstable();
        found.dedup();
        found
    }
}

/// The names that these patterns stand for, if there are any and each stands for one.
fn all_exact(globs: &[Glob]) -> Option<Vec<&str>> {
    let names: Vec<_> = globs.iter().map(Glob::exact).collect::<Option<_>>()?;
    (!names.is_empty()).then_some(names)
}

/// Whether there are patterns and each stands for one group name or one entry.
fn can_be_looked_up(groups: &[GroupPattern]) -> bool {
    let exact = |group: &GroupPattern| match group {
        GroupPattern::Dn(_) => true,
        GroupPattern::Name(name) => name.exact().is_some(),
    };
    !groups.is_empty() && groups.iter().all(exact)
}
