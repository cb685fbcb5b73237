//! The ids of all profiles that were written, faulty ones included, for what names them.

use std::collections::BTreeSet;

use super::diagnostic::{Diagnostic, Problems};
use super::source::Place;
use crate::entitlement::Glob;
use crate::model::did_you_mean;

/// The ids of profiles, to be found by globs.
#[derive(Debug, Default)]
pub(super) struct ProfileIds(Vec<WrittenId>);

/// One id.
#[derive(Debug)]
pub(super) struct WrittenId {
    /// As globs compare it.
    folded: String,
    /// As it was written.
    text: String,
    header: Place,
    /// Whether another profile builds on it.
    extended: bool,
}

impl WrittenId {
    /// An id with where its profile begins, and whether another profile builds on it.
    pub(super) fn new(text: &str, header: &Place, extended: bool) -> Self {
        Self {
            folded: text.to_lowercase(),
            text: text.to_owned(),
            header: header.clone(),
            extended,
        }
    }
}

impl ProfileIds {
    /// Puts ids in order, and notes those that differ only in case.
    pub(super) fn new(mut ids: Vec<WrittenId>, problems: &Problems) -> Self {
        ids.sort_by(|a, b| a.folded.cmp(&b.folded));
        for pair in ids.windows(2) {
            if let [first, second] = pair
                && first.folded == second.folded
            {
                let message = format!(
                    "profile `{}` differs from `{}` only in case",
                    second.text, first.text
                );
                problems.error(&second.header, message);
            }
        }
        Self(ids)
    }

    /// Whether a profile with exactly this id was written.
    pub(super) fn contains(&self, text: &str) -> bool {
        self.header(text).is_some()
    }

    /// Where the profile with exactly this id begins.
    pub(super) fn header(&self, text: &str) -> Option<&Place> {
        let folded = text.to_lowercase();
        let start = self.0.partition_point(|id| id.folded < folded);
        self.0
            .iter()
            .skip(start)
            .take_while(|id| id.folded == folded)
            .find(|id| id.text == text)
            .map(|id| &id.header)
    }

    /// The id at a position.
    pub(super) fn text(&self, position: usize) -> Option<&str> {
        self.0.get(position).map(|id| id.text.as_str())
    }

    /// The positions of the ids that a glob stands for.
    pub(super) fn matching<'a>(&'a self, glob: &'a Glob) -> impl Iterator<Item = usize> + 'a {
        let start = self.0.partition_point(|id| id.folded.as_str() < glob.prefix());
        self.0
            .iter()
            .enumerate()
            .skip(start)
            .take_while(|(_, id)| id.folded.starts_with(glob.prefix()))
            .filter(|(_, id)| glob.matches(&id.folded))
            .map(|(position, _)| position)
    }

    /// The id nearest to a misspelt one.
    pub(super) fn nearest(&self, text: &str) -> Option<&str> {
        did_you_mean(text, self.0.iter().map(|id| id.text.as_str()))
    }

    /// Whether the glob stands for the id at a position.
    pub(super) fn is_like(&self, position: usize, glob: &Glob) -> bool {
        self.0.get(position).is_some_and(|id| glob.matches(&id.folded))
    }

    /// Warns of the profiles that no rule gives and no other profile builds on, and of those that rules give, but none
    /// from which anybody could get them. Both are sets of positions.
    pub(super) fn warn_of_others(
        &self,
        given: &BTreeSet<usize>,
        gettable: &BTreeSet<usize>,
        problems: &Problems,
    ) {
        for (position, id) in self.0.iter().enumerate() {
            let message = if gettable.contains(&position) || (id.extended && !given.contains(&position)) {
                continue;
            } else if given.contains(&position) {
                format!(
                    "nobody can get profile `{}`: each rule that gives it can never match, or gives nothing",
                    id.text
                )
            } else {
                format!("no rule gives profile `{}` to anybody", id.text)
            };
            problems.add(Diagnostic::warning(&id.header, message));
        }
    }
}
