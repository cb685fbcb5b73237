//! How often an account may ask for a host.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use crate::model::{Account, Now};

/// Selects of one account within [`WINDOW`]: more than anybody clicks, and too few to wear out a farm.
const SELECTS_MAX: usize = 10;
/// The time over which they count.
const WINDOW: Duration = Duration::from_secs(60);

/// The selects of the last minute. Holds only accounts that proved to be themselves within that minute, and
/// ten moments of each, so the directory is its bound.
#[derive(Debug, Default)]
pub(super) struct Selects {
    recent: HashMap<Account, VecDeque<Now>>,
    swept: Option<Now>,
}

impl Selects {
    /// Counts a select, or gives `false` if the account has had its share. A refused one does not count, so
    /// that a client that keeps asking gets a host again a minute after its first.
    pub fn admit(&mut self, account: &Account, now: Now) -> bool {
        self.sweep(now);
        let moments = self.recent.entry(account.clone()).or_default();
        moments.retain(|at| counts(*at, now));
        if moments.len() >= SELECTS_MAX {
            return false;
        }
        moments.push_back(now);
        true
    }

    /// Forgets the accounts of past windows, at most once a window.
    fn sweep(&mut self, now: Now) {
        if self.swept.is_some_and(|swept| counts(swept, now)) {
            return;
        }
        self.swept = Some(now);
        self.recent
            .retain(|_, moments| moments.iter().any(|at| counts(*at, now)));
    }
}

/// Whether a moment lies in the window that ends now. One from before the clock was set back does not.
fn counts(at: Now, now: Now) -> bool {
    at <= now && now.since(at) < WINDOW
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Source, UserName};

    fn account(name: &str) -> Account {
        Account {
            source: Source::Ldap,
            user: UserName::new(name).unwrap(),
        }
    }

    fn second(second: i64) -> Now {
        Now::from_unix_ms(second * 1000)
    }

    #[test]
    fn the_eleventh_select_of_a_minute_is_refused() {
        let mut selects = Selects::default();
        let alice = account("alice");
        for at in 0..10 {
            assert!(selects.admit(&alice, second(at)));
        }
        assert!(!selects.admit(&alice, second(10)));
        assert!(selects.admit(&account("bob"), second(10)), "bob has his own ten");
        assert!(!selects.admit(&alice, second(59)));
        assert!(selects.admit(&alice, second(60)), "the first is a minute old");
        assert!(!selects.admit(&alice, second(60)));
    }

    #[test]
    fn accounts_of_past_minutes_are_forgotten() {
        let mut selects = Selects::default();
        for number in 0..1000 {
            selects.admit(&account(&format!("user{number}")), second(0));
        }
        selects.admit(&account("alice"), second(60));
        assert_eq!(selects.recent.len(), 1);
    }

    #[test]
    fn a_clock_set_back_locks_nobody_out() {
        let mut selects = Selects::default();
        let alice = account("alice");
        for _ in 0..10 {
            selects.admit(&alice, second(100_000));
        }
        assert!(selects.admit(&alice, second(5)));
    }
}
