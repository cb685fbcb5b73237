//! The one thread that writes: it gathers what waits, commits it at once, and then answers everybody.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::StoreError;
use super::database::Database;
use super::held::Held;
use super::history_statements::write_notes;
use super::statements::{Change, write_use};

/// Most changes in one commit.
const BATCH_MAX: usize = 256;
/// Longest time a use of a ticket or a note of the throttle stays unwritten.
const WRITE_BEHIND: Duration = Duration::from_secs(1);

/// A change, and who waits for it.
pub(super) struct Job {
    pub(super) change: Change,
    pub(super) done: oneshot::Sender<Result<usize, StoreError>>,
}

/// Writes until `jobs` is closed and empty; what is noted by then is written too.
pub(super) struct Writer {
    pub(super) database: Database,
    pub(super) held: Arc<RwLock<Held>>,
    pub(super) jobs: mpsc::Receiver<Job>,
    /// For the clock of the write-behind.
    pub(super) runtime: Runtime,
}

impl Writer {
    pub(super) fn run(mut self) {
        let mut batch = Vec::with_capacity(BATCH_MAX);
        let mut failing = false;
        loop {
            let waited = self
                .runtime
                .block_on(async { timeout(WRITE_BEHIND, self.jobs.recv_many(&mut batch, BATCH_MAX)).await });
            let written = self.commit(&mut batch);
            if written.is_err() != failing {
                failing = written.is_err();
                match written {
                    Err(StoreError(why)) => tracing::error!(%why, "the state file cannot be written"),
                    Ok(()) => tracing::info!("the state file can be written again"),
                }
            }
            if waited == Ok(0) {
                return;
            }
        }
    }

    /// Commits the batch together with the uses and notes so far. The image in memory follows only a commit that
    /// succeeded.
    fn commit(&mut self, batch: &mut Vec<Job>) -> Result<(), StoreError> {
        let (uses, notes) = {
            let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
            (held.take_uses(), held.take_notes())
        };
        if batch.is_empty() && uses.is_empty() && notes.is_empty() {
            return Ok(());
        }
        let (changes, waiting): (Vec<_>, Vec<_>) = batch.drain(..).map(|job| (job.change, job.done)).unzip();
        let mut effects = Vec::with_capacity(changes.len());
        let committed = self.database.transact(|transaction| {
            for (hash, at) in &uses {
                write_use(transaction, hash, *at)?;
            }
            write_notes(transaction, &notes)?;
            changes
                .into_iter()
                .map(|change| change.make(transaction, &mut effects))
                .collect::<Result<Vec<_>, _>>()
        });
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        match &committed {
            Ok(_) => effects.into_iter().for_each(|effect| held.follow(effect)),
            Err(_) => {
                held.return_uses(uses);
                held.return_notes(notes);
            }
        }
        drop(held);
        for (at, done) in waiting.into_iter().enumerate() {
            // Who no longer waits has no use for the answer.
            let _ = done.send(match &committed {
                Ok(counts) => Ok(counts.get(at).copied().unwrap_or_default()),
                Err(error) => Err(error.clone()),
            });
        }
        committed.map(drop)
    }
}
