//! The groups of the directory in memory, by what names them for ever, and found by whom they hold. Pure.

use std::collections::HashMap;
use std::sync::Arc;

use crate::directory::entry::Unavailable;
use crate::directory::nesting::Group;
use crate::directory::search::Found;
use crate::directory::way::Way;
use crate::model::{Dn, GroupName};

use super::value::Uuid;

/// Most bytes that the copy may hold, estimated: some 700,000 memberships.
const BYTES_MAX: usize = 64 * 1024 * 1024;
/// What a group, or a name or member of it, costs beside its text.
const BYTES_EACH: usize = 32;
/// Attributes of groups whose members the server works out when it is asked, so that nothing tells of a change.
const DYNAMIC: [&str; 2] = ["memberurl", "labeleduri"];

/// The attributes to ask for beside those that hold members.
pub(in crate::directory) const ATTRIBUTES: [&str; 3] =
    [crate::directory::nesting::NAME, DYNAMIC[0], DYNAMIC[1]];

/// Why the groups cannot be kept in memory.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(in crate::directory) enum Unfit {
    /// They take too much of it.
    #[error("they would take more than {} MiB of memory", BYTES_MAX / 1024 / 1024)]
    TooMuch,
    /// A group's members are the result of a search.
    #[error("the members of {0} are worked out by the server, which tells nobody of a change")]
    Dynamic(String),
}

/// A group as it is kept.
#[derive(Debug)]
pub(in crate::directory) struct Record {
    /// The group without a path, or why whoever is in it has no usable groups.
    group: Result<Group, Unavailable>,
    /// Its entry.
    dn: String,
    /// Its names as they are compared.
    names: Vec<String>,
    /// Whom it holds, as keys in order.
    holds: Vec<Arc<str>>,
    /// Whether it has no members that can be read.
    empty: bool,
    /// Whether its members are the result of a search.
    dynamic: bool,
}

impl Record {
    /// Keeps what is needed of an entry. Takes a moment for a group with very many members.
    pub fn new(found: &Found) -> Self {
        let attributes = || {
            found
                .attributes
                .iter()
                .map(|(name, values)| (name.split(';').next().unwrap_or(name), values))
        };
        let ways = || {
            attributes()
                .flat_map(|(name, values)| values.iter().filter_map(move |value| Way::of_value(name, value)))
        };
        let mut holds: Vec<Arc<str>> = ways().map(|way| Arc::from(way.key())).collect();
        holds.sort_unstable();
        holds.dedup();
        let names = found.attributes.get(ATTRIBUTES[0]).into_iter().flatten();
        let mut names: Vec<String> = names
            .filter_map(|name| GroupName::new(name).ok())
            .map(|name| name.folded().to_owned())
            .collect();
        names.sort_unstable();
        names.dedup();
        Self {
            group: Group::read(found, Vec::new()),
            dn: found.dn.clone(),
            names,
            holds,
            empty: ways().all(|way| matches!(way, Way::Number(_))),
            dynamic: attributes().any(|(name, values)| DYNAMIC.contains(&name) && !values.is_empty()),
        }
    }

    /// Its distinguished name.
    pub fn dn(&self) -> &str {
        &self.dn
    }

    fn bytes(&self) -> usize {
        let texts = self.names.iter().map(String::len);
        let texts = texts.chain(self.holds.iter().map(|key| key.len()));
        BYTES_EACH + self.dn.len() + texts.map(|length| length + BYTES_EACH).sum::<usize>()
    }
}

/// In which order groups came; stays with a group through its changes.
type Place = u64;

/// All groups.
#[derive(Debug, Default)]
pub(in crate::directory) struct Copy {
    places: HashMap<Uuid, Place>,
    records: HashMap<Place, Record>,
    holding: HashMap<Arc<str>, Vec<Place>>,
    named: HashMap<String, Vec<Place>>,
    next: Place,
    bytes: usize,
}

