//! One removal of an account's keys at a time, and nothing written beside it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::{OwnedMutexGuard, watch};
use tokio::time::timeout;

use crate::model::SessionUser;

/// Entries before those that nobody uses are cleared away.
const CLEAR_FROM: usize = 256;
/// How long a new key waits for the removal of another. A host that is well removes a line in less.
const WAIT_TO_ADD: Duration = Duration::from_millis(300);

/// How long a removal waits for the keys that are being added. A host that is well adds one in less than a second, but
/// those of an account that many share may never end.
const WAIT_TO_REMOVE: Duration = Duration::from_secs(30);

/// The turns of each session user. On a host a line is added by writing behind the others, and removed by writing all
/// others anew: what is added meanwhile may be lost, also from another host that shares the home folder.
#[derive(Debug, Default)]
pub(super) struct Turns(Mutex<HashMap<SessionUser, Weak<Turn>>>);

/// The turns of one user.
#[derive(Debug, Default)]
pub(super) struct Turn {
    records: Arc<tokio::sync::Mutex<()>>,
    lines: watch::Sender<Lines>,
}

/// Who is at a user's lines.
#[derive(Debug, Default)]
struct Lines {
    /// How many keys are being added. A removal waits for them, but not for ever.
    adding: usize,
    removing: bool,
    /// How many removals have begun while keys were being added.
    beside: u64,
}

/// A key is being added, until this is dropped.
#[derive(Debug)]
pub(super) struct Adding {
    turn: Arc<Turn>,
    /// [`Lines::beside`] as it was last noted here.
    beside: u64,
}

/// A line is being removed, until this is dropped.
#[derive(Debug)]
pub(super) struct Removing(Arc<Turn>);

impl Turns {
    /// The turns of this user.
    pub(super) fn of(&self, user: &SessionUser) -> Arc<Turn> {
        let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if turns.len() >= CLEAR_FROM {
            turns.retain(|_, turn| turn.strong_count() > 0);
        }
        let turn = turns.get(user).and_then(Weak::upgrade);
        turn.unwrap_or_else(|| {
            let turn = Arc::default();
            turns.insert(user.clone(), Arc::downgrade(&turn));
            turn
        })
    }
}

impl Turn {
    /// The turn to write down which keys there are.
    pub(super) async fn records(&self) -> OwnedMutexGuard<()> {
        Arc::clone(&self.records).lock_owned().await
    }

    /// Begins to add a key. A removal that is under way goes on, and no other begins before this is over or
    /// [`WAIT_TO_REMOVE`] is.
    pub(super) fn add(self: &Arc<Self>) -> Adding {
        let mut beside = 0;
        self.lines.send_modify(|lines| {
            lines.adding += 1;
            beside = lines.beside;
        });
        Adding {
            turn: Arc::clone(self),
            beside,
        }
    }

    /// Waits until nobody removes anything, and nobody adds anything or [`WAIT_TO_REMOVE`] is over, and begins to
    /// remove a line. Keys that are being added then are told by [`Adding::was_joined`].
    pub(super) async fn remove(self: &Arc<Self>) -> Removing {
        let alone = self.begin_to_remove(|lines| lines.adding == 0 && !lines.removing);
        match timeout(WAIT_TO_REMOVE, alone).await {
            Ok(removing) => removing,
            Err(_) => self.begin_to_remove(|lines| !lines.removing).await,
        }
    }

    async fn begin_to_remove(self: &Arc<Self>, may_begin: impl Fn(&Lines) -> bool) -> Removing {
        let mut lines = self.lines.subscribe();
        loop {
            // The sender is in `self`, so there is always a change to wait for.
            let _ = lines.wait_for(&may_begin).await;
            let begun = self.lines.send_if_modified(|lines| {
                let begins = may_begin(lines);
                lines.removing |= begins;
                lines.beside += u64::from(begins && lines.adding > 0);
                begins
            });
            if begun {
                return Removing(Arc::clone(self));
            }
        }
    }
}

impl Adding {
    /// Waits until the removal that was under way is over, however long a host takes for it.
    pub(super) async fn alone(&self) {
        let mut lines = self.turn.lines.subscribe();
        // The sender is in `self`.
        let _ = lines.wait_for(|lines| !lines.removing).await;
    }

    /// The same for somebody who cannot wait; says whether it is over.
    pub(super) async fn alone_soon(&self) -> bool {
        timeout(WAIT_TO_ADD, self.alone()).await.is_ok()
    }

    /// Whether a removal began beside this since it began, or since this was last asked.
    pub(super) fn was_joined(&mut self) -> bool {
        let beside = self.turn.lines.borrow().beside;
        std::mem::replace(&mut self.beside, beside) != beside
    }
}

impl Drop for Adding {
    fn drop(&mut self) {
        self.turn.lines.send_modify(|lines| lines.adding -= 1);
    }
}

impl Drop for Removing {
    fn drop(&mut self) {
        self.0.lines.send_modify(|lines| lines.removing = false);
    }
}
