//! Who may not try a password now: failures are counted, and whoever has too many of them is refused before the
//! directory is asked.
//!
//! What counts and whom it refuses is in `counts`, which is pure. Here are the lock around it, the waiting, and the
//! notes that outlive a restart. `docs/throttle.md` tells admins what it does.

mod client;
mod counts;
mod listing;
mod moments;
mod seats;
mod table;

#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;

pub use counts::{Name, Refused, Which};
pub use listing::{Counted, TableSize};

use super::limits::Limits;
use crate::model::{ClientAddress, Now, TypedName};
use crate::store::{AttemptRecord, Forgotten, History, StoreError};
use counts::{COUNTED_FOR, Counts, Tried, Verdict};

/// How long somebody whom full tables cannot count waits before each try.
const NEWCOMER_DELAY: Duration = Duration::from_secs(2);

/// The counters. One for the life of the process: they outlast reloads of the configuration.
pub struct Throttle {
    counts: Mutex<Counts>,
    /// Changes whenever a check ends, for those who wait for what comes of it.
    ends: watch::Sender<u64>,
    history: Option<Arc<dyn History>>,
}

impl Throttle {
    /// Counts in memory alone.
    pub fn in_memory() -> Self {
        Self {
            counts: Mutex::new(Counts::new()),
            ends: watch::Sender::new(0),
            history: None,
        }
    }

    /// Goes on counting where an earlier process stopped.
    pub fn restore(history: Arc<dyn History>, limits: &Limits) -> Self {
        let throttle = Self {
            history: None,
            ..Self::in_memory()
        };
        throttle.counts().restore(history.take_remembered(), limits);
        Self {
            history: Some(history),
            ..throttle
        }
    }

    /// Whether somebody may be looked for who typed this name. Somebody whom full tables cannot count waits first.
    pub(super) async fn admit_name(
        &self,
        typed: &TypedName,
        client: ClientAddress,
        limits: &Limits,
        now: Now,
    ) -> Result<(), Refused> {
        let typed = typed.folded();
        self.counts().name_verdict(&typed, client, limits, now)?;
        let is_too_full = self.counts().is_too_full_for(&typed, client, now);
        if is_too_full {
            sleep(NEWCOMER_DELAY).await;
        }
        Ok(())
    }

    /// Why no password may be tried for this name, if none may.
    pub(super) fn refused(
        &self,
        name: &Name,
        client: ClientAddress,
        limits: &Limits,
        now: Now,
    ) -> Option<Refused> {
        match self.counts().verdict(name, client, limits, now) {
            Verdict::Refused(refused) => Some(refused),
            Verdict::Open | Verdict::Busy => None,
        }
    }

    /// Begins to try a password, or says why not now.
    pub(super) fn begin(
        self: &Arc<Self>,
        typed: &TypedName,
        name: Name,
        client: ClientAddress,
        limits: &Arc<Limits>,
        now: Now,
    ) -> Beginning {
        let mut counts = self.counts();
        match counts.verdict(&name, client, limits, now) {
            Verdict::Refused(refused) => Beginning::Refused(refused),
            Verdict::Busy => Beginning::Busy,
            Verdict::Open => {
                counts.begin(&name, client.network());
                let tried = Tried {
                    typed: typed.folded(),
                    name,
                    client,
                    at: now,
                };
                Beginning::Open(Pass {
                    throttle: Arc::clone(self),
                    limits: Arc::clone(limits),
                    tried,
                })
            }
        }
    }

    /// Changes whenever a check ends.
    pub(super) fn ends(&self) -> watch::Receiver<u64> {
        self.ends.subscribe()
    }

    /// Counts a connection test, unless the client has had its share.
    ///
    /// # Errors
    /// Until when it has.
    pub(super) fn connection_test(&self, client: ClientAddress, now: Now) -> Result<(), Refused> {
        self.counts().connection_test(client, now)
    }

    /// What is counted now: what refuses first, and of that what refuses for longest.
    pub fn list(&self, limits: &Limits, now: Now) -> Vec<Counted> {
        self.counts().list(limits, now)
    }

    /// How full the tables are.
    pub fn sizes(&self, now: Now) -> Vec<TableSize> {
        self.counts().sizes(now)
    }

    /// Forgets failures, durably; where users have logged in stays known. Says how many counters there were.
    ///
    /// # Errors
    /// They are forgotten, but come back after a restart, since the store failed.
    pub async fn clear(&self, which: Forgotten) -> Result<usize, StoreError> {
        let counters = self.counts().forget(&which);
        if let Some(history) = &self.history {
            history.forget_attempts(which).await?;
        }
        Ok(counters)
    }

    /// Removes from the store what no limit looks at any more.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn prune(&self, now: Now) -> Result<usize, StoreError> {
        match &self.history {
            Some(history) => {
                let (attempts, seats) = (now.minus(COUNTED_FOR), now.minus(seats::KNOWN));
                history.prune_history(attempts, seats).await
            }
            None => Ok(0),
        }
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a check may begin.
pub(super) enum Beginning {
    /// It has.
    Open(Pass),
    /// That depends on what comes of others under way; see [`Throttle::ends`].
    Busy,
    /// No.
    Refused(Refused),
}

/// A check under way. Dropped without a word about the password, it counts as neither.
pub(super) struct Pass {
    throttle: Arc<Throttle>,
    limits: Arc<Limits>,
    tried: Tried,
}

impl Pass {
    /// Counts what came of it.
    pub(super) fn count(&self, success: bool) {
        let Self {
            throttle,
            limits,
            tried,
        } = self;
        let seat = throttle.counts().count(tried, success, limits);
        let Some(history) = &throttle.history else {
            return;
        };
        history.note_attempt(AttemptRecord {
            at: tried.at,
            network: tried.client.network(),
            typed: tried.typed.clone(),
            account: match &tried.name {
                Name::Account(account) => Some(account.clone()),
                Name::Unknown(_) => None,
            },
            success,
        });
        if let Some(seat) = seat {
            history.note_seat(seat);
        }
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        let Tried { name, client, .. } = &self.tried;
        self.throttle.counts().end(name, client.network());
        self.throttle
            .ends
            .send_modify(|ends| *ends = ends.wrapping_add(1));
    }
}
