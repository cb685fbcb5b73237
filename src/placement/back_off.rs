//! Hosts whose leases never become sessions, and how long they are left alone. Pure.

use std::time::Duration;

use crate::model::{Account, Now};

/// Leases in a row that came to nothing before a host is left alone.
const IN_A_ROW: usize = 3;
/// How long for the first time; each time it happens again takes twice as long.
const FIRST: Duration = Duration::from_mins(1);
/// The longest, so that a host that was mended is found again within the hour.
const DOUBLINGS_MAX: u32 = 5;
const LONGEST: Duration = FIRST.saturating_mul(1 << DOUBLINGS_MAX);

/// What became of the leases of a machine.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct BackOff {
    /// Whose leases came to nothing since the last one that became a session. An account counts once: somebody who
    /// selects and never starts says nothing of a host.
    in_a_row: Vec<Account>,
    /// How often it was left alone since then.
    times: u32,
    until: Option<Now>,
}

impl BackOff {
    /// Until when nothing new starts there.
    pub fn until(&self, now: Now) -> Option<Now> {
        // A clock that was set back does not make it longer.
        self.until
            .filter(|until| now < *until && until.since(now) <= LONGEST)
    }

    /// A lease became a session.
    pub fn confirmed(&mut self) {
        *self = Self::default();
    }

    /// A lease given at `since` came to nothing. Those from before the host was last left alone say nothing new: in a
    /// storm there are many. Afterwards one more is enough. Says whether it begins a time of being left alone.
    pub fn came_to_nothing(&mut self, account: &Account, since: Now, now: Now) -> bool {
        if self.until.is_some_and(|until| since < until) {
            return false;
        }
        if !self.in_a_row.contains(account) {
            self.in_a_row.push(account.clone());
        }
        if self.in_a_row.len() < IN_A_ROW && self.times == 0 {
            return false;
        }
        self.in_a_row.clear();
        self.until = Some(now.plus(FIRST * (1 << self.times.min(DOUBLINGS_MAX))));
        self.times += 1;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Source, UserName};

    fn account(number: i64) -> Account {
        Account {
            source: Source::Ldap,
            user: UserName::new(&format!("user{number}")).unwrap(),
        }
    }

    fn minute(minute: i64) -> Now {
        Now::from_unix_ms(minute * 60_000)
    }

    /// A machine that was left alone at minute 0.
    fn left_alone() -> BackOff {
        let mut back_off = BackOff::default();
        for number in 0..3 {
            let begins = back_off.came_to_nothing(&account(number), minute(-2), minute(0));
            assert_eq!(begins, number == 2);
        }
        back_off
    }

    #[test]
    fn three_in_a_row_are_a_minute() {
        let back_off = left_alone();
        assert_eq!(back_off.until(minute(0)), Some(minute(1)));
        assert_eq!(back_off.until(minute(1)), None);
    }

    #[test]
    fn each_time_is_twice_as_long_and_none_is_for_ever() {
        let mut back_off = left_alone();
        let mut now = minute(1);
        for minutes in [2, 4, 8, 16, 32, 32] {
            let before = now;
            assert!(!back_off.came_to_nothing(&account(1), before.minus(Duration::from_secs(1)), now));
            assert!(back_off.came_to_nothing(&account(1), before, now));
            let until = back_off.until(now).unwrap();
            assert_eq!(until, now.plus(Duration::from_mins(minutes)));
            now = until;
        }
    }

    #[test]
    fn a_session_ends_the_row() {
        let mut back_off = BackOff::default();
        for number in 0..10 {
            assert!(!back_off.came_to_nothing(&account(number), minute(0), minute(2)));
            if number % 2 == 1 {
                back_off.confirmed();
            }
        }
        let mut back_off = left_alone();
        back_off.confirmed();
        assert_eq!(back_off.until(minute(0)), None);
    }

    #[test]
    fn somebody_who_never_starts_closes_no_host() {
        let mut back_off = BackOff::default();
        for at in 0..10 {
            assert!(!back_off.came_to_nothing(&account(1), minute(at), minute(at + 2)));
        }
    }

    #[test]
    fn a_clock_set_back_closes_nothing_for_long() {
        assert_eq!(left_alone().until(minute(-60)), None);
    }
}
