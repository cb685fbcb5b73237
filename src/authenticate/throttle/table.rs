//! A bounded table whose entries may be refusing somebody. Room is made by dropping the entry that changed longest
//! ago, and never one that is refusing.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use std::time::Duration;

use super::listing::TableSize;
use crate::model::Now;

/// Keys with what is counted about them.
pub(super) struct Table<K, V> {
    entries_max: usize,
    entries: HashMap<K, Slot<V>>,
    /// The entries that refuse nobody, in the order of their last change.
    counting: BTreeMap<u64, K>,
    /// The entries that refuse, by when they stop.
    refusing: BTreeMap<(Now, u64), K>,
    changes: u64,
}

struct Slot<V> {
    value: V,
    changed: Now,
    /// The number of its last change.
    number: u64,
    refuses_until: Option<Now>,
}

impl<K: Clone + Eq + Hash, V: Default> Table<K, V> {
    /// Holds at most so many entries.
    pub(super) fn new(entries_max: usize) -> Self {
        Self {
            entries_max,
            entries: HashMap::new(),
            counting: BTreeMap::new(),
            refusing: BTreeMap::new(),
            changes: 0,
        }
    }

    /// How full it is.
    pub(super) fn size(&mut self, table: &'static str, now: Now) -> TableSize {
        self.release(now);
        TableSize {
            table,
            entries: self.entries.len(),
            entries_max: self.entries_max,
            refusing: self.refusing.len(),
        }
    }

    /// What is counted about the key.
    pub(super) fn get(&self, key: &K) -> Option<&V> {
        self.entries.get(key).map(|slot| &slot.value)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.entries.iter().map(|(key, slot)| (key, &slot.value))
    }

    /// Whether the key is there, or could be.
    pub(super) fn has_room_for(&mut self, key: &K, now: Now) -> bool {
        self.release(now);
        self.entries.contains_key(key) || self.entries.len() < self.entries_max || !self.counting.is_empty()
    }

    /// Changes what is counted about the key. `change` gives until when the entry then refuses. Entries unchanged
    /// for `kept` go. False, and nothing is changed, if there is no room: every entry is refusing.
    pub(super) fn change(
        &mut self,
        key: &K,
        now: Now,
        kept: Duration,
        change: impl FnOnce(&mut V) -> Option<Now>,
    ) -> bool {
        self.release(now);
        self.forget_unchanged(now, kept);
        if !self.entries.contains_key(key) && self.entries.len() >= self.entries_max {
            let Some((_, oldest)) = self.counting.pop_first() else {
                return false;
            };
            self.entries.remove(&oldest);
        }
        let mut value = self.remove(key).unwrap_or_default();
        let refuses_until = change(&mut value).filter(|until| *until > now);
        self.changes += 1;
        let number = self.changes;
        match refuses_until {
            Some(until) => self.refusing.insert((until, number), key.clone()),
            None => self.counting.insert(number, key.clone()),
        };
        let slot = Slot {
            value,
            changed: now,
            number,
            refuses_until,
        };
        self.entries.insert(key.clone(), slot);
        true
    }

    /// Forgets the key.
    pub(super) fn remove(&mut self, key: &K) -> Option<V> {
        let slot = self.entries.remove(key)?;
        match slot.refuses_until {
            Some(until) => self.refusing.remove(&(until, slot.number)),
            None => self.counting.remove(&slot.number),
        };
        Some(slot.value)
    }

    /// Forgets the keys of which that is true, and says how many.
    pub(super) fn remove_where(&mut self, is_one: impl Fn(&K) -> bool) -> usize {
        let keys: Vec<K> = self.entries.keys().filter(|key| is_one(key)).cloned().collect();
        for key in &keys {
            self.remove(key);
        }
        keys.len()
    }

    /// Entries that have stopped refusing may go like the others.
    fn release(&mut self, now: Now) {
        while let Some(first) = self.refusing.first_entry()
            && first.key().0 <= now
        {
            let ((_, number), key) = first.remove_entry();
            if let Some(slot) = self.entries.get_mut(&key) {
                slot.refuses_until = None;
                self.counting.insert(number, key);
            }
        }
    }

    fn forget_unchanged(&mut self, now: Now, kept: Duration) {
        while let Some(first) = self.counting.first_entry() {
            let is_fresh = |slot: &Slot<V>| now.since(slot.changed) < kept;
            if self.entries.get(first.get()).is_some_and(is_fresh) {
                return;
            }
            let key = first.remove();
            self.entries.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KEPT: Duration = Duration::from_secs(100);

    fn at(second: i64) -> Now {
        Now::from_unix_ms(second * 1000)
    }

    #[test]
    fn a_full_table_drops_the_oldest_that_refuses_nobody() {
        let mut table = Table::<u32, u32>::new(3);
        assert!(table.change(&1, at(0), KEPT, |_| Some(at(50))));
        assert!(table.change(&2, at(1), KEPT, |_| None));
        assert!(table.change(&3, at(2), KEPT, |_| None));
        assert!(table.change(&2, at(3), KEPT, |_| None));
        assert!(table.change(&4, at(4), KEPT, |_| Some(at(60))));
        let held = |table: &Table<u32, u32>| {
            let mut keys: Vec<u32> = table.iter().map(|(key, _)| *key).collect();
            keys.sort_unstable();
            keys
        };
        assert_eq!(held(&table), [1, 2, 4]);
        assert!(table.change(&2, at(5), KEPT, |_| Some(at(70))));
        assert!(!table.has_room_for(&5, at(6)));
        assert!(table.has_room_for(&2, at(6)));
        assert!(!table.change(&5, at(6), KEPT, |_| None), "all of them refuse");
        assert_eq!(held(&table), [1, 2, 4]);
        assert!(table.change(&5, at(50), KEPT, |_| None), "the first has stopped");
        assert_eq!(held(&table), [2, 4, 5]);
    }

    #[test]
    fn entries_that_nothing_changes_are_forgotten() {
        let mut table = Table::<u32, u32>::new(10);
        for key in 0..5 {
            table.change(&key, at(0), KEPT, |_| None);
        }
        table.change(&7, at(100), KEPT, |_| None);
        assert_eq!(table.iter().count(), 1);
        assert_eq!(table.remove_where(|key| *key == 7), 1);
        assert_eq!((table.entries.len(), table.counting.len()), (0, 0));
    }

    proptest! {
        #[test]
        fn no_change_breaks_the_bound_or_drops_what_refuses(
            changes in proptest::collection::vec((0u8..20, 0i64..40, proptest::option::of(1i64..60)), 0..200)
        ) {
            let mut table = Table::<u8, u8>::new(6);
            let mut refusing: HashMap<u8, Now> = HashMap::new();
            let mut second = 0;
            for (key, later, refuses_for) in changes {
                second += later;
                let until = refuses_for.map(|span| at(second + span));
                if table.change(&key, at(second), KEPT, |_| until) {
                    refusing.remove(&key);
                    refusing.extend(until.map(|until| (key, until)));
                }
                refusing.retain(|_, until| *until > at(second));
                prop_assert!(table.entries.len() <= 6);
                prop_assert_eq!(table.entries.len(), table.counting.len() + table.refusing.len());
                for key in refusing.keys() {
                    prop_assert!(table.get(key).is_some());
                }
            }
        }
    }
}
