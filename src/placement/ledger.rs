//! The leases in memory, and how many sessions they add to what hosts tell. Pure.

use std::collections::{BTreeSet, HashMap};

use super::facts::{HostFacts, Site};
use super::reserve::Reservation;
use super::site_load::SiteLoad;
use crate::model::{Account, FarmName, Limit, Now};
use crate::store::LeaseRecord;

/// Where at most one lease is: an account in a farm.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Slot {
    /// Whose.
    pub account: Account,
    /// The farm of its host.
    pub farm: FarmName,
}

impl Slot {
    /// The slot that a lease is in.
    pub fn of_lease(lease: &LeaseRecord) -> Self {
        Self {
            account: lease.account.clone(),
            farm: lease.farm.clone(),
        }
    }
}

/// The open leases, one per account and farm, and what became of the sessions of others. It knows no clock, no hosts
/// and no store: [`super::Placements`] gives it these.
#[derive(Debug, Default)]
pub struct Ledger {
    /// An account has as many as there are farms at most: looked through in turn.
    leases: HashMap<Account, Vec<LeaseRecord>>,
    sites: HashMap<Site, SiteLoad>,
    /// When each ends, the next one first.
    ends: BTreeSet<(Now, Slot)>,
    /// Slots whose lease ended here and may still stand in the store.
    ended: BTreeSet<Slot>,
}

impl Ledger {
    /// The lease in a slot.
    pub fn lease(&self, slot: &Slot) -> Option<&LeaseRecord> {
        self.of(&slot.account)
            .iter()
            .find(|lease| lease.farm == slot.farm)
    }

    /// All leases of an account.
    pub fn of(&self, account: &Account) -> &[LeaseRecord] {
        self.leases.get(account).map_or(&[], Vec::as_slice)
    }

    /// All leases.
    pub fn all(&self) -> impl Iterator<Item = &LeaseRecord> {
        self.leases.values().flatten()
    }

    /// How many sessions there are on a host or about to be: those that it told of, and the leases that are none of
    /// these. Where it told nothing, the leases alone.
    pub fn load(&self, host: &HostFacts<'_>, now: Now) -> u32 {
        let sites = host.sites.iter().filter_map(|site| self.sites.get(site));
        match host.counted {
            None => sites.map(SiteLoad::leases).sum(),
            Some(counted) => {
                let beyond: i64 = sites.map(|site| site.beyond(counted, now)).sum();
                let load = i64::from(counted.sessions).saturating_add(beyond).max(0);
                u32::try_from(load).unwrap_or(u32::MAX)
            }
        }
    }

    /// How many leases are on a site.
    pub fn leases_on(&self, site: &Site) -> u32 {
        self.sites.get(site).map_or(0, SiteLoad::leases)
    }

    /// How many leases there are.
    pub fn count(&self) -> usize {
        self.ends.len()
    }

    /// Puts a lease into its slot and gives the one it replaces.
    pub fn put(&mut self, lease: LeaseRecord) -> Option<LeaseRecord> {
        let slot = Slot::of_lease(&lease);
        let replaced = self.take(&slot);
        self.ended.remove(&slot);
        self.sites.entry(site_of(&lease)).or_default().add(&lease);
        self.ends.insert((lease.expires, slot));
        self.leases.entry(lease.account.clone()).or_default().push(lease);
        replaced
    }

    /// Undoes a [`Ledger::put`] that gave `replaced`.
    pub fn restore(&mut self, slot: &Slot, replaced: Option<LeaseRecord>) {
        self.take(slot);
        if let Some(lease) = replaced {
            self.put(lease);
        }
    }

    /// Takes back a reservation whose lease could not be kept.
    pub fn undo(&mut self, reservation: Reservation) {
        let Reservation {
            lease,
            starts,
            replaced,
            left,
            ..
        } = reservation;
        if starts && let Some(site) = self.sites.get_mut(&site_of(&lease)) {
            site.undo_start(lease.since);
        }
        self.restore(&Slot::of_lease(&lease), replaced);
        if let Some(left) = left {
            self.put(left);
        }
    }

