//! The leases in memory, and how many count on each host. Pure.

use std::collections::{BTreeSet, HashMap};

use crate::model::{Account, FarmName, HostName, Now, Offered};
use crate::store::LeaseRecord;

/// Where at most one lease is: an account in a farm.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Slot {
    pub account: Account,
    pub farm: FarmName,
}

impl Slot {
    pub fn of_offer(offer: &impl Offered) -> Self {
        Self {
            account: offer.account().clone(),
            farm: offer.farm().clone(),
        }
    }

    pub fn of_lease(lease: &LeaseRecord) -> Self {
        Self {
            account: lease.account.clone(),
            farm: lease.farm.clone(),
        }
    }
}

/// A host under its name in a farm. One machine has several where it serves several farms.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Site {
    pub farm: FarmName,
    pub host: HostName,
}

/// The open leases, one per account and farm.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// An account has as many as there are farms at most: looked through in turn.
    leases: HashMap<Account, Vec<LeaseRecord>>,
    /// How many of them are on a host, so that a choice need not look at every lease.
    on_site: HashMap<Site, u32>,
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

    /// How many leases are on these sites together.
    pub fn load(&self, sites: &[Site]) -> u32 {
        sites.iter().filter_map(|site| self.on_site.get(site)).sum()
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
        *self.on_site.entry(site_of(&lease)).or_default() += 1;
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

    /// Ends the lease in a slot; [`Ledger::ended`] has it until [`Ledger::forget`].
    pub fn end(&mut self, slot: &Slot) {
        if self.take(slot).is_some() {
            self.ended.insert(slot.clone());
        }
    }

    /// Ends the leases whose time is over.
    pub fn expire(&mut self, now: Now) {
        while let Some((ends, slot)) = self.ends.first().cloned()
            && ends <= now
        {
            self.end(&slot);
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

    fn take(&mut self, slot: &Slot) -> Option<LeaseRecord> {
        let leases = self.leases.get_mut(&slot.account)?;
        let index = leases.iter().position(|lease| lease.farm == slot.farm)?;
        let lease = leases.swap_remove(index);
        if leases.is_empty() {
            self.leases.remove(&slot.account);
        }
        let site = site_of(&lease);
        if let Some(count) = self.on_site.get_mut(&site) {
            *count -= 1;
            if *count == 0 {
                self.on_site.remove(&site);
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
    use crate::model::{Source, UserName};

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
                        ledger.end(&slot(user, farm));
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
                        prop_assert_eq!(ledger.load(&[site(farm, host)]) as usize, expected);
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
    fn a_lease_that_could_not_be_kept_leaves_the_one_before() {
        let mut ledger = Ledger::default();
        ledger.put(lease(1, 1, 1, 100));
        let replaced = ledger.put(lease(1, 1, 2, 200));
        ledger.restore(&slot(1, 1), replaced);
        assert_eq!(ledger.lease(&slot(1, 1)), Some(&lease(1, 1, 1, 100)));
        assert_eq!(ledger.load(&[site(1, 2)]), 0);
    }
}
