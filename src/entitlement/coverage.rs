//! Which profiles a rule is about: its globs resolved once, when the configuration is read.

use std::collections::HashMap;
use std::sync::Arc;

use super::{Glob, Profile};

/// The profiles one rule is about, as positions in the list of profiles.
#[derive(Debug)]
pub(super) struct Coverage(Vec<Arc<[usize]>>);

impl Coverage {
    /// Whether the profile at this position is among them.
    pub(super) fn contains(&self, profile: usize) -> bool {
        self.0.iter().any(|part| part.binary_search(&profile).is_ok())
    }

    /// Their positions; one that two globs stand for comes twice.
    pub(super) fn iter(&self) -> impl Iterator<Item = usize> {
        self.0.iter().flat_map(|part| part.iter().copied())
    }
}

/// Resolves the globs of rules. Rules that say the same share the answer, so that thousands of rules about
/// `*` cost one list.
pub(super) struct Resolver {
    /// Folded ids and positions, in order.
    ids: Vec<(String, usize)>,
    known: HashMap<String, Arc<[usize]>>,
}

impl Resolver {
    pub(super) fn new(profiles: &[Profile]) -> Self {
        let mut ids: Vec<_> = profiles
            .iter()
            .enumerate()
            .map(|(at, profile)| (profile.id.as_str().to_lowercase(), at))
            .collect();
        ids.sort();
        Self {
            ids,
            known: HashMap::new(),
        }
    }

    /// The profiles that these globs stand for.
    pub(super) fn coverage(&mut self, globs: &[Glob]) -> Coverage {
        Coverage(globs.iter().map(|glob| self.resolve(glob)).collect())
    }

    fn resolve(&mut self, glob: &Glob) -> Arc<[usize]> {
        if let Some(known) = self.known.get(glob.folded()) {
            return Arc::clone(known);
        }
        let prefix = glob.prefix();
        let start = self.ids.partition_point(|(id, _)| id.as_str() < prefix);
        let mut found: Vec<_> = self
            .ids
            .iter()
            .skip(start)
            .take_while(|(id, _)| id.starts_with(prefix))
            .filter(|(id, _)| glob.matches(id))
            .map(|(_, at)| *at)
            .collect();
        found.sort_unstable();
        let found: Arc<[usize]> = found.into();
        self.known.insert(glob.folded().to_owned(), Arc::clone(&found));
        found
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::sample::{globs, profile};
    use super::*;

    proptest! {
        #[test]
        fn coverage_is_every_profile_that_a_glob_matches(
            ids in proptest::collection::btree_set("[abA]{1,4}", 0..12),
            patterns in proptest::collection::vec("[ab?*]{1,4}", 1..4),
        ) {
            let profiles: Vec<_> = ids.iter().map(|id| profile(id, &[])).collect();
            let patterns: Vec<_> = patterns.iter().map(String::as_str).collect();
            let globs = globs(&patterns);
            let mut resolver = Resolver::new(&profiles);
            for coverage in [resolver.coverage(&globs), resolver.coverage(&globs)] {
                for (at, id) in ids.iter().enumerate() {
                    let meant = globs.iter().any(|glob| glob.matches(&id.to_lowercase()));
                    prop_assert_eq!(coverage.contains(at), meant, "{}", id);
                    prop_assert_eq!(coverage.iter().any(|covered| covered == at), meant, "{}", id);
                }
            }
        }
    }
}
