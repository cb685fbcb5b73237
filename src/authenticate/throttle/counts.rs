//! What is counted, and whom it refuses. Pure: the time is an argument, and nothing waits here.

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use super::client::Client;
use super::listing::{Counted, TableSize, listed};
use super::moments::Moments;
use super::seats::Seats;
use super::table::Table;
use crate::authenticate::limits::Limits;
use crate::model::{Account, ClientAddress, LIMIT_WITHIN_MAX, Limit, Network, Now};
use crate::store::{AttemptRecord, Forgotten, Remembered, SeatRecord};

/// Most entries of each table that is about users. About 300 bytes each.
const USERS_MAX: usize = 20_000;
/// Most clients counted at once.
const CLIENTS_MAX: usize = 10_000;
/// Connection tests of one client: their answers are a thousand times longer than their requests.
const CONNECTION_TESTS: Limit = Limit {
    count: 10,
    within: Duration::from_mins(1),
};

/// Whose password it is said to be.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Name {
    /// A user of a source.
    Account(Account),
    /// A name that no source knows, as typed but in lower case.
    Unknown(String),
}

/// Which limit refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Which {
    /// Of one user at one client.
    User,
    /// Of one user at all clients together.
    UserElsewhere,
    /// Of one client.
    Client,
    /// Of connection tests of one client.
    ConnectionTests,
}

impl Which {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::User,
        Self::UserElsewhere,
        Self::Client,
        Self::ConnectionTests,
    ];

    /// Its key in conf.d; words for the one that has none.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::UserElsewhere => "user_elsewhere",
            Self::Client => "client",
            Self::ConnectionTests => "connection tests",
        }
    }
}

/// A limit that is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused {
    /// Which one.
    pub which: Which,
    /// What it allows.
    pub limit: Limit,
    /// When it stops to refuse, if nothing fails meanwhile.
    pub until: Now,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { which, limit, until } = self;
        write!(f, "throttled by `{}` ({limit}) until {until}", which.as_str())
    }
}

/// What becomes of a login that wants to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It may.
    Open,
    /// It depends on what comes of others under way.
    Busy,
    /// It may not.
    Refused(Refused),
}

/// A login that may go on or has been answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tried {
    /// The name as typed, in lower case.
    pub(super) typed: String,
    /// Whose it turned out to be.
    pub(super) name: Name,
    /// The client.
    pub(super) client: ClientAddress,
    /// When it was asked for.
    pub(super) at: Now,
}

/// All that is counted.
pub(super) struct Counts {
    spelt: Table<(String, Network), Moments>,
    at_client: Table<(Account, Network), Moments>,
    everywhere: Table<Account, Moments>,
    clients: Table<Network, Client>,
    connection_tests: Table<Network, Moments>,
    seats: Seats,
    /// Checks that have begun and not ended, by user and client. A guess counts from its beginning: many at once
    /// must not get past a limit that none of them has reached yet.
    under_way: HashMap<(Account, Network), usize>,
    under_way_everywhere: HashMap<Account, usize>,
}

impl Counts {
    pub(super) fn new() -> Self {
        Self::bounded(USERS_MAX, CLIENTS_MAX)
    }

    /// With tables of so many entries.
    pub(super) fn bounded(users_max: usize, clients_max: usize) -> Self {
        Self {
            spelt: Table::new(users_max),
            at_client: Table::new(users_max),
            everywhere: Table::new(users_max),
            clients: Table::new(clients_max),
            connection_tests: Table::new(clients_max),
            seats: Seats::default(),
            under_way: HashMap::new(),
            under_way_everywhere: HashMap::new(),
        }
    }

    /// How full the tables are.
    pub(super) fn sizes(&mut self, now: Now) -> Vec<TableSize> {
        vec![
            self.spelt.size("names", now),
            self.at_client.size("users", now),
            self.everywhere.size("users_elsewhere", now),
            self.clients.size("clients", now),
            self.connection_tests.size("connection_tests", now),
        ]
    }

    /// Begins with what an earlier process noted.
    pub(super) fn restore(&mut self, remembered: Remembered, limits: &Limits) {
        for seat in remembered.seats {
            self.seats.note(&seat.account, seat.network, seat.used);
        }
        for attempt in remembered.attempts {
            let AttemptRecord {
                at,
                network,
                typed,
                account,
                success,
            } = attempt;
            let name = account.map_or_else(|| Name::Unknown(typed.clone()), Name::Account);
            self.note(&typed, &name, network, success, at, limits);
        }
    }

