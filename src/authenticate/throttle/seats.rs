//! Where users have logged in lately. What somebody does elsewhere with a user's name refuses nobody there.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use crate::model::{Account, Network, Now};
use crate::store::SeatRecord;

/// How long a seat is known after a login there.
pub(super) const KNOWN: Duration = Duration::from_hours(30 * 24);
/// A login notes the seat again once the last note is as old as this, so that not every login is written down.
const NOTED_EVERY: Duration = Duration::from_hours(24);
/// Most seats of one user; the one used longest ago goes.
const PER_ACCOUNT_MAX: usize = 32;
/// Most seats of all users; the one used longest ago goes. About 250 bytes each.
const SEATS_MAX: usize = 50_000;

/// The seats of all users.
#[derive(Debug, Default)]
pub(super) struct Seats {
    of: HashMap<Account, HashMap<Network, Now>>,
    /// How many users have a seat there.
    at: HashMap<Network, usize>,
    oldest_first: BTreeSet<(Now, Account, Network)>,
}

impl Seats {
    /// Whether this user has logged in there in the last 30 days.
    pub(super) fn knows(&self, account: &Account, network: Network, now: Now) -> bool {
        let used = self.of.get(account).and_then(|seats| seats.get(&network));
        used.is_some_and(|used| now.since(*used) < KNOWN)
    }

    /// Whether anybody has.
    pub(super) fn has_any_at(&self, network: Network) -> bool {
        self.at.contains_key(&network)
    }

    /// Notes a login. Gives what is to be kept, if that is due.
    pub(super) fn note(&mut self, account: &Account, network: Network, now: Now) -> Option<SeatRecord> {
        let noted = self.of.get(account).and_then(|seats| seats.get(&network));
        // In either direction: a clock that was set back must not keep a seat for ever.
        let is_due = |noted: &Now| now.since(*noted) >= NOTED_EVERY || noted.since(now) >= NOTED_EVERY;
        if !noted.is_none_or(is_due) {
            return None;
        }
        self.remove(account, network);
        let seats = self.of.get(account);
        if seats.is_some_and(|seats| seats.len() >= PER_ACCOUNT_MAX) {
            let oldest = seats.into_iter().flatten().min_by_key(|(_, used)| **used);
            if let Some(oldest) = oldest.map(|(network, _)| *network) {
                self.remove(account, oldest);
            }
        }
        self.prune(now);
        while self.oldest_first.len() >= SEATS_MAX
            && let Some((_, account, network)) = self.oldest_first.first().cloned()
        {
            self.remove(&account, network);
        }
        self.of.entry(account.clone()).or_default().insert(network, now);
        *self.at.entry(network).or_default() += 1;
        self.oldest_first.insert((now, account.clone(), network));
        Some(SeatRecord {
            account: account.clone(),
            network,
            used: now,
        })
    }

    fn prune(&mut self, now: Now) {
        while let Some((used, account, network)) = self.oldest_first.first().cloned()
            && now.since(used) >= KNOWN
        {
            self.remove(&account, network);
        }
    }

    fn remove(&mut self, account: &Account, network: Network) {
        let Some(seats) = self.of.get_mut(account) else {
            return;
        };
        let Some(used) = seats.remove(&network) else {
            return;
        };
        if seats.is_empty() {
            self.of.remove(account);
        }
        if let Some(count) = self.at.get_mut(&network) {
            *count -= 1;
            if *count == 0 {
                self.at.remove(&network);
            }
        }
        self.oldest_first.remove(&(used, account.clone(), network));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Source, UserName};

    fn day(day: i64) -> Now {
        Now::from_unix_ms(day * 24 * 3_600_000)
    }

    fn account(number: usize) -> Account {
        Account {
            source: Source::Ldap,
            user: UserName::new(&format!("user{number}")).unwrap(),
        }
    }

    fn network(number: usize) -> Network {
        format!("10.0.{}.{}", number / 256, number % 256).parse().unwrap()
    }

    #[test]
    fn a_seat_is_known_for_thirty_days_and_noted_once_a_day() {
        let mut seats = Seats::default();
        let (alice, desk) = (account(1), network(1));
        assert!(!seats.knows(&alice, desk, day(1)));
        assert!(seats.note(&alice, desk, day(1)).is_some());
        assert!(seats.note(&alice, desk, day(1)).is_none());
        assert!(seats.knows(&alice, desk, day(30)));
        assert!(!seats.knows(&alice, desk, day(31)));
        assert!(!seats.knows(&alice, network(2), day(1)));
        assert!(!seats.knows(&account(2), desk, day(1)));
        assert!(seats.has_any_at(desk) && !seats.has_any_at(network(2)));
        assert!(seats.note(&alice, desk, day(20)).is_some());
        assert!(seats.knows(&alice, desk, day(31)));
        assert!(seats.note(&account(2), desk, day(60)).is_some());
        assert_eq!((seats.of.len(), seats.oldest_first.len()), (1, 1));
    }

    #[test]
    fn one_user_has_so_many_seats_and_no_more() {
        let mut seats = Seats::default();
        seats.note(&account(2), network(0), day(0));
        for number in 0..100 {
            seats.note(&account(1), network(number), day(1));
        }
        let known = (0..100).filter(|number| seats.knows(&account(1), network(*number), day(1)));
        assert_eq!(known.count(), PER_ACCOUNT_MAX);
        assert!(seats.knows(&account(2), network(0), day(1)));
        assert_eq!(seats.oldest_first.len(), PER_ACCOUNT_MAX + 1);
        assert_eq!(seats.at.values().sum::<usize>(), PER_ACCOUNT_MAX + 1);
    }

    #[test]
    fn all_seats_together_are_bounded_and_the_oldest_goes() {
        let mut seats = Seats::default();
        for number in 0..=SEATS_MAX {
            seats.note(
                &account(number),
                network(number % 500),
                day(i64::from(number > 0)),
            );
        }
        assert_eq!(seats.oldest_first.len(), SEATS_MAX);
        assert!(!seats.knows(&account(0), network(0), day(1)));
        assert!(seats.knows(&account(1), network(1), day(1)));
    }
}
