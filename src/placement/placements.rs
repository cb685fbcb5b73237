//! Giving out hosts: the choice, its lease, and the events that end it.

mod review;

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::choose::{Candidate, choose};
use super::farms::{Farms, WatchedFarm};
use super::ledger::{Ledger, Slot};
use super::review::Looks;
use super::selects::Selects;
use super::watched_host::WatchedHost;
use super::{HostState, KnownSession, NoHost, Placement, report, session_report};
use crate::model::{Account, FarmName, Now, Offered, SessionUser};
use crate::store::{LeaseRecord, Store, StoreError};

/// Accounts whose leases may change at the same time. Those that share a turn wait for each other's write.
const TURNS: usize = 64;

/// The leases of all farms. It outlives the configurations, so that a reload forgets none.
pub struct Placements {
    store: Arc<dyn Store>,
    /// Locked for a choice or a look, never over an await.
    ledger: Mutex<Ledger>,
    selects: Mutex<Selects>,
    looks: Mutex<Looks>,
    /// Held while a lease of an account is changed here and in the store, so that both see the same order.
    turns: [tokio::sync::Mutex<()>; TURNS],
    hasher: RandomState,
}

impl Placements {
    /// Begins with the leases that the store holds.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn load(store: Arc<dyn Store>) -> Result<Self, StoreError> {
        let mut ledger = Ledger::default();
        for lease in store.leases().await? {
            ledger.put(lease);
        }
        Ok(Self {
            store,
            ledger: Mutex::new(ledger),
            selects: Mutex::default(),
            looks: Mutex::default(),
            turns: [const { tokio::sync::Mutex::const_new(()) }; TURNS],
            hasher: RandomState::new(),
        })
    }

    /// A host for an offer: the one where the account has a lease in this farm, if it still answers and is
    /// still configured, else the one that `choose` finds; `random` decides between equals. The lease counts
    /// from the choice on, is in the store before this returns, and lasts the farm's `assumed_session`.
    ///
    /// A caller that gives up waiting leaves the lease counted; the account's next select renews it.
    ///
    /// # Errors
    /// Says why there is no host; then no lease was given, and an earlier one is as it was.
    pub async fn place(
        &self,
        farms: &Farms,
        offer: &impl Offered,
        now: Now,
        random: u64,
    ) -> Result<Placement, NoHost> {
        self.admit(offer.account(), now)?;
        self.place_admitted(farms, offer, now, random).await
    }

    /// A host in each farm of these offers, which are one account's, as [`Placements::place`] gives it. All of it counts
    /// as one select.
    pub async fn place_in_each_farm(
        &self,
        farms: &Farms,
        offers: &[impl Offered],
        now: Now,
        random: u64,
    ) -> BTreeMap<FarmName, Result<Placement, NoHost>> {
        let mut placed = BTreeMap::new();
        let Some(first) = offers.first() else {
            return placed;
        };
        let admitted = self.admit(first.account(), now);
        for offer in offers {
            if placed.contains_key(offer.farm()) {
                continue;
            }
            let result = match &admitted {
                Ok(()) => self.place_admitted(farms, offer, now, random).await,
                Err(refused) => Err(refused.clone()),
            };
            placed.insert(offer.farm().clone(), result);
        }
        placed
    }

    /// Counts a select of the account.
    fn admit(&self, account: &Account, now: Now) -> Result<(), NoHost> {
        let admitted = lock(&self.selects).admit(account, now);
        admitted.then_some(()).ok_or(NoHost::TooManySelects)
    }

    async fn place_admitted(
        &self,
        farms: &Farms,
        offer: &impl Offered,
        now: Now,
        random: u64,
    ) -> Result<Placement, NoHost> {
        let farm = farms.farm(offer.farm()).ok_or(NoHost::NoneHealthy)?;
        let slot = Slot::of_offer(offer);
        let _turn = self.turn(&slot.account).await;
        let (placement, lease, replaced) = {
            let mut ledger = lock(&self.ledger);
            ledger.expire(now);
            let (placement, lease) = reserve(&ledger, farm, &slot, offer.session_user(), now, random)?;
            let replaced = ledger.put(lease.clone());
            (placement, lease, replaced)
        };
        self.keep(lease, replaced).await?;
        Ok(placement)
    }

    /// Notes that the account's session on the host that clients dial as `server` is on the screen. Gives
    /// `false` if the account has no lease there that waits for this.
    ///
    /// # Errors
    /// When the store fails; then nothing is noted.
    pub async fn confirm(
        &self,
        farms: &Farms,
        account: &Account,
        server: &str,
        now: Now,
    ) -> Result<bool, StoreError> {
        let _turn = self.turn(account).await;
        let (lease, replaced) = {
            let mut ledger = lock(&self.ledger);
            ledger.expire(now);
            let waiting = leases_at(&ledger, farms, account, server)
                .filter(|lease| lease.confirmed.is_none())
                .max_by_key(|lease| lease.since);
            let Some(waiting) = waiting else {
                return Ok(false);
            };
            let lease = LeaseRecord {
                confirmed: Some(now),
                ..waiting.clone()
            };
            let replaced = ledger.put(lease.clone());
            (lease, replaced)
        };
        self.keep(lease, replaced).await?;
        Ok(true)
    }

    /// Ends the account's lease on the host that clients dial as `server`. One event is about one session: of
    /// several leases there (farms that share a machine) a confirmed one ends, and the newest of those. Gives
    /// `false` if the account has none there.
    ///
    /// # Errors
    /// When the store fails. The lease counts no longer, and [`Placements::prune`] removes it there.
    pub async fn end(
        &self,
        farms: &Farms,
        account: &Account,
        server: &str,
        now: Now,
    ) -> Result<bool, StoreError> {
        let _turn = self.turn(account).await;
        let slot = {
            let mut ledger = lock(&self.ledger);
            ledger.expire(now);
            let ended = leases_at(&ledger, farms, account, server)
                .max_by_key(|lease| (lease.confirmed.is_some(), lease.since))
                .map(Slot::of_lease);
            let Some(slot) = ended else {
                return Ok(false);
            };
            ledger.end(&slot);
            slot
        };
        self.remove(&slot).await?;
        Ok(true)
    }

    /// Removes from the store the leases whose time is over; says how many. They stopped counting when it
    /// was: this only keeps the store small.
    ///
    /// # Errors
    /// At the first one that the store fails to remove; the rest waits for the next call.
    pub async fn prune(&self, now: Now) -> Result<usize, StoreError> {
        let ended: Vec<Slot> = {
            let mut ledger = lock(&self.ledger);
            ledger.expire(now);
            ledger.ended().cloned().collect()
        };
        let mut removed = 0;
        for slot in ended {
            let _turn = self.turn(&slot.account).await;
            // The account may have a new lease by now.
            if lock(&self.ledger).has_ended(&slot) {
                self.remove(&slot).await?;
                removed += 1;
            }
        }
        Ok(removed)
    }

    /// How many leases count.
    pub fn leases(&self, now: Now) -> usize {
        let mut ledger = lock(&self.ledger);
        ledger.expire(now);
        ledger.count()
    }

    /// Every host with what is known of it and how many leases are on it.
    pub fn hosts(&self, farms: &Farms, now: Now) -> Vec<HostState> {
        let mut ledger = lock(&self.ledger);
        ledger.expire(now);
        report::hosts(&ledger, farms, now)
    }

    /// Every session that hosts told of lately, and every lease of which they did not.
    pub fn sessions(&self, farms: &Farms, now: Now) -> Vec<KnownSession> {
        let mut ledger = lock(&self.ledger);
        ledger.expire(now);
        session_report::sessions(&ledger, farms, now)
    }

    async fn turn(&self, account: &Account) -> tokio::sync::MutexGuard<'_, ()> {
        let hash = self.hasher.hash_one(account);
        self.turns[hash as usize % TURNS].lock().await
    }

    /// Writes a lease that the ledger has, or gives the ledger back the one it replaced.
    async fn keep(&self, lease: LeaseRecord, replaced: Option<LeaseRecord>) -> Result<(), StoreError> {
        let slot = Slot::of_lease(&lease);
        let kept = self.store.put_lease(lease).await;
        if kept.is_err() {
            lock(&self.ledger).restore(&slot, replaced);
        }
        kept
    }

    /// Removes a lease that ended in the ledger.
    async fn remove(&self, slot: &Slot) -> Result<(), StoreError> {
        self.store.remove_lease(&slot.account, &slot.farm).await?;
        lock(&self.ledger).forget(slot);
        Ok(())
    }
}

