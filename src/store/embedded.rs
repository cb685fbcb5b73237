//! The store of one daemon: an SQLite file beside it.

use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};
use std::thread::JoinHandle;

use tokio::sync::{mpsc, oneshot};

use super::database::Database;
use super::drains::{DrainRecord, Drains};
use super::held::Held;
use super::history::{AttemptRecord, Forgotten, History, Remembered, SeatRecord};
use super::history_statements::Note;
use super::host_credentials::{HostCredentialHash, HostCredentialRecord, HostCredentials};
use super::keys::{KeyId, KeyRecord, Keys};
use super::last_hosts::{LastHostRecord, LastHosts};
use super::records::{LeaseRecord, TicketHash, TicketRecord, TicketUse};
use super::statements::{Change, load};
use super::writer::{Job, Writer};
use super::{Answer, Store, StoreError};
use crate::model::{Account, FarmName, HostName, Machine, Now};

/// Most changes waiting to be written; the next caller waits for a place.
const QUEUE_MAX: usize = 1024;

/// A [`Store`] in one SQLite file (WAL, each commit synced). One thread writes, and commits together what
/// waits together; reads are answered from memory, where all records are held (about 0.6 kB a ticket). Dropping
/// it writes what is noted and closes the file.
pub struct Embedded {
    held: Arc<RwLock<Held>>,
    /// There until [`Drop`] closes it, which is how the writer learns of the end.
    jobs: Option<mpsc::Sender<Job>>,
    writer: Option<JoinHandle<()>>,
}

impl Embedded {
    /// Opens the file (0600), or makes it with the folders above it (0700), and reads all records.
    ///
    /// # Errors
    /// Names the file and what to do when it is damaged, of a newer version or another program, in use by
    /// another daemon, or cannot be written.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let mut database = Database::open(path)?;
        let held = database
            .transact(|transaction| load(transaction))
            .map_err(|StoreError(why)| StoreError(format!("{}: {why}", path.display())))?;
        let held = Arc::new(RwLock::new(held));
        let (jobs, received) = mpsc::channel(QUEUE_MAX);
        let start = |error: std::io::Error| StoreError(format!("the writer cannot start: {error}"));
        let writer = Writer {
            database,
            held: Arc::clone(&held),
            jobs: received,
            runtime: tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .build()
                .map_err(start)?,
        };
        let writer = std::thread::Builder::new()
            .name("state".to_owned())
            .spawn(move || writer.run())
            .map_err(start)?;
        Ok(Self {
            held,
            jobs: Some(jobs),
            writer: Some(writer),
        })
    }

    /// Hands a change to the writer and waits until it is durable. The wait is for this machine's disk; the
    /// caller's own deadline ends it, and the change is made all the same.
    async fn change(&self, change: Change) -> Result<usize, StoreError> {
        let stopped = || StoreError("the writer has stopped".to_owned());
        let (done, answer) = oneshot::channel();
        let jobs = self.jobs.as_ref().ok_or_else(stopped)?;
        jobs.send(Job { change, done }).await.map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())?
    }

    fn note(&self, note: Note) {
        self.held
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .note(note);
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        self.jobs.take();
        if let Some(writer) = self.writer.take()
            && writer.join().is_err()
        {
            tracing::error!("the writer of the state file ended early");
        }
    }
}

impl Store for Embedded {
    fn add_ticket(&self, ticket: TicketRecord) -> Answer<'_, ()> {
        Box::pin(async { self.change(Change::AddTicket(ticket)).await.map(drop) })
    }

    fn ticket(&self, hash: TicketHash) -> Answer<'_, Option<TicketRecord>> {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        let ticket = held.ticket(&hash).cloned();
        Box::pin(async { Ok(ticket) })
    }

    fn rotate_ticket(&self, replaced: TicketHash, end: Now, successor: TicketRecord) -> Answer<'_, bool> {
        let change = Change::RotateTicket {
            replaced,
            end,
            successor,
        };
        Box::pin(async { self.change(change).await.map(|rotated| rotated > 0) })
    }

    fn ticket_uses(&self) -> Answer<'_, Vec<TicketUse>> {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        let uses = held.tickets().map(TicketUse::from).collect();
        Box::pin(async { Ok(uses) })
    }

    fn touch_ticket(&self, hash: TicketHash, at: Now) {
        self.held
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .touch(hash, at);
    }

    fn revoke_tickets(&self, account: &Account) -> Answer<'_, usize> {
        Box::pin(self.change(Change::RevokeTickets(account.clone())))
    }

    fn keep_only_ticket(&self, ticket: TicketRecord) -> Answer<'_, usize> {
        Box::pin(self.change(Change::KeepOnlyTicket(ticket)))
    }

    fn prune_tickets(&self, now: Now) -> Answer<'_, usize> {
        Box::pin(self.change(Change::PruneTickets(now)))
    }

    fn leases(&self) -> Answer<'_, Vec<LeaseRecord>> {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        let leases = held.leases().cloned().collect();
        Box::pin(async { Ok(leases) })
    }

    fn put_lease(&self, lease: LeaseRecord) -> Answer<'_, ()> {
        Box::pin(async { self.change(Change::PutLease(lease)).await.map(drop) })
    }

    fn remove_lease(&self, account: &Account, farm: &FarmName) -> Answer<'_, ()> {
        let change = Change::RemoveLease(account.clone(), farm.clone());
        Box::pin(async { self.change(change).await.map(drop) })
    }
}

