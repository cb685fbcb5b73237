//! A store of leases in memory.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::model::{Account, FarmName, HostName, Now};
use crate::store::{
    Answer, DrainRecord, Drains, LastHostRecord, LastHosts, LeaseRecord, Store, StoreError, TicketHash,
    TicketRecord, TicketUse,
};

/// Leases in memory, and how many of the next changes fail.
#[derive(Default)]
pub struct MemoryStore {
    leases: Mutex<HashMap<(Account, FarmName), LeaseRecord>>,
    drains: Mutex<Vec<DrainRecord>>,
    last_hosts: Mutex<HashMap<(Account, FarmName), HostName>>,
    failures: AtomicUsize,
}

impl MemoryStore {
    fn change(
        &self,
        change: impl FnOnce(&mut HashMap<(Account, FarmName), LeaseRecord>) + Send + 'static,
    ) -> Answer<'_, ()> {
        Box::pin(async move {
            // Others get their turn between the choice and the write, as with a real store.
            tokio::task::yield_now().await;
            let failing = |left: usize| left.checked_sub(1);
            if self
                .failures
                .fetch_update(Ordering::SeqCst, Ordering::SeqCst, failing)
                .is_ok()
            {
                return Err(StoreError("disk full".into()));
            }
            change(&mut self.leases.lock().unwrap());
            Ok(())
        })
    }

    /// Makes the next changes fail, that many.
    pub fn fail(&self, changes: usize) {
        self.failures.store(changes, Ordering::SeqCst);
    }

    /// What is kept.
    pub fn all(&self) -> Vec<LeaseRecord> {
        self.leases.lock().unwrap().values().cloned().collect()
    }
}

impl Store for MemoryStore {
    fn leases(&self) -> Answer<'_, Vec<LeaseRecord>> {
        Box::pin(async { Ok(self.all()) })
    }
    fn put_lease(&self, lease: LeaseRecord) -> Answer<'_, ()> {
        self.change(|leases| {
            leases.insert((lease.account.clone(), lease.farm.clone()), lease);
        })
    }
    fn remove_lease(&self, account: &Account, farm: &FarmName) -> Answer<'_, ()> {
        let slot = (account.clone(), farm.clone());
        self.change(move |leases| {
            leases.remove(&slot);
        })
    }
    fn add_ticket(&self, _: TicketRecord) -> Answer<'_, ()> {
        unreachable!("placement keeps no tickets")
    }
    fn ticket(&self, _: TicketHash) -> Answer<'_, Option<TicketRecord>> {
        unreachable!("placement keeps no tickets")
    }
    fn rotate_ticket(&self, _: TicketHash, _: Now, _: TicketRecord) -> Answer<'_, bool> {
        unreachable!("placement keeps no tickets")
    }
    fn ticket_uses(&self) -> Answer<'_, Vec<TicketUse>> {
        unreachable!("placement keeps no tickets")
    }
    fn touch_ticket(&self, _: TicketHash, _: Now) {
        unreachable!("placement keeps no tickets")
    }
    fn revoke_tickets(&self, _: &Account) -> Answer<'_, usize> {
        unreachable!("placement keeps no tickets")
    }
    fn keep_only_ticket(&self, _: TicketRecord) -> Answer<'_, usize> {
        unreachable!("placements hold no tickets")
    }
    fn prune_tickets(&self, _: Now) -> Answer<'_, usize> {
        unreachable!("placement keeps no tickets")
    }
}

impl Drains for MemoryStore {
    fn drains(&self) -> Answer<'_, Vec<DrainRecord>> {
        Box::pin(async { Ok(self.drains.lock().unwrap().clone()) })
    }
    fn put_drain(&self, drain: DrainRecord) -> Answer<'_, ()> {
        Box::pin(async move {
            let mut drains = self.drains.lock().unwrap();
            drains.retain(|kept| (&kept.farm, &kept.host) != (&drain.farm, &drain.host));
            drains.push(drain);
            Ok(())
        })
    }
    fn remove_drain(&self, farm: &FarmName, host: &HostName) -> Answer<'_, ()> {
        let drained = (farm.clone(), host.clone());
        Box::pin(async move {
            let mut drains = self.drains.lock().unwrap();
            drains.retain(|kept| (&kept.farm, &kept.host) != (&drained.0, &drained.1));
            Ok(())
        })
    }
}

impl LastHosts for MemoryStore {
    fn last_host(&self, account: &Account, farm: &FarmName) -> Option<HostName> {
        let slot = (account.clone(), farm.clone());
        self.last_hosts.lock().unwrap().get(&slot).cloned()
    }
    fn note_last_host(&self, last: LastHostRecord) {
        let mut last_hosts = self.last_hosts.lock().unwrap();
        last_hosts.insert((last.account, last.farm), last.host);
    }
    fn prune_last_hosts(&self, _: Now) -> Answer<'_, usize> {
        Box::pin(async { Ok(0) })
    }
}