impl Copy {
    /// Adds a group, or puts it in the place of what it was before.
    ///
    /// # Errors
    /// The groups cannot be kept in memory any more. The copy must not be used then.
    pub fn put(&mut self, uuid: Uuid, mut record: Record) -> Result<(), Unfit> {
        if record.dynamic {
            return Err(Unfit::Dynamic(record.dn));
        }
        let place = *self.places.entry(uuid).or_insert(self.next);
        self.next = self.next.max(place + 1);
        let before = self.records.remove(&place);
        self.bytes -= before.as_ref().map_or(0, Record::bytes);
        self.bytes += record.bytes();
        if self.bytes > BYTES_MAX {
            return Err(Unfit::TooMuch);
        }
        let (held, named) = before
            .map(|before| (before.holds, before.names))
            .unwrap_or_default();
        // Of a group with many members, only those that came or went are touched.
        for key in held.iter().filter(|key| record.holds.binary_search(key).is_err()) {
            forget(&mut self.holding, key, place);
        }
        for key in &mut record.holds {
            if let Some((known, _)) = self.holding.get_key_value(key) {
                *key = Arc::clone(known);
            }
            if held.binary_search(key).is_err() {
                note(self.holding.entry(Arc::clone(key)).or_default(), place);
            }
        }
        for name in &named {
            forget(&mut self.named, name.as_str(), place);
        }
        for name in &record.names {
            note(self.named.entry(name.clone()).or_default(), place);
        }
        self.records.insert(place, record);
        Ok(())
    }

    /// Removes a group, if it is there.
    pub fn remove(&mut self, uuid: &Uuid) {
        let Some(place) = self.places.remove(uuid) else {
            return;
        };
        let Some(record) = self.records.remove(&place) else {
            return;
        };
        self.bytes -= record.bytes();
        for key in &record.holds {
            forget(&mut self.holding, key, place);
        }
        for name in &record.names {
            forget(&mut self.named, name.as_str(), place);
        }
    }

    /// The groups that hold somebody in any of these ways, in the order in which they came.
    ///
    /// # Errors
    /// One of them cannot be used.
    pub fn holding(&self, ways: &[Way]) -> Result<Vec<Group>, Unavailable> {
        let mut places: Vec<Place> = ways.iter().flat_map(|way| self.places_of(way)).collect();
        places.sort_unstable();
        places.dedup();
        let groups = places.iter().filter_map(|place| self.records.get(place));
        groups.map(|record| record.group.clone()).collect()
    }

    /// The groups that hold a group of this level, in the order in which they came, each with its path through the
    /// first that it holds.
    ///
    /// # Errors
    /// One of them cannot be used.
    pub fn holding_level(&self, level: &[Group]) -> Result<Vec<Group>, Unavailable> {
        let mut steps: Vec<(Place, usize)> = Vec::new();
        for (at, inner) in level.iter().enumerate() {
            let places = self.places_of(&Way::Dn(inner.dn.clone()));
            steps.extend(places.map(|place| (place, at)));
        }
        steps.sort_unstable();
        steps.dedup_by_key(|(place, _)| *place);
        let mut groups = Vec::with_capacity(steps.len());
        for (place, at) in steps {
            if let (Some(record), Some(inner)) = (self.records.get(&place), level.get(at)) {
                let mut group = record.group.clone()?;
                group.via = inner.path();
                groups.push(group);
            }
        }
        Ok(groups)
    }

    /// Whether only one group has this name.
    pub fn is_unique(&self, name: &GroupName) -> bool {
        self.named
            .get(name.folded())
            .is_some_and(|places| places.len() == 1)
    }

    /// How many groups there are.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// The entry of a group, as it was last.
    pub fn dn(&self, uuid: &Uuid) -> Option<&str> {
        let record = self.places.get(uuid).and_then(|place| self.records.get(place));
        record.map(Record::dn)
    }

