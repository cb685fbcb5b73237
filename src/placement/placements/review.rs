//! Asking the hosts what became of the leases.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::stream::{FuturesUnordered, StreamExt as _};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::{Counts, Farms, Placements, Slot, StoreError, lock};
use crate::model::Now;
use crate::placement::database::{PATIENCE, SessionDatabase};
use crate::placement::found::{Look, Sight};
use crate::placement::review::{Verdict, due, forget_ended, verdict};
use crate::store::LeaseRecord;

/// Questions to the hosts of one session database that are under way at the same time, for each host that can be
/// asked: half of what an agent does at once, since selects come first.
const AT_ONCE_PER_HOST: usize = 4;
/// Questions to one session database under way at the same time, however many hosts share it.
const AT_ONCE_PER_DATABASE: usize = 32;
/// Questions under way at the same time to all hosts that answer soon.
const AT_ONCE: usize = 32;

/// The leases on the hosts of one session database, and what these hosts told last. It waits for no other.
struct Group<'f> {
    database: &'f Arc<SessionDatabase>,
    counts: Counts,
    leases: Vec<LeaseRecord>,
}

impl Placements {
    /// Asks the hosts of farms with an agent about the leases on them: one is confirmed when a session of its user is
    /// seen there, given back when none is after 2 minutes, and ended when the session that was seen is gone. A host
    /// that does not answer changes nothing.
    ///
    /// The leases of each session database are looked at by themselves, so that a host that takes long delays those on
    /// itself alone. They are left out where an earlier call on the same farms still looks at them: this may be called
    /// again before it has ended.
    ///
    /// # Errors
    /// When the store fails; what it did not keep waits for the next call.
    pub async fn review(&self, farms: &Farms, clock: fn() -> Now) -> Result<(), StoreError> {
        let places = Semaphore::new(AT_ONCE);
        let reviews = FuturesUnordered::new();
        for group in self.groups(farms, clock()) {
            reviews.push(self.review_group(farms, group, &places, clock));
        }
        all_of(reviews).await
    }

    async fn review_group(
        &self,
        farms: &Farms,
        group: Group<'_>,
        places: &Semaphore,
        clock: fn() -> Now,
    ) -> Result<(), StoreError> {
        let Ok(_turn) = group.database.review_turn() else {
            return Ok(());
        };
        let due = due(group.leases, &lock(&self.notes), clock());
        let at_once = (group.database.members() * AT_ONCE_PER_HOST).clamp(1, AT_ONCE_PER_DATABASE);
        let own_places = Semaphore::new(at_once);
        let looks = FuturesUnordered::new();
        for lease in &due {
            looks.push(self.look_and_settle(farms, lease, [&own_places, places], clock));
        }
        all_of(looks).await?;
        // What these have of leases has been seen now.
        lock(&self.counts).extend(group.counts);
        Ok(())
    }

    async fn look_and_settle(
        &self,
        farms: &Farms,
        lease: &LeaseRecord,
        [of_database, of_all]: [&Semaphore; 2],
        clock: fn() -> Now,
    ) -> Result<(), StoreError> {
        // Neither is ever closed.
        let place = of_database.acquire().await;
        let place_among_all = of_all.acquire().await;
        let Some(look) = farms.look(lease) else {
            return Ok(());
        };
        let sight = patiently(look, || drop(place_among_all)).await;
        drop(place);
        match sight {
            Some(sight) => self.settle(farms, lease, sight, clock()).await,
            None => {
                self.note_look(lease, clock());
                Ok(())
            }
        }
    }

