//! What the daemon is made of, for everybody who asks it something beside the requests of clients.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use super::agents::KeptAgents;
use super::clock;
use super::disbelief::Disbelief;
use crate::admin::{self, LastReload};
use crate::audit::{Action, Outcome, Ration};
use crate::authenticate::PasswordChecks;
use crate::broker::{Broker, Records};
use crate::config::Configuration;
use crate::http;
use crate::model::DecisionId;
use crate::observe::Logs;
use crate::ssh;
use crate::store::{HostCredentials, Store};

/// The parts of the daemon.
pub(super) struct Daemon {
    pub(super) folders: Vec<PathBuf>,
    pub(super) broker: Arc<Broker>,
    pub(super) records: Arc<Records>,
    pub(super) front: http::Handle,
    pub(super) addresses: Vec<SocketAddr>,
    pub(super) metrics_address: Option<SocketAddr>,
    /// What it began with, to say at a reload what takes a restart.
    pub(super) fixed: Fixed,
    /// Whether systemd listens for it.
    pub(super) is_activated: bool,
    pub(super) store: Arc<dyn Store>,
    pub(super) host_credentials: Arc<dyn HostCredentials>,
    pub(super) checks: Arc<PasswordChecks>,
    pub(super) agents: KeptAgents,
    pub(super) disbelief: Arc<Disbelief>,
    pub(super) logs: Logs,
    pub(super) started: crate::model::Now,
    /// Held by the reload under way: the others wait for their turn.
    pub(super) reloading: tokio::sync::Mutex<()>,
    pub(super) last_reload: std::sync::Mutex<Option<LastReload>>,
    /// Lines about those who may not ask at the admin socket.
    pub(super) turned_away: std::sync::Mutex<Ration>,
}

/// The part of the configuration that counts at the start alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fixed {
    pub(super) server: http::Settings,
    pub(super) state: PathBuf,
    pub(super) admin: admin::Settings,
    pub(super) ssh: Option<ssh::Settings>,
    pub(super) metrics_listen: Option<SocketAddr>,
}

impl Fixed {
    /// That part of a configuration.
    pub(super) fn of(configuration: &Configuration) -> Self {
        Self {
            server: configuration.server.clone(),
            state: configuration.state.clone(),
            admin: configuration.admin.clone(),
            ssh: configuration.ssh.clone(),
            metrics_listen: configuration.metrics_listen,
        }
    }

    /// Whether another configuration takes a restart to count in full. The certificate does not.
    pub(super) fn differs_from(&self, other: &Self) -> bool {
        let alike = http::Settings {
            key_pair: self.server.key_pair.clone(),
            ..other.server.clone()
        };
        self.server != alike
            || (&self.state, &self.admin, &self.ssh, self.metrics_listen)
                != (&other.state, &other.admin, &other.ssh, other.metrics_listen)
    }
}

impl Daemon {
    /// Keeps the store small. What it would remove counts no longer, so a failure costs nothing but space.
    pub(super) async fn prune(&self) {
        if let Err(error) = self.store.prune_tickets(clock::now()).await {
            tracing::warn!(%error, "ended tickets stay in the store");
        }
        if let Err(error) = self.checks.throttle().prune(clock::now()).await {
            tracing::warn!(%error, "old failures stay in the store");
        }
        if let Err(error) = self.broker.prune().await {
            tracing::warn!(%error, "ended leases stay in the store");
        }
    }

    /// Writes into the audit log what an admin did, or why it was not done.
    pub(super) fn note(
        &self,
        task: &'static str,
        by_uid: Option<u32>,
        about: Option<String>,
        done: Result<(), String>,
    ) {
        self.records.audit.action(&Action {
            decision: DecisionId::from_random(rand::random()),
            time: clock::now(),
            configuration: self.broker.snapshot().configuration,
            task,
            door: if by_uid.is_some() { "admin" } else { "signal" },
            by_uid,
            about,
            outcome: if done.is_ok() {
                Outcome::Granted
            } else {
                Outcome::Refused
            },
            cause: done.err(),
        });
    }
}
