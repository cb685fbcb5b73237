//! One change of an account's keys at a time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::OwnedMutexGuard;

use crate::model::SessionUser;

/// Entries before those that nobody uses are cleared away.
const CLEAR_FROM: usize = 256;

/// A turn for each session user. On a host, adding a line and removing another are no single step: of two at a time
/// one can undo the other, also from two hosts that share the home folder.
#[derive(Debug, Default)]
pub(super) struct Turns(Mutex<HashMap<SessionUser, Weak<tokio::sync::Mutex<()>>>>);

impl Turns {
    /// Waits for the turn of this user. It ends when the guard is dropped.
    pub(super) async fn of(&self, user: &SessionUser) -> OwnedMutexGuard<()> {
        let turn = {
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
        };
        turn.lock_owned().await
    }
}