    /// The session databases that can be asked, with the leases on their hosts. Forgets what is known of leases that
    /// are no more, and counts of hosts that tell none.
    fn groups<'f>(&self, farms: &'f Farms, now: Now) -> Vec<Group<'f>> {
        let mut groups: BTreeMap<_, Group<'f>> = BTreeMap::new();
        for (_, host) in farms.hosts() {
            let Some(asked) = &host.asked else { continue };
            let group = groups
                .entry(Arc::as_ptr(&asked.database))
                .or_insert_with(|| Group {
                    database: &asked.database,
                    counts: Counts::new(),
                    leases: Vec::new(),
                });
            if let (Some(site), Some(counted)) = (host.sites.first(), host.counted()) {
                group.counts.insert(site.clone(), counted);
            }
        }
        lock(&self.counts).retain(|site, _| groups.values().any(|group| group.counts.contains_key(site)));
        let mut ledger = lock(&self.ledger);
        ledger.expire(now);
        // A host that is away for a moment comes back with what is known of its leases.
        forget_ended(&mut lock(&self.notes), ledger.all());
        for lease in ledger.all().filter(|lease| farms.can_look(lease)) {
            let host = farms.host(&lease.farm, &lease.host);
            let asked = host.and_then(|host| host.asked.as_ref());
            let group = asked.and_then(|asked| groups.get_mut(&Arc::as_ptr(&asked.database)));
            if let Some(group) = group {
                group.leases.push(lease.clone());
            }
        }
        groups.into_values().collect()
    }

    /// Notes a look at a lease of which nobody could tell anything: others have their turn before it has another.
    fn note_look(&self, lease: &LeaseRecord, now: Now) {
        let slot = Slot::of_lease(lease);
        let ledger = lock(&self.ledger);
        // What is known of one that was given anew meanwhile stays as it is.
        if ledger.lease(&slot) == Some(lease) {
            lock(&self.notes).entry(slot).or_default().looked = Some(now);
        }
    }

    async fn settle(
        &self,
        farms: &Farms,
        lease: &LeaseRecord,
        sight: Sight,
        now: Now,
    ) -> Result<(), StoreError> {
        let (Some(farm), Some(host)) = (farms.farm(&lease.farm), farms.host(&lease.farm, &lease.host)) else {
            return Ok(());
        };
        let slot = Slot::of_lease(lease);
        let _turn = self.turn(&lease.account).await;
        let note = lock(&self.notes).get(&slot).copied().unwrap_or_default();
        let lasts = farm.settings.assumed_session;
        let verdict = verdict(lease, sight, note.finished.is_some(), lasts, now);
        let seen = match sight {
            Sight::Sessions(seen) => Some(seen),
            Sight::NoSession | Sight::NoUser => None,
        };
        let confirmed = LeaseRecord {
            // Every count since the session began has it.
            confirmed: lease
                .confirmed
                .or_else(|| Some(now.minus(seen?.age).max(lease.since))),
            expires: now.plus(lasts),
            ..lease.clone()
        };
        let replaced = {
            let mut ledger = lock(&self.ledger);
            ledger.expire(now);
            // It ended or was given anew while its host was asked.
            if ledger.lease(&slot) != Some(lease) {
                return Ok(());
            }
            match verdict {
                Verdict::Keep => None,
                Verdict::Confirm => ledger.put(confirmed.clone()),
                Verdict::End | Verdict::ComeToNothing => {
                    // Where its client did not say when the session ended nobody knows: the next count has it no more.
                    ledger.end(&slot, note.finished, now);
                    None
                }
            }
        };
        if seen.is_some() {
            host.back_off().confirmed();
        }
        let runs = seen.is_some_and(|seen| seen.runs);
        lock(&self.notes).insert(slot.clone(), note.after_look(runs, now));
        match verdict {
            Verdict::Keep => Ok(()),
            Verdict::Confirm => self.keep(confirmed, replaced).await,
            Verdict::End => self.remove(&slot).await,
            Verdict::ComeToNothing => {
                if !note.excused && host.back_off().came_to_nothing(&lease.account, lease.since, now) {
                    let until = host.backed_off_until(now).unwrap_or(now);
                    tracing::warn!(
                        farm = %lease.farm,
                        host = %lease.host,
                        %until,
                        "sessions that were to begin here did not; nothing new starts here for a while"
                    );
                }
                self.remove(&slot).await
            }
        }
    }
}

/// Waits for all of these; gives an error that there was.
async fn all_of(
    mut reviews: FuturesUnordered<impl Future<Output = Result<(), StoreError>>>,
) -> Result<(), StoreError> {
    let mut result = Ok(());
    while let Some(reviewed) = reviews.next().await {
        result = result.and(reviewed);
    }
    result
}

/// What a look finds. One that takes long leaves its place to others, by `leave`, and goes on.
async fn patiently(look: Look, leave: impl FnOnce()) -> Option<Sight> {
    let mut answer = std::pin::pin!(look.answer());
    match timeout(PATIENCE, answer.as_mut()).await {
        Ok(sight) => sight,
        Err(_) => {
            leave();
            answer.await
        }
    }
}
