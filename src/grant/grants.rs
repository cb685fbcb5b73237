//! Giving keys.

use std::collections::HashSet;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::{Notify, oneshot};
use tokio::time::timeout;
use tracing::Instrument as _;

use super::book::Book;
use super::line::{Bounds, line};
use super::pool::Pool;
use super::turns::Turns;
use super::{Given, NoKey, Settings, placing};
use crate::agent::{Agent, Agents};
use crate::model::{
    AuthorizedKey, ClientAddress, KeyDelivery, KeyTarget, Machine, Now, Offered, PublicKey, SessionUser,
    Source,
};
use crate::store::{KeyId, KeyRecord, Keys, StoreError};

/// How long a select waits for a key pair when none is ready.
const PAIR_WAIT: Duration = Duration::from_millis(500);
/// How long a select waits for a key to be on its host; then the client asks for a password.
const PLACED_WAIT: Duration = Duration::from_secs(5);
/// Most hosts beside the chosen one: a user with sessions on more of them types the password there.
const OTHERS_MAX: usize = 16;

/// What tells the time where it is not handed in.
pub(super) type Clock = Box<dyn Fn() -> Now + Send + Sync>;

/// Counts a key as given or missed when it is dropped: whoever gives up waiting has missed it.
struct Outcome<'t> {
    tally: &'t Tally,
    given: bool,
}

impl Drop for Outcome<'_> {
    fn drop(&mut self) {
        let count = if self.given {
            &self.tally.given
        } else {
            &self.tally.missed
        };
        count.fetch_add(1, Ordering::Relaxed);
    }
}

/// The keys of all sessions. It outlives the configurations, so that a reload forgets none.
#[derive(Debug)]
pub struct Grants {
    pub(super) shared: Arc<Shared>,
    pool: Pool,
}

/// What the work in the background has in common with the requests.
pub(super) struct Shared {
    pub store: Arc<dyn Keys>,
    /// Locked for a look or a change, never over an await.
    book: Mutex<Book>,
    agents: ArcSwap<Agents>,
    pub turns: Turns,
    /// Something may have become due.
    pub woken: Notify,
    pub clock: Clock,
    pub tally: Tally,
}

/// What has happened since the start.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub given: AtomicU64,
    pub missed: AtomicU64,
    pub removed: AtomicU64,
}

/// What a key is asked for.
#[derive(Debug)]
pub struct Asked<'s> {
    /// How keys are given.
    pub settings: &'s Settings,
    /// The host that was chosen; none if no key can be brought there.
    pub chosen: Option<KeyTarget>,
    /// Where else the client may dial: the hosts of sessions it may resume, and the SSH proxy.
    pub others: Vec<KeyTarget>,
    /// Whose key.
    pub key: Wanted,
    /// Where the client's SSH connection will come from.
    pub origin: Origin,
    /// 64 unpredictable bits, by which the key is known.
    pub random: u64,
}

/// Where the client's SSH connection will come from, as the hosts see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// From the client itself.
    Client(ClientAddress),
    /// From an SSH proxy, whatever the client's address is: its key is for any address.
    Proxy,
    /// From an address that nobody knows. There is no key where keys are for one address.
    Unknown,
}

impl Origin {
    /// The address that a key is for, where keys are for one; none for any.
    fn bound(self) -> Result<Option<ClientAddress>, NoKey> {
        match self {
            Self::Client(address) => Ok(Some(address)),
            Self::Proxy => Ok(None),
            Self::Unknown => Err(NoKey::FromUnknown),
        }
    }
}

/// Whose key is placed.
#[derive(Debug, Clone)]
pub enum Wanted {
    /// One of ours; the client is given its private half.
    Ours,
    /// The client's own.
    Clients(PublicKey),
}

/// The numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// Keys that were given since the start.
    pub given: u64,
    /// Selects since the start that went on without a key that was asked for.
    pub missed: u64,
    /// Lines that were removed from hosts since the start.
    pub removed: u64,
    /// Lines that open an account now.
    pub open: usize,
    /// Lines that are to go, their time over or a newer one in their place, and that still stand on a host.
    pub over: usize,
    /// Key pairs that are ready.
    pub ready: usize,
}

