//! One person on one request, prepared so that rules find the groups they name without reading them all.

use super::{Context, Glob, GroupPattern};
use crate::model::{Membership, Person};

/// One person on one request.
pub(super) struct Subject<'a> {
    /// The person.
    pub(super) person: &'a Person,
    /// The request.
    pub(super) context: Context,
    user: String,
    /// The memberships in order of their folded names.
    by_name: Vec<&'a Membership>,
    /// Those whose entry is known, in order of its normal form.
    by_dn: Vec<(&'a str, &'a Membership)>,
}

/// Which memberships a bare group name in a rule means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Names {
    /// Only those whose name no other group of the source shares.
    Unique,
    /// All of that name.
    Any,
}

impl<'a> Subject<'a> {
    pub(super) fn new(person: &'a Person, context: Context) -> Self {
        let mut by_name: Vec<_> = person.groups.iter().collect();
        by_name.sort_by(|a, b| a.name.folded().cmp(b.name.folded()));
        let mut by_dn: Vec<_> = person
            .groups
            .iter()
            .filter_map(|group| Some((group.dn.as_ref()?.normal(), group)))
            .collect();
        by_dn.sort_by_key(|(dn, _)| *dn);
        Self {
            person,
            context,
            user: person.account.user.folded(),
            by_name,
            by_dn,
        }
    }

    /// The canonical user name in lower case.
    pub(super) fn user(&self) -> &str {
        &self.user
    }

    /// The memberships, in order of their folded names.
    pub(super) fn memberships(&self) -> impl Iterator<Item = &'a Membership> {
        self.by_name.iter().copied()
    }

    /// The folded names of the groups, in order; a name that two groups share comes twice.
    pub(super) fn group_names(&self) -> impl Iterator<Item = &str> {
        self.by_name.iter().map(|group| group.name.folded())
    }

    /// The normal forms of the groups' distinguished names.
    pub(super) fn group_dns(&self) -> impl Iterator<Item = &str> {
        self.by_dn.iter().map(|(dn, _)| *dn)
    }

    /// The values of an attribute, whose name must be in lower case; none if it is not there.
    pub(super) fn attribute(&self, name: &str) -> &'a [String] {
        self.person
            .attributes
            .get(name)
            .map(Vec::as_slice)
            .unwrap_or_default()
    }

    /// A membership that the pattern means, if there is one. A distinguished name means its one group
    /// whoever else has the bare name.
    pub(super) fn in_group(&self, pattern: &GroupPattern, names: Names) -> Option<&'a Membership> {
        match pattern {
            GroupPattern::Dn(dn) => {
                let at = self
                    .by_dn
                    .binary_search_by_key(&dn.normal(), |(dn, _)| *dn)
                    .ok()?;
                self.by_dn.get(at).map(|(_, group)| *group)
            }
            GroupPattern::Name(glob) => self
                .named_like(glob)
                .find(|group| names == Names::Any || group.unique),
        }
    }

    /// The memberships whose bare name is like that, reading only those that begin as it does.
    pub(super) fn named_like(&self, glob: &Glob) -> impl Iterator<Item = &'a Membership> {
        let prefix = glob.prefix();
        let start = self.by_name.partition_point(|group| group.name.folded() < prefix);
        self.by_name
            .iter()
            .skip(start)
            .copied()
            .take_while(move |group| group.name.folded().starts_with(prefix))
            .filter(|group| glob.matches(group.name.folded()))
    }
}