/// The decision of a select: the account's own host again, or the best one.
fn reserve(
    ledger: &Ledger,
    farm: &WatchedFarm,
    slot: &Slot,
    session_user: &SessionUser,
    now: Now,
    random: u64,
) -> Result<(Placement, LeaseRecord), NoHost> {
    let held = ledger.lease(slot);
    let own = held
        .and_then(|lease| farm.host(&lease.host))
        .filter(|host| host.is_healthy());
    let (host, confirmed) = match own {
        Some(own) => (&own.host, held.and_then(|lease| lease.confirmed)),
        None => {
            // Where every host is to be left alone, none is worse than another.
            let left_alone = |host: &WatchedHost| host.backed_off(now);
            let all = farm.hosts.iter().filter(|host| host.is_healthy()).all(left_alone);
            let candidates: Vec<_> = farm
                .hosts
                .iter()
                .map(|watched| Candidate {
                    host: &watched.host,
                    healthy: watched.is_healthy() && (all || !left_alone(watched)),
                    load: ledger.load(&watched.sites),
                })
                .collect();
            (
                choose(&candidates, farm.settings.max_sessions_per_host, random)?,
                None,
            )
        }
    };
    let lease = LeaseRecord {
        account: slot.account.clone(),
        farm: slot.farm.clone(),
        host: host.name.clone(),
        session_user: Some(session_user.clone()),
        since: now,
        confirmed,
        expires: now.plus(farm.settings.assumed_session),
    };
    Ok((Placement::new(host, own.is_some()), lease))
}

/// The account's leases on hosts that clients dial as `server` (RFC 4343: in whatever case).
fn leases_at<'l>(
    ledger: &'l Ledger,
    farms: &Farms,
    account: &Account,
    server: &str,
) -> impl Iterator<Item = &'l LeaseRecord> {
    ledger.of(account).iter().filter(|lease| {
        farms
            .host(&lease.farm, &lease.host)
            .is_some_and(|watched| watched.host.address.as_str().eq_ignore_ascii_case(server))
    })
}

/// A lock that a panic elsewhere does not close for ever: every change under it is whole before anything could
/// panic.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
