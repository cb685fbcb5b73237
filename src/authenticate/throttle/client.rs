//! Who failed and who succeeded at one client.

use std::collections::HashMap;

use super::Name;
use super::moments::is_recent;
use crate::model::{Limit, Now};

/// Most names held of one client. Beyond that the one seen longest ago goes, whoever succeeded before any who failed.
const NAMES_MAX: usize = 2_000;

/// The last word about each name.
#[derive(Debug, Default)]
pub(super) struct Client(HashMap<Name, Last>);

#[derive(Debug, Clone, Copy)]
struct Last {
    at: Now,
    success: bool,
}

impl Client {
    /// Notes what became of a login.
    pub(super) fn note(&mut self, name: &Name, success: bool, at: Now, limit: Limit) {
        if self.0.len() >= NAMES_MAX && !self.0.contains_key(name) {
            self.0.retain(|_, last| is_recent(last.at, at, limit));
            if self.0.len() >= NAMES_MAX {
                let oldest = self.0.iter().min_by_key(|(_, last)| (!last.success, last.at));
                if let Some(oldest) = oldest.map(|(name, _)| name.clone()) {
                    self.0.remove(&oldest);
                }
            }
        }
        self.0.insert(name.clone(), Last { at, success });
    }

    /// How many names failed last, less those that succeeded.
    pub(super) fn count(&self, now: Now, limit: Limit) -> usize {
        let (failed, succeeded) = self.recent(now, limit);
        failed.len().saturating_sub(succeeded)
    }

    /// The earliest moment at which the limit stops to refuse; none if it does not refuse.
    pub(super) fn refused_until(&self, now: Now, limit: Limit) -> Option<Now> {
        // Nearly always true, and cheap beside what follows.
        if self.0.len() < usize::from(limit.count) {
            return None;
        }
        let (mut failed, succeeded) = self.recent(now, limit);
        let beyond = failed.len().checked_sub(usize::from(limit.count) + succeeded)?;
        let (_, decisive, _) = failed.select_nth_unstable(beyond);
        Some(decisive.plus(limit.within))
    }

    fn recent(&self, now: Now, limit: Limit) -> (Vec<Now>, usize) {
        let recent = || self.0.values().filter(|last| is_recent(last.at, now, limit));
        let failed = recent()
            .filter(|last| !last.success)
            .map(|last| last.at)
            .collect();
        (failed, recent().filter(|last| last.success).count())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const LIMIT: Limit = Limit {
        count: 3,
        within: Duration::from_secs(60),
    };

    fn at(second: i64) -> Now {
        Now::from_unix_ms(second * 1000)
    }

    fn name(number: usize) -> Name {
        Name::Unknown(format!("user{number}"))
    }

    #[test]
    fn names_count_once_and_those_who_succeed_make_up_for_others() {
        let mut client = Client::default();
        for second in 0..10 {
            client.note(&name(1), false, at(second), LIMIT);
        }
        client.note(&name(2), false, at(10), LIMIT);
        assert_eq!(client.count(at(10), LIMIT), 2);
        client.note(&name(3), false, at(11), LIMIT);
        assert_eq!(client.refused_until(at(12), LIMIT), Some(at(69)));
        client.note(&name(1), true, at(13), LIMIT);
        assert_eq!(client.count(at(13), LIMIT), 1, "two fail, and one got in");
        assert_eq!(client.refused_until(at(13), LIMIT), None);
        client.note(&name(4), false, at(14), LIMIT);
        client.note(&name(5), false, at(15), LIMIT);
        assert_eq!(client.refused_until(at(16), LIMIT), Some(at(70)));
        assert_eq!(client.refused_until(at(70), LIMIT), None);
    }

    #[test]
    fn its_memory_is_bounded() {
        let mut client = Client::default();
        for number in 0..2 * NAMES_MAX {
            client.note(&name(number), number % 2 == 0, at(1), LIMIT);
        }
        assert_eq!(client.0.len(), NAMES_MAX);
        assert_eq!(client.count(at(1), LIMIT), NAMES_MAX);
    }
}