    /// Ends the lease in a slot; [`Ledger::ended`] has it until [`Ledger::forget`]. Where it is known when its session
    /// ended, that counts no longer whatever the host told before; else it counts until the host tells again.
    pub fn end(&mut self, slot: &Slot, session_ended: Option<Now>, now: Now) {
        let Some(lease) = self.take(slot) else {
            return;
        };
        if let (Some(seen), ended @ Some(_)) = (lease.confirmed, session_ended) {
            let site = self.sites.entry(site_of(&lease)).or_default();
            site.let_go(seen, ended, now);
        }
        self.ended.insert(slot.clone());
    }

    /// Ends the leases whose time is over. Of their sessions nothing is known by that.
    pub fn expire(&mut self, now: Now) {
        while let Some((ends, slot)) = self.ends.first().cloned()
            && ends <= now
        {
            self.take(&slot);
            self.ended.insert(slot);
        }
    }

    /// The slots whose lease ended here and may still stand in the store.
    pub fn ended(&self) -> impl Iterator<Item = &Slot> {
        self.ended.iter()
    }

    /// Whether the lease of this slot ended here and may still stand in the store.
    pub fn has_ended(&self, slot: &Slot) -> bool {
        self.ended.contains(slot)
    }

    /// Notes that the store holds nothing of an ended lease.
    pub fn forget(&mut self, slot: &Slot) {
        self.ended.remove(slot);
    }

    /// Puts a lease into its slot and gives the one it replaces; `left` is one of another farm that the account gives
    /// up for it. Counts a start where there is a limit for it.
    pub(super) fn replace(
        &mut self,
        left: Option<&LeaseRecord>,
        lease: &LeaseRecord,
        limit: Option<Limit>,
        now: Now,
    ) -> Option<LeaseRecord> {
        if let Some(left) = left {
            let slot = Slot::of_lease(left);
            self.take(&slot);
            self.ended.insert(slot);
        }
        let replaced = self.put(lease.clone());
        for before in left.into_iter().chain(&replaced) {
            let stands_for_it = lease.confirmed == before.confirmed && site_of(lease) == site_of(before);
            if let Some(seen) = before.confirmed.filter(|_| !stands_for_it) {
                let site = self.sites.entry(site_of(before)).or_default();
                site.let_go(seen, None, now);
            }
        }
        if let (Some(limit), Some(site)) = (limit, self.sites.get_mut(&site_of(lease))) {
            site.start(limit, now);
        }
        replaced
    }

    /// How many sessions were started on a host in the time of a limit that ends now.
    pub(super) fn starts(&self, host: &HostFacts<'_>, limit: Limit, now: Now) -> u32 {
        let sites = host.sites.iter().filter_map(|site| self.sites.get(site));
        sites.map(|site| site.starts(limit, now)).sum()
    }

    fn take(&mut self, slot: &Slot) -> Option<LeaseRecord> {
        let leases = self.leases.get_mut(&slot.account)?;
        let index = leases.iter().position(|lease| lease.farm == slot.farm)?;
        let lease = leases.swap_remove(index);
        if leases.is_empty() {
            self.leases.remove(&slot.account);
        }
        let site = site_of(&lease);
        if let Some(load) = self.sites.get_mut(&site) {
            load.remove(&lease);
            if load.is_empty() {
                self.sites.remove(&site);
            }
        }
        self.ends.remove(&(lease.expires, slot.clone()));
        Some(lease)
    }
}

