//! A host as a select sees it: as it is configured, with what is known of its machine right now.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::Host;
use super::asked::{AskedMachine, Told};
use super::back_off::BackOff;
use super::database::SessionDatabase;
use super::facts::{Counted, Site};
use super::health::Health;
use crate::model::Now;

/// A host of a farm.
#[derive(Debug)]
pub(super) struct WatchedHost {
    pub host: Host,
    /// Every name of the same machine, in this farm and others: its load is the load of them all.
    pub sites: Arc<[Site]>,
    pub(super) health: watch::Receiver<Health>,
    pub(super) back_off: Arc<Mutex<BackOff>>,
    /// Who tells of its sessions; nobody where its farm has no agent.
    pub asked: Option<AskedHost>,
}

/// What is known by asking a host's agent.
#[derive(Debug)]
pub(super) struct AskedHost {
    pub machine: Arc<AskedMachine>,
    /// Where its sessions are noted.
    pub database: Arc<SessionDatabase>,
    /// Its number there.
    pub number: usize,
    pub(super) counted: watch::Receiver<Option<Counted>>,
    /// What the agents of all hosts of the farm told, its own included.
    pub(super) farm: Arc<[watch::Receiver<Told>]>,
}

impl WatchedHost {
    /// What is known of the machine.
    pub fn health(&self) -> Health {
        let health = *self.health.borrow();
        match &self.asked {
            Some(asked) if health == Health::Up && asked.is_silent() => Health::Silent,
            _ => health,
        }
    }

    /// Whether the machine can take sessions.
    pub fn is_healthy(&self) -> bool {
        self.health() == Health::Up
    }

    /// How many sessions are on it, as it or a host with the same session database told lately.
    pub fn counted(&self) -> Option<Counted> {
        *self.asked.as_ref()?.counted.borrow()
    }

    /// Until when nothing new is to start there, since the last leases there came to nothing.
    pub fn backed_off_until(&self, now: Now) -> Option<Now> {
        self.back_off().until(now)
    }

    /// Whether nothing new is to start there for now.
    pub fn backed_off(&self, now: Now) -> bool {
        self.backed_off_until(now).is_some()
    }

    /// What became of its leases; not to be held over an await.
    pub fn back_off(&self) -> MutexGuard<'_, BackOff> {
        self.back_off.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AskedHost {
    /// What the agent told.
    pub fn told(&self) -> watch::Ref<'_, Told> {
        self.machine.told()
    }

    /// Whether the agent counts as silent. Where that of every host of the farm would, it is more likely the broker
    /// that cannot ask, and none does.
    fn is_silent(&self) -> bool {
        self.told().is_silent() && self.farm.iter().any(|other| !other.borrow().is_silent())
    }
}
