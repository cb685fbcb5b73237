//! Which keys are where, and when each is removed. Pure.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use super::back_off::doubled;
use crate::agent::AgentError;
use crate::model::{AuthorizedKey, KeyDelivery, Machine, Now, SessionUser};
use crate::store::{KeyId, KeyRecord};

/// Removals at a time, on all hosts and on one. An agent takes 8 commands of a host at a time; selects come first.
const UNDER_WAY_MAX: usize = 32;
const UNDER_WAY_PER_MACHINE_MAX: usize = 4;
/// After a failure, and the most that this doubles to.
const RETRY_AFTER: Duration = Duration::from_secs(5);
const RETRY_AFTER_MAX: Duration = Duration::from_mins(10);
/// How long a removal is tried. The line opens nothing any more: it only stands there.
pub(super) const GIVE_UP_AFTER: Duration = Duration::from_hours(7 * 24);

/// How long after a host was asked for a line it may still write it, where it did not say that it has. A removal before
/// that could come before the line.
const WRITTEN_BY: Duration = Duration::from_secs(30);

/// All keys that were placed and not removed.
#[derive(Debug, Default)]
pub(super) struct Book {
    entries: HashMap<(KeyId, Machine), Entry>,
    /// Hosts that answered nothing the last time.
    resting: HashMap<Machine, Rest>,
}

#[derive(Debug)]
struct Entry {
    record: KeyRecord,
    failures: u32,
    not_before: Now,
    under_way: bool,
    /// When the host was last asked to write the line, or may have been.
    asked: Now,
    /// Whether it said since then that it has the line, or has none to write.
    is_there: bool,
}

impl Entry {
    /// Lets the key end by then. One that has ended goes on waiting for its next try.
    fn end(&mut self, by: Now) {
        if by < self.record.expires {
            self.record.expires = by;
            self.not_before = self.removable();
        }
    }

    /// From when on the line can be removed for good.
    fn removable(&self) -> Now {
        let written = if self.is_there {
            self.asked
        } else {
            self.asked.plus(WRITTEN_BY)
        };
        self.record.expires.max(written)
    }
}

#[derive(Debug)]
struct Rest {
    until: Now,
    failures: u32,
}

/// What a failed removal means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Missed {
    /// It is tried again; `true` when the host has just stopped to answer.
    Again(bool),
    /// It was tried long enough.
    GivenUp,
}

impl Book {
    /// Writes down a key that hosts are `asked` for from now on, and ends the earlier ones of its account and farm.
    pub(super) fn put(&mut self, records: &[KeyRecord], asked: Now) {
        if let Some(new) = records.first() {
            let same =
                |old: &KeyRecord| old.account == new.account && old.farm == new.farm && old.id != new.id;
            for entry in self.entries.values_mut().filter(|entry| same(&entry.record)) {
                entry.end(new.placed);
            }
        }
        for record in records {
            self.restore(record.clone(), asked);
        }
    }

    /// Writes down a key that is where it is, or on its way there since `asked` at the latest.
    pub(super) fn restore(&mut self, record: KeyRecord, asked: Now) {
        let key = (record.id, record.target.machine.clone());
        let mut entry = Entry {
            not_before: record.expires,
            is_there: record.target.delivery == KeyDelivery::Command,
            record,
            failures: 0,
            under_way: false,
            asked,
        };
        entry.not_before = entry.removable();
        self.entries.insert(key, entry);
    }

    /// A host says that it has the line of a key.
    pub(super) fn is_there(&mut self, id: KeyId, machine: &Machine) {
        if let Some(entry) = self.entries.get_mut(&(id, machine.clone())) {
            entry.is_there = true;
            entry.not_before = entry.removable();
        }
    }

    /// Whether a line is to be written once more: the host has it, and its time is not over.
    pub(super) fn add_again(&mut self, id: KeyId, machine: &Machine, now: Now) -> bool {
        let entry = self.entries.get_mut(&(id, machine.clone()));
        let has_it = |entry: &&mut Entry| {
            let written = entry.record.target.delivery != KeyDelivery::Command;
            written && entry.is_there && !entry.under_way && entry.record.expires > now
        };
        let Some(entry) = entry.filter(has_it) else {
            return false;
        };
        (entry.asked, entry.is_there) = (now, false);
        entry.not_before = entry.removable();
        true
    }

