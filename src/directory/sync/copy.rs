//! The groups of the directory in memory, by what names them for ever, and found by whom they hold. Pure.

use std::collections::HashMap;
use std::sync::Arc;

use crate::directory::entry::Unavailable;
use crate::directory::nesting::Group;
use crate::directory::search::Found;
use crate::directory::settings::Schema;
use crate::directory::way::Way;
use crate::model::{Dn, GroupName};

use super::value::Uuid;

/// Most bytes that the copy may hold, estimated: some 700,000 memberships.
const BYTES_MAX: usize = 64 * 1024 * 1024;
/// What a group, or a name or member of it, costs beside its text.
const BYTES_EACH: usize = 32;
/// Attributes of groups whose members the server works out when it is asked, so that nothing tells of a change.
const DYNAMIC: [&str; 2] = ["memberurl", "labeleduri"];

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
    /// The attributes that are needed of a group of this schema.
    pub fn attributes(schema: Schema) -> Vec<&'static str> {
        [&[schema.group_name()], &DYNAMIC[..], &Way::attributes(schema)].concat()
    }

    /// Keeps what is needed of an entry of this schema. Takes a moment for a group with very many members.
    pub fn new(found: &Found, schema: Schema) -> Self {
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
        let names = found.attributes.get(schema.group_name()).into_iter().flatten();
        let mut names: Vec<String> = names
            .filter_map(|name| GroupName::new(name).ok())
            .map(|name| name.folded().to_owned())
            .collect();
        names.sort_unstable();
        names.dedup();
        Self {
            group: Group::read(found, schema, Vec::new()),
            dn: found.dn.clone(),
            names,
            holds,
            empty: ways().all(|way| way.is_primary()),
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
mod tests;