impl Grants {
    /// Begins with the keys that the store holds.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn load(
        store: Arc<dyn Keys>,
        pool: Pool,
        clock: impl Fn() -> Now + Send + Sync + 'static,
    ) -> Result<Self, StoreError> {
        let mut book = Book::default();
        // What was asked of a host a moment before the end may be done there a moment after this start.
        let now = clock();
        for record in store.keys().await? {
            book.restore(record, now);
        }
        Ok(Self {
            shared: Arc::new(Shared {
                store,
                book: Mutex::new(book),
                agents: ArcSwap::default(),
                turns: Turns::default(),
                woken: Notify::new(),
                clock: Box::new(clock),
                tally: Tally::default(),
            }),
            pool,
        })
    }

    /// Takes over what a configuration says: by whom hosts are told, and how many pairs shall be ready; none where
    /// no farm takes keys.
    pub fn configure(&self, agents: Agents, ready: usize) {
        self.shared.agents.store(Arc::new(agents));
        self.pool.resize(ready);
        self.shared.woken.notify_one();
    }

    /// Waits until a first key pair is there, at most so long; not where none is wanted or none can be made.
    pub async fn first_pair(&self, wait: Duration) {
        self.pool.first(wait).await;
    }

    /// A key that opens the offer's session user on the chosen host until its lifetime is over, and on the others as
    /// far as they answer soon. An earlier key of the account in this farm ends.
    ///
    /// It is in the store before it is on a host. A caller that gives up waiting leaves, at most, a line on the host
    /// that nobody has the key to, and that is removed like any other.
    ///
    /// # Errors
    /// Says why there is no key.
    pub async fn give(&self, offer: &impl Offered, asked: Asked<'_>) -> Result<Given, NoKey> {
        let mut outcome = Outcome {
            tally: &self.shared.tally,
            given: false,
        };
        let given = self.try_to_give(offer, asked).await;
        outcome.given = given.is_ok();
        given
    }

    async fn try_to_give(&self, offer: &impl Offered, asked: Asked<'_>) -> Result<Given, NoKey> {
        if offer.account().source == Source::Unproven {
            return Err(NoKey::Unproven);
        }
        let chosen = asked.chosen.ok_or(NoKey::NoWay)?;
        let from = if asked.settings.from_client {
            asked.origin.bound()?
        } else {
            None
        };
        let (public, private) = match asked.key {
            Wanted::Clients(public) => (public, None),
            Wanted::Ours => {
                let pair = self.pool.take(PAIR_WAIT).await.ok_or(NoKey::NoneReady)?;
                (pair.public, Some(pair.private))
            }
        };
        let id = KeyId(asked.random);
        // Its time begins now, however long the request took to come to this.
        let now = (self.shared.clock)();
        let expires = now.plus(asked.settings.lifetime);
        let bounds = Bounds {
            id,
            expires,
            expiry_zone: asked.settings.expiry_zone.as_ref(),
            from,
        };
        let line = line(&public, &bounds)?;
        let record = |target| KeyRecord {
            id,
            account: offer.account().clone(),
            farm: offer.farm().clone(),
            session_user: offer.session_user().clone(),
            target,
            line: line.clone(),
            placed: now,
            expires,
        };
        let others = others(&chosen, asked.others).map(record).collect();
        let (done, placed) = oneshot::channel();
        // It goes on when the request is cut off: what has begun on a host is then known here.
        let place = placing::place(Arc::clone(&self.shared), record(chosen), others, done);
        tokio::spawn(place.in_current_span());
        match timeout(PLACED_WAIT, placed).await {
            Ok(Ok(placed)) => placed.map(|()| Given { id, private }),
            Ok(Err(_)) | Err(_) => Err(NoKey::Late),
        }
    }

    /// The lines that open an account on a host right now, for a host that asks instead of being told.
    pub fn keys_for(&self, user: &SessionUser, machine: &Machine, now: Now) -> Vec<AuthorizedKey> {
        self.shared.book().lines(user, machine, now)
    }

    /// The numbers.
    pub fn counts(&self, now: Now) -> Counts {
        let (open, over) = self.shared.book().counts(now);
        let tally = &self.shared.tally;
        Counts {
            given: tally.given.load(Ordering::Relaxed),
            missed: tally.missed.load(Ordering::Relaxed),
            removed: tally.removed.load(Ordering::Relaxed),
            open,
            over,
            ready: self.pool.ready(),
        }
    }
}

impl Shared {
    /// A lock that a panic elsewhere does not close for ever: every change under it is whole.
    pub fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Who tells the hosts that are told this way; nobody where the configuration has none.
    pub fn agent(&self, delivery: KeyDelivery) -> Option<Arc<dyn Agent>> {
        let agents = self.agents.load();
        match delivery {
            KeyDelivery::Ssh => agents.ssh.clone(),
            KeyDelivery::Local => agents.local.clone(),
            KeyDelivery::Command => None,
        }
    }

    /// A key is on a host no longer, or never was.
    pub async fn forget(&self, record: &KeyRecord) {
        let machine = &record.target.machine;
        self.book().forget(record.id, machine);
        if let Err(error) = self.store.remove_key(record.id, machine).await {
            // It is removed once more after the next start, which does no harm.
            tracing::warn!(%error, key = %record.id, "a key that was removed stays in the store");
        }
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

/// The others, each machine once and without the chosen one.
fn others(chosen: &KeyTarget, others: Vec<KeyTarget>) -> impl Iterator<Item = KeyTarget> {
    let mut seen = HashSet::from([chosen.machine.clone()]);
    others
        .into_iter()
        .filter(move |target| seen.insert(target.machine.clone()))
        .take(OTHERS_MAX)
}