    /// Whether somebody may be looked for who typed this name. Whoever has logged in from a client is not refused
    /// for what others do there, and who that is shows only when they are found.
    pub(super) fn name_verdict(
        &self,
        typed: &str,
        client: ClientAddress,
        limits: &Limits,
        now: Now,
    ) -> Result<(), Refused> {
        let network = client.network();
        let spelt = self.spelt.get(&(typed.to_owned(), network));
        refuse(Which::User, limits.user, |limit| {
            spelt.and_then(|failures| failures.refused_until(now, limit))
        })?;
        if self.seats.has_any_at(network) {
            return Ok(());
        }
        self.client_verdict(client, limits, now)
    }

    /// Whether the tables have no room to count failures of somebody who is new to them. Where somebody has logged
    /// in, nobody is new.
    pub(super) fn is_too_full_for(&mut self, typed: &str, client: ClientAddress, now: Now) -> bool {
        let network = client.network();
        let key = (typed.to_owned(), network);
        let has_room = self.spelt.has_room_for(&key, now) && self.clients.has_room_for(&network, now);
        !has_room && !self.seats.has_any_at(network)
    }

    /// Whether a password may be tried for this name.
    pub(super) fn verdict(&self, name: &Name, client: ClientAddress, limits: &Limits, now: Now) -> Verdict {
        self.try_verdict(name, client, limits, now)
            .unwrap_or_else(Verdict::Refused)
    }

    fn try_verdict(
        &self,
        name: &Name,
        client: ClientAddress,
        limits: &Limits,
        now: Now,
    ) -> Result<Verdict, Refused> {
        let Name::Account(account) = name else {
            self.client_verdict(client, limits, now)?;
            return Ok(Verdict::Open);
        };
        let key = (account.clone(), client.network());
        let at_client = self.at_client.get(&key);
        let everywhere = self.everywhere.get(account);
        let count =
            |failures: Option<&Moments>, limit| failures.map_or(0, |failures| failures.count(now, limit));
        refuse(Which::User, limits.user, |limit| {
            at_client.and_then(|failures| failures.refused_until(now, limit))
        })?;
        let mut is_busy = count(at_client, limits.user) + self.under_way.get(&key).unwrap_or(&0)
            >= usize::from(limits.user.count);
        if !self.seats.knows(account, client.network(), now) {
            refuse(Which::UserElsewhere, limits.user_elsewhere, |limit| {
                everywhere.and_then(|failures| failures.refused_until(now, limit))
            })?;
            self.client_verdict(client, limits, now)?;
            is_busy |= count(everywhere, limits.user_elsewhere)
                + self.under_way_everywhere.get(account).unwrap_or(&0)
                >= usize::from(limits.user_elsewhere.count);
        }
        Ok(if is_busy { Verdict::Busy } else { Verdict::Open })
    }

    fn client_verdict(&self, client: ClientAddress, limits: &Limits, now: Now) -> Result<(), Refused> {
        if limits.is_shared(client) {
            return Ok(());
        }
        let counted = self.clients.get(&client.network());
        refuse(Which::Client, limits.client, |limit| {
            counted.and_then(|counted| counted.refused_until(now, limit))
        })
    }

    /// A check of a password begins.
    pub(super) fn begin(&mut self, name: &Name, network: Network) {
        if let Name::Account(account) = name {
            *self.under_way.entry((account.clone(), network)).or_default() += 1;
            *self.under_way_everywhere.entry(account.clone()).or_default() += 1;
        }
    }

    /// It has ended, whatever came of it.
    pub(super) fn end(&mut self, name: &Name, network: Network) {
        if let Name::Account(account) = name {
            one_less(&mut self.under_way, &(account.clone(), network));
            one_less(&mut self.under_way_everywhere, account);
        }
    }

    /// Counts what came of a login. Gives what is to be kept of it beside the login itself.
    pub(super) fn count(&mut self, tried: &Tried, success: bool, limits: &Limits) -> Option<SeatRecord> {
        let network = tried.client.network();
        self.note(&tried.typed, &tried.name, network, success, tried.at, limits);
        match &tried.name {
            Name::Account(account) if success => self.seats.note(account, network, tried.at),
            _ => None,
        }
    }

