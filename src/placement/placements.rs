//! Giving out hosts: the choice, its lease, and the events that end it.

mod review;

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;

use super::drained::Drained;
use super::facts::{Counted, FarmFacts, HostFacts, Site};
use super::farms::{Farms, WatchedFarm};
use super::ledger::{Ledger, Slot};
use super::review::{Note, Notes};
use super::selects::Selects;
use super::watched_host::WatchedHost;
use super::{FoundSession, HostState, KnownSession, NoHost, Placement, report, session_report};
use crate::model::{Account, FarmName, HostName, Now, Offered, SessionUser};
use crate::store::{Drains, LastHostRecord, LastHosts, LeaseRecord, Store, StoreError};

/// Accounts whose leases may change at the same time. Those that share a turn wait for each other's write.
const TURNS: usize = 64;

/// How long a user's last host is given again.
const LAST_HOST_KEPT: Duration = Duration::from_hours(90 * 24);

/// What of placements must outlive a restart, and where it is kept.
#[derive(Clone)]
pub struct Stores {
    /// The leases.
    pub leases: Arc<dyn Store>,
    /// The drains.
    pub drains: Arc<dyn Drains>,
    /// The users' last hosts.
    pub last_hosts: Arc<dyn LastHosts>,
}

/// The leases of all farms, and which hosts are drained. It outlives the configurations, so that a reload forgets
/// none.
pub struct Placements {
    pub(super) stores: Stores,
    /// Locked for a choice or a look, never over an await.
    pub(super) ledger: Mutex<Ledger>,
    /// Locked like the ledger, and after it where both are.
    pub(super) drained: Mutex<Drained>,
    /// Held while drains are changed here and in the store, so that both see the same order.
    pub(super) drain_turn: tokio::sync::Mutex<()>,
    selects: Mutex<Selects>,
    notes: Mutex<Notes>,
    /// Counts that are no newer than the last review: what they have of leases was seen.
    pub(super) counts: Mutex<Counts>,
    /// Held while a lease of an account is changed here and in the store, so that both see the same order.
    turns: [tokio::sync::Mutex<()>; TURNS],
    hasher: RandomState,
}

/// What a select would have, beside the offer.
#[derive(Debug, Default)]
pub struct Wish<'s> {
    /// A host of the offer's farm that is taken before any other where the choice is open: the account has no lease and
    /// no session there, and the host is one of [`Placements::open_hosts`].
    pub host: Option<HostName>,
    /// What the hosts told of the user's sessions, as [`Farms::sessions`] gives it.
    pub told: &'s [FoundSession],
    /// Those of them that the client is told of and may resume instead, as in [`FarmFacts::resumable`].
    pub resumable: &'s [FoundSession],
}

impl<'s> Wish<'s> {
    /// For something new, beside these sessions.
    pub fn beside(told: &'s [FoundSession]) -> Self {
        Self {
            told,
            ..Self::default()
        }
    }
}

/// A select that is within its account's share. Only [`Placements::admit`] makes one.
#[derive(Debug)]
pub struct Admitted(());

impl Placements {
    /// Begins with the leases and drains that the stores hold.
    ///
    /// # Errors
    /// When one cannot be read.
    pub async fn load(stores: Stores) -> Result<Self, StoreError> {
        let mut ledger = Ledger::default();
        for lease in stores.leases.leases().await? {
            ledger.put(lease);
        }
        let mut drained = Drained::default();
        for drain in stores.drains.drains().await? {
            drained.put(drain);
        }
        Ok(Self {
            stores,
            ledger: Mutex::new(ledger),
            drained: Mutex::new(drained),
            drain_turn: tokio::sync::Mutex::default(),
            selects: Mutex::default(),
            notes: Mutex::default(),
            counts: Mutex::default(),
            turns: [const { tokio::sync::Mutex::const_new(()) }; TURNS],
            hasher: RandomState::new(),
        })
    }

