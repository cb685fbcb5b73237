//! The wrong passwords of the last half minute, as marks that cannot be turned back.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use crate::model::Now;

/// HMAC of a user with a password, under a key that lives as long as the process.
pub(super) type Mark = [u8; 32];

/// How long a wrong password is not tried again: Qt repeats a request whose connection broke, and X2Go Client
/// keeps what was typed.
const REMEMBERED: Duration = Duration::from_secs(30);
/// Most marks held; the oldest goes.
const MARKS_MAX: usize = 10_000;

/// The table.
#[derive(Default)]
pub(super) struct WrongPasswords {
    since: HashMap<Mark, Now>,
    /// Every remembering in its order; of one mark only the last counts.
    order: VecDeque<(Mark, Now)>,
}

impl WrongPasswords {
    /// Whether this was wrong less than 30 s ago.
    pub(super) fn remembers(&self, mark: &Mark, now: Now) -> bool {
        self.since.get(mark).is_some_and(|since| is_recent(*since, now))
    }

    /// Notes that this is wrong no longer.
    pub(super) fn forget(&mut self, mark: &Mark) {
        self.since.remove(mark);
    }

    /// Notes that this was wrong.
    pub(super) fn remember(&mut self, mark: Mark, now: Now) {
        self.since.insert(mark, now);
        self.order.push_back((mark, now));
        while let Some((oldest, since)) = self.order.front().copied()
            && (self.order.len() > MARKS_MAX || !is_recent(since, now))
        {
            self.order.pop_front();
            if self.since.get(&oldest) == Some(&since) {
                self.since.remove(&oldest);
            }
        }
    }
}

/// In either direction, so that a clock set back does not keep a mark for longer.
fn is_recent(since: Now, now: Now) -> bool {
    now.since(since) < REMEMBERED && since.since(now) < REMEMBERED
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Now {
        Now::from_unix_ms(second * 1000)
    }

    fn mark(number: usize) -> Mark {
        let mut mark = [0; 32];
        mark[..8].copy_from_slice(&number.to_le_bytes());
        mark
    }

    #[test]
    fn a_mark_lasts_half_a_minute_and_no_clock_keeps_it_longer() {
        let mut wrong = WrongPasswords::default();
        wrong.remember(mark(1), at(1000));
        assert!(wrong.remembers(&mark(1), at(1029)));
        assert!(!wrong.remembers(&mark(1), at(1030)));
        assert!(
            wrong.remembers(&mark(1), at(999)),
            "an answer to an earlier request"
        );
        assert!(!wrong.remembers(&mark(1), at(900)), "a clock set back");
        assert!(!wrong.remembers(&mark(2), at(1000)));
    }

    #[test]
    fn the_table_is_bounded_and_gives_up_the_oldest() {
        let mut wrong = WrongPasswords::default();
        for number in 0..=MARKS_MAX {
            wrong.remember(mark(number), at(1000));
        }
        assert!(!wrong.remembers(&mark(0), at(1000)));
        assert!(wrong.remembers(&mark(1), at(1000)));
        assert!(wrong.remembers(&mark(MARKS_MAX), at(1000)));
        for _ in 0..2 * MARKS_MAX {
            wrong.remember(mark(7), at(1001));
        }
        assert!(wrong.order.len() <= MARKS_MAX && wrong.since.len() <= MARKS_MAX);
        wrong.remember(mark(8), at(1100));
        assert_eq!((wrong.order.len(), wrong.since.len()), (1, 1));
    }

    #[test]
    fn a_mark_that_was_forgotten_can_be_remembered_again() {
        let mut wrong = WrongPasswords::default();
        wrong.remember(mark(1), at(1000));
        wrong.forget(&mark(1));
        assert!(!wrong.remembers(&mark(1), at(1001)));
        wrong.remember(mark(1), at(1010));
        wrong.remember(mark(2), at(1031));
        assert!(
            wrong.remembers(&mark(1), at(1032)),
            "the first remembering is over"
        );
    }

    #[test]
    fn a_mark_remembered_again_lasts_from_then() {
        let mut wrong = WrongPasswords::default();
        wrong.remember(mark(1), at(1000));
        wrong.remember(mark(1), at(1020));
        wrong.remember(mark(2), at(1035));
        assert!(wrong.remembers(&mark(1), at(1040)));
    }
}
