//! Asking the hosts what became of the leases.

use super::{Counts, Farms, Placements, Slot, StoreError, lock};
use crate::model::Now;
use crate::placement::found::Sight;
use crate::placement::review::{Verdict, due, verdict};
use crate::store::LeaseRecord;

/// Questions that are under way at the same time.
const AT_ONCE: usize = 32;

impl Placements {
    /// Asks the hosts of farms with an agent about the leases on them: one is confirmed when a session of its user is
    /// seen there, given back when none is after 2 minutes, and ended when the session that was seen is gone. A host
    /// that does not answer changes nothing.
    ///
    /// # Errors
    /// When the store fails; the rest waits for the next call.
    pub async fn review(&self, farms: &Farms, clock: fn() -> Now) -> Result<(), StoreError> {
        // What these have of leases is seen by the end of the review.
        let counts = counts(farms);
        for leases in self.due(farms, clock()).chunks(AT_ONCE) {
            let looks: Vec<_> = leases
                .iter()
                .filter_map(|lease| Some((lease, farms.look(lease)?)))
                .collect();
            for (lease, look) in looks {
                match look.answer().await {
                    Some(sight) => self.settle(farms, lease, sight, clock()).await?,
                    None => self.note_look(lease, clock()),
                }
            }
        }
        *lock(&self.counts) = counts;
        Ok(())
    }

    fn due(&self, farms: &Farms, now: Now) -> Vec<LeaseRecord> {
        let mut ledger = lock(&self.ledger);
        ledger.expire(now);
        let leases = ledger
            .all()
            .filter(|lease| farms.can_look(lease))
            .cloned()
            .collect();
        drop(ledger);
        due(leases, &mut lock(&self.notes), now)
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

/// What the hosts told last.
fn counts(farms: &Farms) -> Counts {
    let hosts = farms.hosts().map(|(_, host)| host);
    hosts
        .filter_map(|host| Some((host.sites.first()?.clone(), host.counted()?)))
        .collect()
}