    /// A table without room counts nothing: what it holds is refusing, and that is worth more.
    fn note(&mut self, typed: &str, name: &Name, network: Network, success: bool, at: Now, limits: &Limits) {
        self.clients.change(&network, at, limits.client.within, |client| {
            client.note(name, success, at, limits.client);
            client.refused_until(at, limits.client)
        });
        let spelt = (typed.to_owned(), network);
        if success {
            self.spelt.remove(&spelt);
        } else {
            add(&mut self.spelt, &spelt, at, limits.user);
        }
        let Name::Account(account) = name else {
            return;
        };
        let at_client = (account.clone(), network);
        if success {
            self.at_client.remove(&at_client);
        } else {
            add(&mut self.at_client, &at_client, at, limits.user);
            // What was guessed elsewhere stays counted when the user gets in.
            add(&mut self.everywhere, account, at, limits.user_elsewhere);
        }
    }

    /// Counts a connection test, unless the client has had its share.
    pub(super) fn connection_test(&mut self, client: ClientAddress, now: Now) -> Result<(), Refused> {
        let network = client.network();
        let earlier = self.connection_tests.get(&network);
        refuse(Which::ConnectionTests, CONNECTION_TESTS, |limit| {
            earlier.and_then(|tests| tests.refused_until(now, limit))
        })?;
        if add(&mut self.connection_tests, &network, now, CONNECTION_TESTS) {
            return Ok(());
        }
        Err(Refused {
            which: Which::ConnectionTests,
            limit: CONNECTION_TESTS,
            until: now.plus(CONNECTION_TESTS.within),
        })
    }

    /// What is counted now.
    pub(super) fn list(&self, limits: &Limits, now: Now) -> Vec<Counted> {
        let spelt = self.spelt.iter().map(|((name, network), failures)| {
            let (count, until) = (
                failures.count(now, limits.user),
                failures.refused_until(now, limits.user),
            );
            listed(Which::User, Some(name.clone()), Some(*network), count, until)
        });
        let at_client = self.at_client.iter().map(|((account, network), failures)| {
            let (count, until) = (
                failures.count(now, limits.user),
                failures.refused_until(now, limits.user),
            );
            listed(
                Which::User,
                Some(account.to_string()),
                Some(*network),
                count,
                until,
            )
        });
        let everywhere = self.everywhere.iter().map(|(account, failures)| {
            let limit = limits.user_elsewhere;
            let (count, until) = (failures.count(now, limit), failures.refused_until(now, limit));
            listed(
                Which::UserElsewhere,
                Some(account.to_string()),
                None,
                count,
                until,
            )
        });
        let clients = self.clients.iter().map(|(network, client)| {
            let (count, until) = (
                client.count(now, limits.client),
                client.refused_until(now, limits.client),
            );
            listed(Which::Client, None, Some(*network), count, until)
        });
        let mut all: Vec<Counted> = spelt
            .chain(at_client)
            .chain(everywhere)
            .chain(clients)
            .filter(|counted| counted.count > 0)
            .collect();
        all.sort_by(Counted::order);
        all
    }

    /// Forgets failures; the seats stay known. Says how many entries there were.
    pub(super) fn forget(&mut self, which: &Forgotten) -> usize {
        let is_named =
            |account: &Account| matches!(which, Forgotten::Name(name) if account.user.folded() == *name);
        let is_all = *which == Forgotten::All;
        let is_from = |network: &Network| matches!(which, Forgotten::Client(client) if client == network);
        let spelt = self.spelt.remove_where(|(typed, network)| {
            is_all || is_from(network) || matches!(which, Forgotten::Name(name) if name == typed)
        });
        let at_client = self
            .at_client
            .remove_where(|(account, network)| is_all || is_from(network) || is_named(account));
        let everywhere = self
            .everywhere
            .remove_where(|account| is_all || is_named(account));
        let clients = self.clients.remove_where(|network| is_all || is_from(network));
        spelt + at_client + everywhere + clients
    }
}

/// Nothing is looked at by a limit that is older than this.
pub(super) const COUNTED_FOR: Duration = LIMIT_WITHIN_MAX;

/// Adds a failure to the key's; false if the table has no room.
fn add<K>(table: &mut Table<K, Moments>, key: &K, at: Now, limit: Limit) -> bool
where
    K: Clone + Eq + std::hash::Hash,
{
    table.change(key, at, limit.within, |failures| {
        failures.add(at, limit);
        failures.refused_until(at, limit)
    })
}

fn refuse(which: Which, limit: Limit, until: impl FnOnce(Limit) -> Option<Now>) -> Result<(), Refused> {
    match until(limit) {
        Some(until) => Err(Refused { which, limit, until }),
        None => Ok(()),
    }
}

fn one_less<K: Eq + std::hash::Hash>(counts: &mut HashMap<K, usize>, key: &K) {
    if let Some(count) = counts.get_mut(key) {
        *count -= 1;
        if *count == 0 {
            counts.remove(key);
        }
    }
}
