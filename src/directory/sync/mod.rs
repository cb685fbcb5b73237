//! A copy of the directory's groups that the server keeps in step (content synchronisation, RFC 4533), so that a list
//! needs no search for groups. Whenever the copy is not known to be current, it answers nothing, and the directory is
//! asked; so it can make an answer faster, and never another one.
//!
//! The copy is that of the server that a search would go to, for another one may be behind it. Users' entries are not
//! copied: whether an account may be used is read at each request.

pub(super) mod copy;
mod csns;
mod end;
pub(super) mod follower;
mod session;
pub(super) mod value;

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::time::Instant;

use self::copy::Copy;
use super::health::Health;

/// How old the proof may be that the copy is current. A change that was confirmed a second before a list began was
/// then confirmed 0.4 s or more before the proof was asked for.
const CURRENT_MAX: Duration = Duration::from_millis(600);

/// The copy, for those who ask it.
pub(super) struct Synced {
    health: Arc<Health>,
    held: RwLock<Held>,
}

/// The copy and what is known of it.
#[derive(Default)]
struct Held {
    copy: Copy,
    /// The server that it is of.
    server: usize,
    /// When it was current.
    proven: Option<Instant>,
}

impl Synced {
    /// Nothing is copied yet.
    pub fn new(health: Arc<Health>) -> Self {
        Self {
            health,
            held: RwLock::default(),
        }
    }

    /// What the copy answers; nothing if it is not known to be current, or not of the server to ask.
    pub fn ask<T>(&self, question: impl FnOnce(&Copy) -> T) -> Option<T> {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        let current = held.proven.is_some_and(|proven| proven.elapsed() < CURRENT_MAX);
        (current && self.health.preferred() == Some(held.server)).then(|| question(&held.copy))
    }

    fn change<T>(&self, change: impl FnOnce(&mut Held) -> T) -> T {
        change(&mut self.held.write().unwrap_or_else(PoisonError::into_inner))
    }
}