    /// Lets a key end on one host.
    pub(super) fn end(&mut self, id: KeyId, machine: &Machine, now: Now) {
        if let Some(entry) = self.entries.get_mut(&(id, machine.clone())) {
            entry.end(now);
        }
    }

    /// A key is on a host no longer, or never was.
    pub(super) fn forget(&mut self, id: KeyId, machine: &Machine) {
        self.entries.remove(&(id, machine.clone()));
    }

    /// A host answered, so that it is asked about its other keys at once.
    pub(super) fn answered(&mut self, machine: &Machine) {
        self.resting.remove(machine);
    }

    /// Which keys are to be removed now: one of each session user, whose lines are removed one after the other, so that
    /// those who wait keep no place from others. Each is under way until [`Book::forget`] or [`Book::missed`].
    pub(super) fn due(&mut self, now: Now) -> Vec<KeyRecord> {
        let mut per_machine: HashMap<Machine, usize> = HashMap::new();
        let mut under_way = 0;
        let mut users = HashSet::new();
        for entry in self.entries.values().filter(|entry| entry.under_way) {
            under_way += 1;
            users.insert(entry.record.session_user.clone());
            *per_machine
                .entry(entry.record.target.machine.clone())
                .or_default() += 1;
        }
        let mut due = Vec::new();
        for entry in self.entries.values_mut() {
            let machine = &entry.record.target.machine;
            let rests = self.resting.get(machine).is_some_and(|rest| rest.until > now);
            let waits = users.contains(&entry.record.session_user);
            if entry.under_way || entry.not_before > now || rests || waits {
                continue;
            }
            let there = per_machine.entry(machine.clone()).or_default();
            if under_way >= UNDER_WAY_MAX || *there >= UNDER_WAY_PER_MACHINE_MAX {
                continue;
            }
            under_way += 1;
            *there += 1;
            users.insert(entry.record.session_user.clone());
            entry.under_way = true;
            due.push(entry.record.clone());
        }
        due
    }

    /// When the next one is due, if nothing happens before; in the past for one that waits for its turn.
    pub(super) fn next_due(&self) -> Option<Now> {
        let waiting = self.entries.values().filter(|entry| !entry.under_way);
        let due = waiting.map(|entry| {
            let rest = self.resting.get(&entry.record.target.machine);
            rest.map_or(entry.not_before, |rest| rest.until.max(entry.not_before))
        });
        due.min()
    }

    /// A removal failed.
    pub(super) fn missed(&mut self, id: KeyId, machine: &Machine, error: &AgentError, now: Now) -> Missed {
        let key = (id, machine.clone());
        let Some(entry) = self.entries.get_mut(&key) else {
            return Missed::GivenUp;
        };
        if entry.record.expires.plus(GIVE_UP_AFTER) <= now {
            self.entries.remove(&key);
            return Missed::GivenUp;
        }
        entry.under_way = false;
        entry.not_before = now.plus(doubled(RETRY_AFTER, entry.failures, RETRY_AFTER_MAX));
        entry.failures += 1;
        let of_the_host = matches!(
            error,
            AgentError::Unreachable(_) | AgentError::Silent(_) | AgentError::Lost(_) | AgentError::Busy
        );
        if !of_the_host {
            return Missed::Again(false);
        }
        let rest = self.resting.entry(machine.clone()).or_insert(Rest {
            until: now,
            failures: 0,
        });
        // Several that failed together are one failure.
        if rest.until > now {
            return Missed::Again(false);
        }
        rest.until = now.plus(doubled(RETRY_AFTER, rest.failures, RETRY_AFTER_MAX));
        rest.failures += 1;
        Missed::Again(rest.failures == 1)
    }

    /// The lines that open the account on this host now, for a host that asks.
    pub(super) fn lines(&self, user: &SessionUser, machine: &Machine, now: Now) -> Vec<AuthorizedKey> {
        let entries = self.entries.values().map(|entry| &entry.record);
        let valid = entries.filter(|record| {
            record.session_user == *user
                && record.target.machine == *machine
                && record.target.delivery == KeyDelivery::Command
                && record.expires > now
        });
        valid.map(|record| record.line.clone()).collect()
    }

    /// How many keys open an account now, and how many are over and not removed.
    pub(super) fn counts(&self, now: Now) -> (usize, usize) {
        let all = self.entries.len();
        let over = self
            .entries
            .values()
            .filter(|entry| entry.record.expires <= now)
            .count();
        (all - over, over)
    }
}