    /// Whether a group is below this entry.
    pub fn has_below(&self, dn: &Dn) -> bool {
        let mut groups = self
            .records
            .values()
            .filter_map(|record| record.group.as_ref().ok());
        groups.any(|group| group.dn != *dn && group.dn.is_within(dn))
    }

    /// The entries of groups without members.
    pub fn empty(&self) -> impl Iterator<Item = &str> {
        self.records
            .values()
            .filter(|record| record.empty)
            .map(Record::dn)
    }

    fn places_of(&self, way: &Way) -> impl Iterator<Item = Place> + use<'_> {
        let places = self.holding.get(way.key().as_str());
        places.map(Vec::as_slice).unwrap_or_default().iter().copied()
    }
}

fn note(places: &mut Vec<Place>, place: Place) {
    if let Err(at) = places.binary_search(&place) {
        places.insert(at, place);
    }
}

fn forget<K>(index: &mut HashMap<K, Vec<Place>>, key: &str, place: Place)
where
    K: std::borrow::Borrow<str> + std::hash::Hash + Eq,
{
    if let Some(places) = index.get_mut(key) {
        places.retain(|held| *held != place);
        if places.is_empty() {
            index.remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn uuid(at: u8) -> Uuid {
        [at; 16]
    }

    fn found(dn: &str, attributes: &[(&str, &[&str])]) -> Found {
        let attributes = attributes.iter().map(|(name, values)| {
            (
                (*name).to_owned(),
                values.iter().map(|value| (*value).to_owned()).collect(),
            )
        });
        Found {
            dn: dn.to_owned(),
            attributes: attributes.collect(),
        }
    }

    fn group(name: &str, members: &[&str]) -> Record {
        Record::new(&found(
            &format!("cn={name},dc=x"),
            &[("cn", &[name]), ("member", members)],
        ))
    }

    fn copy(groups: &[(u8, &str, &[&str])]) -> Copy {
        let mut copy = Copy::default();
        for (id, name, members) in groups {
            copy.put(uuid(*id), group(name, members)).unwrap();
        }
        copy
    }

    fn holding(copy: &Copy, dn: &str) -> Vec<String> {
        let groups = copy.holding(&[Way::Dn(Dn::new(dn).unwrap())]).unwrap();
        groups
            .iter()
            .map(|group| group.names[0].as_str().to_owned())
            .collect()
    }

    #[test]
    fn members_come_and_go_with_their_group() {
        let mut copy = copy(&[
            (1, "a", &["uid=u,dc=x"]),
            (2, "b", &["UID=U, dc=x", "uid=v,dc=x"]),
        ]);
        assert_eq!(holding(&copy, "uid=u,dc=x"), ["a", "b"]);
        copy.put(uuid(2), group("b", &["uid=v,dc=x"])).unwrap();
        assert_eq!(holding(&copy, "uid=u,dc=x"), ["a"]);
        copy.put(uuid(1), group("c", &["uid=u,dc=x"])).unwrap();
        assert_eq!(holding(&copy, "uid=u,dc=x"), ["c"]);
        copy.remove(&uuid(1));
        copy.remove(&uuid(9));
        assert_eq!(holding(&copy, "uid=u,dc=x"), [""; 0]);
        assert_eq!(copy.len(), 1);
    }

    #[test]
    fn a_level_is_reached_through_the_first_that_a_group_holds() {
        let copy = copy(&[
            (1, "top", &["cn=b,dc=x", "cn=a,dc=x"]),
            (2, "a", &["uid=u"]),
            (3, "b", &["uid=u"]),
        ]);
        let level = copy.holding(&[Way::Dn(Dn::new("uid=u").unwrap())]).unwrap();
        let outer = copy.holding_level(&level).unwrap();
        assert_eq!(outer.len(), 1);
        assert_eq!(outer[0].via, [GroupName::new("a").unwrap()]);
    }

    #[test]
    fn a_name_is_unique_while_one_group_has_it() {
        let name = GroupName::new("A").unwrap();
        let mut copy = copy(&[(1, "a", &[]), (2, "b", &[])]);
        assert!(copy.is_unique(&name));
        copy.put(uuid(2), group("a", &[])).unwrap();
        assert!(!copy.is_unique(&name));
        copy.remove(&uuid(1));
        assert!(copy.is_unique(&name));
    }

    #[test]
    fn a_group_that_cannot_be_named_is_an_error_to_its_members_alone() {
        let mut copy = copy(&[(1, "a", &["uid=u"])]);
        let nameless = found("cn=x,dc=x", &[("member", &["uid=v"])]);
        copy.put(uuid(2), Record::new(&nameless)).unwrap();
        assert_eq!(holding(&copy, "uid=u"), ["a"]);
        assert!(copy.holding(&[Way::Dn(Dn::new("uid=v").unwrap())]).is_err());
    }

    #[test]
    fn what_would_not_stay_current_or_fit_is_not_kept() {
        let mut copy = Copy::default();
        let dynamic = found("cn=d,dc=x", &[("cn", &["d"]), ("memberurl", &["ldap:///??sub"])]);
        assert_eq!(
            copy.put(uuid(1), Record::new(&dynamic)),
            Err(Unfit::Dynamic("cn=d,dc=x".into()))
        );
        let huge = || Record {
            holds: vec![Arc::from("x".repeat(BYTES_MAX / 4))],
            ..group("g", &[])
        };
        let outcomes: Vec<_> = (2..6).map(|at| copy.put(uuid(at), huge())).collect();
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 3);
        assert_eq!(outcomes.last(), Some(&Err(Unfit::TooMuch)));
    }

    #[test]
    fn groups_without_members_and_groups_below_others_are_known() {
        let mut copy = copy(&[(1, "a", &[]), (2, "b,cn=a", &["uid=u"])]);
        let posix = found("cn=p,dc=x", &[("cn", &["p"]), ("gidnumber", &["7"])]);
        copy.put(uuid(3), Record::new(&posix)).unwrap();
        let mut empty: Vec<&str> = copy.empty().collect();
        empty.sort_unstable();
        assert_eq!(empty, ["cn=a,dc=x", "cn=p,dc=x"]);
        let below = |dn: &str| copy.has_below(&Dn::new(dn).unwrap());
        assert!(below("cn=A,dc=x") && below("dc=x") && !below("cn=p,dc=x"));
    }

    proptest! {
        /// However a copy came about, it is as one that was made at once of what is left.
        #[test]
        fn the_order_of_changes_leaves_nothing_behind(
            changes in proptest::collection::vec((0_u8..4, proptest::option::of((0_u8..3, proptest::collection::vec(0_u8..4, 0..4)))), 0..20)
        ) {
            let record = |(name, members): &(u8, Vec<u8>)| {
                let members: Vec<String> = members.iter().map(|member| format!("uid={member}")).collect();
                group(&format!("n{name}"), &members.iter().map(String::as_str).collect::<Vec<_>>())
            };
            let mut changed = Copy::default();
            let mut left = std::collections::BTreeMap::new();
            for (id, change) in &changes {
                match change {
                    Some(change) => {
                        changed.put(uuid(*id), record(change)).unwrap();
                        left.insert(*id, change);
                    }
                    None => {
                        changed.remove(&uuid(*id));
                        left.remove(id);
                    }
                }
            }
            let mut made = Copy::default();
            for (id, change) in left {
                made.put(uuid(id), record(change)).unwrap();
            }
            prop_assert_eq!(changed.bytes, made.bytes);
            prop_assert_eq!((changed.holding.len(), changed.named.len()), (made.holding.len(), made.named.len()));
            for member in 0..4 {
                let sorted = |copy: &Copy| { let mut names = holding(copy, &format!("uid={member}")); names.sort_unstable(); names };
                prop_assert_eq!(sorted(&changed), sorted(&made));
            }
        }
    }
}
