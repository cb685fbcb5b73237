//! Which groups share a name. A bare name in a rule means the one group of that name; a name that two groups have
//! means neither. So for every group of a person it must be known whether others have its name too.
//!
//! To ask that at every login would cost a search. Instead the answer is kept ([`super::kept`]): asked for when a
//! name or a DN turns up that is not known yet, and again every minute. So it takes up to a minute until a second
//! group of a known name counts as one, unless the person at hand is in it: then its DN is new, and it counts at once.

use std::collections::{HashMap, HashSet};

use crate::model::{Dn, GroupName};

use super::kept::Kept;

/// The names known, in lower case, each with the groups that have it.
#[derive(Default)]
pub(super) struct Names {
    known: Kept<String, HashSet<Dn>>,
}

/// The groups that have each of these names.
pub(super) type Holders = HashMap<String, HashSet<Dn>>;

impl Names {
    /// What is known about each pair of a name and the group it was seen at: whether the name is that group's
    /// alone, or nothing if it has to be asked for.
    pub fn look_up(&self, seen: &[(GroupName, Dn)]) -> Vec<Option<bool>> {
        seen.iter()
            .map(|(name, dn)| {
                let groups = self.known.get(name.folded())?;
                groups.contains(dn).then_some(groups.len() == 1)
            })
            .collect()
    }

    /// Keeps what was found out.
    pub fn keep(&self, holders: Holders) {
        self.known.keep(holders);
    }

    /// The names to ask for again: those in use. Forgets the others.
    pub fn due(&self) -> Vec<String> {
        self.known.due()
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
}