fn site_of(lease: &LeaseRecord) -> Site {
    Site {
        farm: lease.farm.clone(),
        host: lease.host.clone(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::{HostAddress, HostName, Source, UserName};
    use crate::placement::Host;
    use crate::placement::facts::Counted;

    fn slot(user: u8, farm: u8) -> Slot {
        Slot {
            account: Account {
                source: Source::Ldap,
                user: UserName::new(&format!("user{user}")).unwrap(),
            },
            farm: FarmName::new(&format!("farm{farm}")).unwrap(),
        }
    }

    fn site(farm: u8, host: u8) -> Site {
        Site {
            farm: FarmName::new(&format!("farm{farm}")).unwrap(),
            host: HostName::new(&format!("ts{host}")).unwrap(),
        }
    }

    fn lease(user: u8, farm: u8, host: u8, expires: i64) -> LeaseRecord {
        let slot = slot(user, farm);
        LeaseRecord {
            account: slot.account,
            offered: slot.farm.clone(),
            farm: slot.farm,
            host: site(farm, host).host,
            session_user: None,
            since: Now::from_unix_ms(0),
            confirmed: None,
            expires: Now::from_unix_ms(expires),
        }
    }

    #[derive(Debug, Clone)]
    enum Step {
        Put(u8, u8, u8, i64),
        End(u8, u8),
        Expire(i64),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        prop::collection::vec(
            prop_oneof![
                4 => (0..5_u8, 0..3_u8, 0..3_u8, 0..50_i64).prop_map(|(u, f, h, e)| Step::Put(u, f, h, e)),
                2 => (0..5_u8, 0..3_u8).prop_map(|(u, f)| Step::End(u, f)),
                1 => (0..50_i64).prop_map(Step::Expire),
            ],
            0..60,
        )
    }

    proptest! {
        #[test]
        fn the_count_of_a_host_is_the_number_of_its_leases(steps in steps()) {
            let mut ledger = Ledger::default();
            let mut model: HashMap<(u8, u8), (u8, i64)> = HashMap::new();
            for step in steps {
                match step {
                    Step::Put(user, farm, host, expires) => {
                        ledger.put(lease(user, farm, host, expires));
                        model.insert((user, farm), (host, expires));
                    }
                    Step::End(user, farm) => {
                        ledger.end(&slot(user, farm), None, Now::from_unix_ms(0));
                        model.remove(&(user, farm));
                    }
                    Step::Expire(now) => {
                        ledger.expire(Now::from_unix_ms(now));
                        model.retain(|_, (_, expires)| *expires > now);
                    }
                }
                for farm in 0..3 {
                    for host in 0..3 {
                        let expected =
                            model.iter().filter(|((_, f), (h, _))| (*f, *h) == (farm, host)).count();
                        prop_assert_eq!(ledger.leases_on(&site(farm, host)) as usize, expected);
                    }
                    for user in 0..5 {
                        let open = ledger.lease(&slot(user, farm)).is_some();
                        prop_assert_eq!(open, model.contains_key(&(user, farm)));
                        prop_assert!(!(open && ledger.has_ended(&slot(user, farm))));
                    }
                }
                prop_assert_eq!(ledger.ends.len(), model.len());
            }
        }
    }

    #[test]
    fn a_load_beyond_all_numbers_is_the_greatest_and_never_none() {
        let mut ledger = Ledger::default();
        ledger.put(lease(1, 1, 1, 100));
        let address = HostAddress::new("ts1").unwrap();
        let host = Host::new(site(1, 1).host, address, 22);
        let sites = [site(1, 1)];
        let now = Now::from_unix_ms(10);
        let load = |ledger: &Ledger, sessions, at| {
            let facts = HostFacts {
                host: &host,
                sites: &sites,
                up: true,
                draining: false,
                backed_off: false,
                counted: Some(Counted { sessions, at }),
            };
            ledger.load(&facts, now)
        };
        assert_eq!(load(&ledger, 7, now), 8);
        assert_eq!(load(&ledger, u32::MAX, now), u32::MAX);
        ledger.put(LeaseRecord {
            confirmed: Some(Now::from_unix_ms(5)),
            ..lease(1, 1, 1, 100)
        });
        ledger.end(&slot(1, 1), Some(Now::from_unix_ms(6)), Now::from_unix_ms(6));
        assert_eq!(
            load(&ledger, 0, Now::from_unix_ms(5)),
            0,
            "the count has fewer than ended since"
        );
    }

    #[test]
    fn a_lease_that_could_not_be_kept_leaves_the_one_before() {
        let mut ledger = Ledger::default();
        ledger.put(lease(1, 1, 1, 100));
        let replaced = ledger.put(lease(1, 1, 2, 200));
        ledger.restore(&slot(1, 1), replaced);
        assert_eq!(ledger.lease(&slot(1, 1)), Some(&lease(1, 1, 1, 100)));
        assert_eq!(ledger.leases_on(&site(1, 2)), 0);
    }
}
