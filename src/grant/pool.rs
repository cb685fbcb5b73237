//! Key pairs made ahead of need.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout_at};

use super::back_off::doubled;
use super::key_pair::{KeyPair, KeyPairError, make, remove_leftovers};
use crate::model::Now;

/// Pairs in the making at a time. One takes a processor for about a second.
const MAKERS: usize = 2;
/// After a failure, and the most that this doubles to.
const RETRY_AFTER: Duration = Duration::from_secs(1);
const RETRY_AFTER_MAX: Duration = Duration::from_secs(60);

/// A bounded store of key pairs, filled in the background. Dropping it ends what is being made.
#[derive(Debug)]
pub struct Pool {
    shelf: Arc<Shelf>,
    /// Held to be ended with the rest.
    _makers: JoinSet<()>,
}

#[derive(Debug, Default)]
struct Shelf {
    state: Mutex<State>,
    /// Somebody may have to make one.
    wanted: Notify,
    /// There is one, or there was to be one.
    ready: Notify,
}

#[derive(Debug, Default)]
struct State {
    size: usize,
    making: usize,
    failures: u32,
    pairs: VecDeque<KeyPair>,
}

impl Pool {
    /// An empty one that makes nothing before it is given a size. Pairs are made in the first of these folders that
    /// can be written; they should be in memory.
    pub fn start(folders: &[PathBuf], now: Now) -> Self {
        for folder in folders {
            // One that is not there has no leftovers.
            let _ = remove_leftovers(folder, now);
        }
        let shelf = Arc::new(Shelf::default());
        let mut makers = JoinSet::new();
        for _ in 0..MAKERS {
            makers.spawn(keep_making(Arc::clone(&shelf), folders.to_owned()));
        }
        Self {
            shelf,
            _makers: makers,
        }
    }

    /// How many pairs shall be ready; what is beyond that goes.
    pub fn resize(&self, size: usize) {
        {
            let mut state = self.shelf.lock();
            state.size = size;
            state.pairs.truncate(size);
        }
        self.shelf.wanted.notify_waiters();
    }

    /// How many are ready.
    pub fn ready(&self) -> usize {
        self.shelf.lock().pairs.len()
    }

    /// Waits until there is a first pair, at most so long; not where none is wanted or none can be made.
    pub(super) async fn first(&self, wait: Duration) {
        let deadline = Instant::now() + wait;
        loop {
            let news = self.shelf.ready.notified();
            {
                let state = self.shelf.lock();
                if !state.pairs.is_empty() || state.size == 0 || state.failures > 0 {
                    return;
                }
            }
            if timeout_at(deadline, news).await.is_err() {
                return;
            }
        }
    }

    /// A pair that nobody has had before. Waits for one at most so long; none where none is made.
    pub(super) async fn take(&self, wait: Duration) -> Option<KeyPair> {
        let deadline = Instant::now() + wait;
        loop {
            let arrival = self.shelf.ready.notified();
            {
                let mut state = self.shelf.lock();
                if let Some(pair) = state.pairs.pop_front() {
                    drop(state);
                    self.shelf.wanted.notify_waiters();
                    return Some(pair);
                }
                if state.size == 0 {
                    return None;
                }
            }
            timeout_at(deadline, arrival).await.ok()?;
        }
    }
}

impl Shelf {
    /// A lock that a panic elsewhere does not close for ever: every change under it is whole.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until one is wanted, and takes it on.
    async fn take_on(&self) {
        loop {
            let wanted = self.wanted.notified();
            tokio::pin!(wanted);
            // From here on a call is heard, also one between the look and the wait.
            wanted.as_mut().enable();
            {
                let mut state = self.lock();
                if state.pairs.len() + state.making < state.size {
                    state.making += 1;
                    return;
                }
            }
            wanted.await;
        }
    }

    /// Takes what was made; says how long to wait if it failed.
    fn put(&self, made: Result<KeyPair, KeyPairError>) -> Option<Duration> {
        let mut state = self.lock();
        state.making -= 1;
        match made {
            Ok(pair) => {
                if state.failures > 0 {
                    tracing::info!("key pairs can be made again");
                }
                state.failures = 0;
                state.pairs.push_back(pair);
                drop(state);
                self.ready.notify_one();
                None
            }
            Err(error) => {
                if state.failures == 0 {
                    tracing::error!(%error, "no key pairs can be made; users type their password a second time");
                }
                state.failures += 1;
                self.ready.notify_one();
                Some(doubled(RETRY_AFTER, state.failures - 1, RETRY_AFTER_MAX))
            }
        }
    }
}

/// Makes pairs for as long as some are wanted.
async fn keep_making(shelf: Arc<Shelf>, folders: Vec<PathBuf>) {
    loop {
        shelf.take_on().await;
        if let Some(pause) = shelf.put(make_in_any(&folders).await) {
            sleep(pause).await;
        }
    }
}

/// Makes a pair in the first folder that can be written.
async fn make_in_any(folders: &[PathBuf]) -> Result<KeyPair, KeyPairError> {
    let mut last = None;
    for folder in folders {
        match make(folder).await {
            Err(error @ KeyPairError::Folder { .. }) => last = Some(error),
            made => return made,
        }
    }
    Err(last.unwrap_or_else(|| KeyPairError::Failed("there is no folder for it".to_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn pairs_are_made_ahead_and_given_once() {
        let folder = tempfile::tempdir().unwrap();
        let pool = Pool::start(
            &["/nowhere".into(), folder.path().to_owned()],
            Now::from_unix_ms(0),
        );
        assert!(pool.take(Duration::from_secs(60)).await.is_none());
        pool.resize(1);
        let first = pool.take(Duration::from_secs(60)).await.unwrap();
        let second = pool.take(Duration::from_secs(60)).await.unwrap();
        assert_ne!(first.public, second.public);
        pool.resize(0);
        assert!(pool.take(Duration::from_secs(60)).await.is_none());
    }

    #[tokio::test]
    async fn a_start_waits_for_the_first_pair_and_for_nothing_that_does_not_come() {
        let folder = tempfile::tempdir().unwrap();
        let pool = Pool::start(&[folder.path().to_owned()], Now::from_unix_ms(0));
        let long = Duration::from_secs(60);
        pool.first(long).await;
        assert_eq!(pool.ready(), 0, "nobody wants one");
        pool.resize(1);
        pool.first(long).await;
        assert_eq!(pool.ready(), 1);
        let unable = Pool::start(&["/nowhere".into()], Now::from_unix_ms(0));
        unable.resize(1);
        let waited = tokio::time::timeout(long / 2, unable.first(long)).await;
        assert!(waited.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn an_empty_pool_does_not_keep_anybody_waiting() {
        let pool = Pool::start(&["/nowhere".into()], Now::from_unix_ms(0));
        pool.resize(4);
        let began = Instant::now();
        assert!(pool.take(Duration::from_millis(500)).await.is_none());
        assert_eq!(began.elapsed(), Duration::from_millis(500));
    }
}
