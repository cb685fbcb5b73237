//! What the leases under one name of a host add to what the host told. Pure.
//!
//! A session is counted once, whatever the age of the count: by its lease until a count has it, by the count from
//! then on. A lease that is not confirmed is in no count; one that is, is in every count that is not older. Where
//! that is known better than the count has it, the difference is kept in `past`.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound::{Excluded, Included};
use std::time::Duration;

use super::facts::Counted;
use crate::model::{Limit, Now};
use crate::store::LeaseRecord;

/// How long it is kept what became of a session whose lease is gone: longer than the age of any count in use.
const PAST_KEPT: Duration = Duration::from_mins(10);

/// The leases of one site as numbers, so that a choice need not look at every lease.
#[derive(Debug, Default)]
pub(super) struct SiteLoad {
    /// Leases that no session was seen of.
    waiting: u32,
    /// How many sessions of leases were first seen when.
    seen: BTreeMap<Now, u32>,
    /// Sessions that have no lease any more.
    past: Vec<Past>,
    /// When sessions were started, the oldest first, as far as a limit counted them.
    starts: VecDeque<Now>,
}

/// A session that was seen and has no lease any more.
#[derive(Debug, Clone, Copy)]
struct Past {
    seen: Now,
    /// When it ended, if it did: its account may just have begun another one.
    ended: Option<Now>,
}

impl SiteLoad {
    pub fn add(&mut self, lease: &LeaseRecord) {
        match lease.confirmed {
            Some(seen) => *self.seen.entry(seen).or_default() += 1,
            None => self.waiting += 1,
        }
    }

    pub fn remove(&mut self, lease: &LeaseRecord) {
        let Some(seen) = lease.confirmed else {
            self.waiting = self.waiting.saturating_sub(1);
            return;
        };
        if let Some(count) = self.seen.get_mut(&seen) {
            *count -= 1;
            if *count == 0 {
                self.seen.remove(&seen);
            }
        }
    }

    /// Notes that the lease of a session that was `seen` counts no longer, because the session ended or because its
    /// account has another lease now.
    pub fn let_go(&mut self, seen: Now, ended: Option<Now>, now: Now) {
        self.past
            .retain(|past| now.since(past.ended.unwrap_or(past.seen)) < PAST_KEPT);
        self.past.push(Past { seen, ended });
    }

    /// Notes that a session is started, for [`SiteLoad::starts`] with this limit.
    pub fn start(&mut self, limit: Limit, now: Now) {
        self.starts.retain(|start| counts(*start, limit, now));
        self.starts.push_back(now);
    }

    /// Undoes a [`SiteLoad::start`] of that moment.
    pub fn undo_start(&mut self, at: Now) {
        if let Some(index) = self.starts.iter().rposition(|start| *start == at) {
            self.starts.remove(index);
        }
    }

    /// How many sessions were started in the time of a limit that ends now.
    pub fn starts(&self, limit: Limit, now: Now) -> u32 {
        let counting = self.starts.iter().filter(|start| counts(**start, limit, now));
        u32::try_from(counting.count()).unwrap_or(u32::MAX)
    }

    /// How many leases there are.
    pub fn leases(&self) -> u32 {
        self.waiting + self.seen.values().sum::<u32>()
    }

    /// How many sessions more there are than a count has. A session seen later than now, from before the clock was
    /// set back, is taken to be in every count.
    pub fn beyond(&self, counted: Counted, now: Now) -> i64 {
        let later = if counted.at < now {
            let seen = self.seen.range((Excluded(counted.at), Included(now)));
            seen.map(|(_, count)| count).sum::<u32>()
        } else {
            0
        };
        let past: i64 = self.past.iter().map(|past| past.beyond(counted.at)).sum();
        i64::from(self.waiting) + i64::from(later) + past
    }

    pub fn is_empty(&self) -> bool {
        self.waiting == 0 && self.seen.is_empty() && self.past.is_empty() && self.starts.is_empty()
    }
}

impl Past {
    /// 1 where the session is and the count has it not, -1 where the count has it and it is not.
    fn beyond(self, at: Now) -> i64 {
        let is_counted = self.seen <= at && self.ended.is_none_or(|ended| at < ended);
        i64::from(self.ended.is_none()) - i64::from(is_counted)
    }
}

/// Whether a start lies in the time of a limit that ends now. One from before the clock was set back does not.
fn counts(start: Now, limit: Limit, now: Now) -> bool {
    start <= now && now.since(start) < limit.within
}