impl Keys for Embedded {
    fn keys(&self) -> Answer<'_, Vec<KeyRecord>> {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        let keys = held.keys().cloned().collect();
        Box::pin(async { Ok(keys) })
    }

    fn put_key(&self, records: Vec<KeyRecord>) -> Answer<'_, ()> {
        Box::pin(async { self.change(Change::PutKey(records)).await.map(drop) })
    }

    fn remove_key(&self, id: KeyId, machine: &Machine) -> Answer<'_, ()> {
        let change = Change::RemoveKey(id, machine.clone());
        Box::pin(async { self.change(change).await.map(drop) })
    }
}

impl HostCredentials for Embedded {
    fn host_credential(&self, hash: HostCredentialHash) -> Answer<'_, Option<HostCredentialRecord>> {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        let record = held.host_credentials().get(&hash).cloned();
        Box::pin(async { Ok(record) })
    }

    fn host_credentials(&self) -> Answer<'_, Vec<HostCredentialRecord>> {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        let records = held.host_credentials().values().cloned().collect();
        Box::pin(async { Ok(records) })
    }

    fn put_host_credential(&self, record: HostCredentialRecord) -> Answer<'_, ()> {
        Box::pin(async { self.change(Change::PutHostCredential(record)).await.map(drop) })
    }

    fn remove_host_credential(&self, farm: &FarmName, host: &HostName) -> Answer<'_, usize> {
        Box::pin(self.change(Change::RemoveHostCredential(farm.clone(), host.clone())))
    }
}

impl History for Embedded {
    fn note_attempt(&self, attempt: AttemptRecord) {
        self.note(Note::Attempt(attempt));
    }

    fn note_seat(&self, seat: SeatRecord) {
        self.note(Note::Seat(seat));
    }

    fn take_remembered(&self) -> Remembered {
        self.held
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .take_remembered()
    }

    fn forget_attempts(&self, which: Forgotten) -> Answer<'_, usize> {
        Box::pin(self.change(Change::ForgetAttempts(which)))
    }

    fn prune_history(&self, attempts_before: Now, seats_before: Now) -> Answer<'_, usize> {
        Box::pin(self.change(Change::PruneHistory {
            attempts_before,
            seats_before,
        }))
    }
}

impl Drains for Embedded {
    fn drains(&self) -> Answer<'_, Vec<DrainRecord>> {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        let drains = held.drains().cloned().collect();
        Box::pin(async { Ok(drains) })
    }

    fn put_drain(&self, drain: DrainRecord) -> Answer<'_, ()> {
        Box::pin(async { self.change(Change::PutDrain(drain)).await.map(drop) })
    }

    fn remove_drain(&self, farm: &FarmName, host: &HostName) -> Answer<'_, ()> {
        let change = Change::RemoveDrain(farm.clone(), host.clone());
        Box::pin(async { self.change(change).await.map(drop) })
    }
}

impl LastHosts for Embedded {
    fn last_host(&self, account: &Account, farm: &FarmName) -> Option<HostName> {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        held.last_host(account, farm).cloned()
    }

    fn note_last_host(&self, last: LastHostRecord) {
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        held.keep_last_host(last.clone());
        held.note(Note::LastHost(last));
    }

    fn prune_last_hosts(&self, before: Now) -> Answer<'_, usize> {
        Box::pin(self.change(Change::PruneLastHosts(before)))
    }
}
