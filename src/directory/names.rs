//! Which groups share a name. A bare name in a rule means the one group of that name; a name that two groups have
//! means neither. So for every group of a person it must be known whether others have its name too.
//!
//! To ask that at every login would cost a search. Instead the answer is kept, for a bounded number of names:
//! asked for when a name or a DN turns up that is not known yet, and again for all names in use by
//! [`Names::due`] every [`REFRESH`]. So it takes up to a minute until a second group of a known name counts as one,
//! unless the person at hand is in it: then its DN is new, and it counts at once.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::model::{Dn, GroupName};

/// How often all names in use are asked for again.
pub(super) const REFRESH: Duration = Duration::from_secs(60);
/// How old an answer may be when the last refreshes failed.
const USABLE: Duration = Duration::from_secs(3 * 60);
/// How long a name nobody asked for is kept.
const UNUSED_MAX: Duration = Duration::from_secs(60 * 60);
/// Most names kept.
const NAMES_MAX: usize = 10_000;

/// The names known, in lower case.
#[derive(Default)]
pub(super) struct Names {
    known: Mutex<HashMap<String, Known>>,
}

/// What is known about one name.
struct Known {
    /// The groups that have it.
    groups: HashSet<Dn>,
    /// When that was asked.
    asked: Instant,
    /// When somebody wanted to know.
    used: Instant,
}

/// The groups that have each of these names.
pub(super) type Holders = HashMap<String, HashSet<Dn>>;

impl Names {
    /// What is known about each pair of a name and the group it was seen at: whether the name is that group's
    /// alone, or nothing if it has to be asked for.
    pub fn look_up(&self, seen: &[(GroupName, Dn)]) -> Vec<Option<bool>> {
        let now = Instant::now();
        let mut known = self.lock();
        seen.iter()
            .map(|(name, dn)| {
                let known = known.get_mut(name.folded())?;
                known.used = now;
                let current = known.asked.elapsed() < USABLE && known.groups.contains(dn);
                current.then_some(known.groups.len() == 1)
            })
            .collect()
    }

    /// Keeps what was found out. When full, what was not used for longest makes room.
    pub fn keep(&self, holders: Holders) {
        let now = Instant::now();
        let mut known = self.lock();
        for (name, groups) in holders {
            let used = known.get(&name).map_or(now, |known| known.used);
            let asked = now;
            known.insert(name, Known { groups, asked, used });
        }
        if known.len() > NAMES_MAX {
            let mut uses: Vec<Instant> = known.values().map(|known| known.used).collect();
            uses.sort_unstable();
            if let Some(&limit) = uses.get(known.len() - NAMES_MAX) {
                known.retain(|_, known| known.used >= limit);
            }
        }
    }

    /// The names to ask for again: those in use. Forgets the others.
    pub fn due(&self) -> Vec<String> {
        let mut known = self.lock();
        known.retain(|_, known| known.used.elapsed() < UNUSED_MAX);
        known.keys().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(name: &str, dn: &str) -> (GroupName, Dn) {
        (GroupName::new(name).unwrap(), Dn::new(dn).unwrap())
    }

    fn holders(name: &str, dns: &[&str]) -> Holders {
        let dns = dns.iter().map(|dn| Dn::new(dn).unwrap());
        [(name.to_owned(), dns.collect())].into()
    }

    #[test]
    fn a_name_is_unique_until_a_second_group_has_it() {
        let names = Names::default();
        let lab = [seen("Lab", "cn=lab,ou=a")];
        assert_eq!(names.look_up(&lab), [None]);
        names.keep(holders("lab", &["cn=lab,ou=a"]));
        assert_eq!(names.look_up(&lab), [Some(true)]);
        assert_eq!(names.look_up(&[seen("lab", "cn=lab,ou=b")]), [None]);
        names.keep(holders("lab", &["cn=lab,ou=a", "cn=lab,ou=b"]));
        assert_eq!(names.look_up(&lab), [Some(false)]);
        assert_eq!(names.due(), ["lab"]);
    }

    #[test]
    fn a_group_that_vanished_has_no_name_of_its_own() {
        let names = Names::default();
        names.keep(holders("lab", &[]));
        assert_eq!(names.look_up(&[seen("lab", "cn=lab,ou=a")]), [None]);
    }

    #[test]
    fn the_number_of_names_is_bounded() {
        let names = Names::default();
        for batch in 0..3 {
            let many = (0..NAMES_MAX / 2).map(|at| (format!("{batch}-{at}"), HashSet::new()));
            names.keep(many.collect());
        }
        assert!(names.due().len() <= NAMES_MAX);
    }
}