    /// A host for an offer on which something new may start: the one where the account has a lease in this farm, if it
    /// still answers and takes it, else the one with the smallest load for its weight, in the farm of the offer or the
    /// first of its fallbacks that has one; `random` decides between equals. Where the account has a session, it is given
    /// that host if it takes anything. The lease counts from the choice on, is in the store before this returns, and
    /// lasts the farm's `assumed_session`.
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
        let admitted = self.admit(offer.account(), now)?;
        let told = farms.sessions(offer).await;
        self.place_admitted(farms, offer, &admitted, Wish::beside(&told), now, random)
            .await
    }

    /// The hosts of an offer's farm on which something new can start, with the load of each.
    pub fn open_hosts(&self, farms: &Farms, offer: &impl Offered, now: Now) -> Vec<(HostName, u32)> {
        let facts = self.facts(farms, offer, now);
        let own = facts.iter().filter(|farm| farm.settings.name == *offer.farm());
        let ledger = lock(&self.ledger);
        own.flat_map(|farm| ledger.open_hosts(farm, now)).collect()
    }

    /// Whether the offer's account could be given a host for it now or in a moment, as far as the hosts are concerned.
    pub fn has_room(&self, farms: &Farms, offer: &impl Offered, now: Now) -> bool {
        let facts = self.facts(farms, offer, now);
        lock(&self.ledger).has_room(offer.account(), &facts, now)
    }

    /// A host in each farm of these offers, which are one account's, as [`Placements::place`] gives it. All of it counts
    /// as one select, and waits once for the hosts to tell.
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
        let one_of_each: BTreeMap<_, _> = offers.iter().rev().map(|offer| (offer.farm(), offer)).collect();
        let admitted = match self.admit(first.account(), now) {
            Ok(admitted) => admitted,
            Err(refused) => {
                let refused = |farm: &FarmName| (farm.clone(), Err(refused.clone()));
                return one_of_each.into_keys().map(refused).collect();
            }
        };
        let told = join_all(one_of_each.values().map(|offer| farms.sessions(*offer))).await;
        for ((farm, offer), told) in one_of_each.into_iter().zip(&told) {
            let placement = self.place_admitted(farms, offer, &admitted, Wish::beside(told), now, random);
            placed.insert(farm.clone(), placement.await);
        }
        placed
    }

    /// Counts a select of the account. [`Placements::place`] and [`Placements::place_in_each_farm`] do so themselves;
    /// this is for a select that asks others first, or needs no choice.
    ///
    /// # Errors
    /// [`NoHost::TooManySelects`] where the account has had its share of this minute.
    pub fn admit(&self, account: &Account, now: Now) -> Result<Admitted, NoHost> {
        let admitted = lock(&self.selects).admit(account, now);
        admitted.then_some(Admitted(())).ok_or(NoHost::TooManySelects)
    }

    /// Like [`Placements::place`] for a select that was admitted, with a [`Wish`].
    ///
    /// # Errors
    /// As there, but for [`NoHost::TooManySelects`].
    pub async fn place_admitted(
        &self,
        farms: &Farms,
        offer: &impl Offered,
        _: &Admitted,
        wish: Wish<'_>,
        now: Now,
        random: u64,
    ) -> Result<Placement, NoHost> {
        let account = offer.account();
        let found = wish.told;
        let _turn = self.turn(account).await;
        let mut facts = self.facts(farms, offer, now);
        for farm in &mut facts {
            let there = || found.iter().filter(|found| found.farm == farm.settings.name);
            farm.sessions = u32::try_from(there().count()).unwrap_or(u32::MAX);
            let resumable = wish.resumable.iter();
            let resumable = resumable.filter(|found| found.farm == farm.settings.name);
            farm.resumable = resumable.map(|found| found.resumable(now)).collect();
            let wished = || wish.host.clone().filter(|_| farm.settings.name == *offer.farm());
            farm.preferred = there()
                .next()
                .map(|found| found.host.name.clone())
                .or_else(wished)
                .or(farm.preferred.take());
        }
        let reservation = lock(&self.ledger).reserve(account, offer.session_user(), &facts, now, random)?;
        let note = Note {
            excused: !found.is_empty() || !offer.begins_session(),
            ..Note::default()
        };
        lock(&self.notes).insert(Slot::of_lease(&reservation.lease), note);
        if let Err(error) = self.stores.leases.put_lease(reservation.lease.clone()).await {
            lock(&self.ledger).undo(reservation);
            return Err(error.into());
        }
        if let Some(left) = &reservation.left {
            // What is not removed now counts no longer, and `prune` removes it.
            let _ = self.remove(&Slot::of_lease(left)).await;
        }
        self.note_last_host(farms, &reservation.lease);
        Ok(reservation.placement)
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

    /// Notes that the account's client is done with a session on the host that clients dial as `server`. The lease
    /// ends; where an agent can tell whether the session is only suspended, the host is asked first, within seconds. One
    /// event is about one session: of several leases there (farms that share a machine) it is about a confirmed one, and
    /// the newest of those. Gives `false` if the account has none there.
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
            let meant = leases_at(&ledger, farms, account, server)
                .max_by_key(|lease| (lease.confirmed.is_some(), lease.since));
            let Some(lease) = meant else {
                return Ok(false);
            };
            let slot = Slot::of_lease(lease);
            if farms.can_look(lease) {
                lock(&self.notes).entry(slot).or_default().finished = Some(now);
                return Ok(true);
            }
            ledger.end(&slot, Some(now), now);
            slot
        };
        self.remove(&slot).await?;
        Ok(true)
    }

    /// Notes that something happened to a session of the account on the host that clients dial as `server`, so that its
    /// sessions there are asked for again. Whoever resumed one without a lease is most likely called there as here.
    pub fn sessions_changed(&self, farms: &Farms, account: &Account, server: &str) {
        let namesake = SessionUser::new(account.user.as_str()).ok();
        let ledger = lock(&self.ledger);
        let leases = ledger.of(account).iter();
        let users = leases.filter_map(|lease| lease.session_user.as_ref());
        let users: Vec<_> = users.chain(namesake.as_ref()).collect();
        farms.outdate(server, &users);
    }

    /// Removes from the stores the leases and drains whose time is over and the last hosts of users who are gone; says
    /// how many leases. They stopped counting when it was: this only keeps the stores small.
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
        self.prune_drains(now).await?;
        self.stores
            .last_hosts
            .prune_last_hosts(now.minus(LAST_HOST_KEPT))
            .await?;
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
        report::hosts(&ledger, &lock(&self.drained), farms, now)
    }

    /// What is known now of the farm of an offer and of its fallbacks, in their order. A farm that is no longer
    /// configured is left out.
    fn facts<'f>(&self, farms: &'f Farms, offer: &impl Offered, now: Now) -> Vec<FarmFacts<'f>> {
        let drained = lock(&self.drained);
        farms
            .farms_for(offer.farm())
            .map(|farm| self.farm_facts(farm, offer.account(), &drained, now))
            .collect()
    }

    fn farm_facts<'f>(
        &self,
        farm: &'f WatchedFarm,
        account: &Account,
        drained: &Drained,
        now: Now,
    ) -> FarmFacts<'f> {
        let settings = &farm.settings;
        let counts = lock(&self.counts);
        let facts = |watched: &'f WatchedHost| {
            let site = Site {
                farm: settings.name.clone(),
                host: watched.host.name.clone(),
            };
            let draining = drained.draining(&site, &watched.host, now).is_some();
            host_facts(watched, draining, &counts, now)
        };
        let last_hosts = settings.sticky.then_some(&self.stores.last_hosts);
        FarmFacts {
            settings,
            hosts: farm.hosts.iter().map(facts).collect(),
            sessions: 0,
            resumable: Vec::new(),
            preferred: last_hosts.and_then(|last_hosts| last_hosts.last_host(account, &settings.name)),
        }
    }

    /// Notes where the account is now, where its farm gives that host again.
    fn note_last_host(&self, farms: &Farms, lease: &LeaseRecord) {
        let farm = farms.farm(&lease.farm);
        if farm.is_some_and(|farm| farm.settings.sticky) {
            self.stores.last_hosts.note_last_host(LastHostRecord {
                account: lease.account.clone(),
                farm: lease.farm.clone(),
                host: lease.host.clone(),
                at: lease.since,
            });
        }
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
        let kept = self.stores.leases.put_lease(lease).await;
        if kept.is_err() {
            lock(&self.ledger).restore(&slot, replaced);
        }
        kept
    }

    /// Removes a lease that ended in the ledger.
    async fn remove(&self, slot: &Slot) -> Result<(), StoreError> {
        self.stores.leases.remove_lease(&slot.account, &slot.farm).await?;
        lock(&self.ledger).forget(slot);
        Ok(())
    }
}

/// Of each machine, under the first of its names.
pub(super) type Counts = HashMap<Site, Counted>;

/// What is known of a host now. Until the sessions of a count were held against the leases, the count before serves.
pub(super) fn host_facts<'f>(
    watched: &'f WatchedHost,
    draining: bool,
    counts: &Counts,
    now: Now,
) -> HostFacts<'f> {
    let reviewed = watched.sites.first().and_then(|site| counts.get(site));
    HostFacts {
        host: &watched.host,
        sites: &watched.sites,
        up: watched.is_healthy(),
        draining,
        backed_off: watched.backed_off(now),
        counted: watched
            .counted()
            .map(|latest| reviewed.copied().unwrap_or(latest)),
    }
}

/// The account's leases on hosts that clients dial as `server`.
fn leases_at<'l>(
    ledger: &'l Ledger,
    farms: &Farms,
    account: &Account,
    server: &str,
) -> impl Iterator<Item = &'l LeaseRecord> {
    ledger.of(account).iter().filter(|lease| {
        farms
            .host(&lease.farm, &lease.host)
            .is_some_and(|watched| watched.host.is_dialled_as(server))
    })
}

/// A lock that a panic elsewhere does not close for ever: every change under it is whole before anything could
/// panic.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
