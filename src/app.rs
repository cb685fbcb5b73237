//! The running daemon: configuration to snapshot to listeners; reload, drain, and word to systemd.

mod accounts;
mod agents;
pub mod clock;
pub(crate) mod core_dumps;
mod daemon;
pub(crate) mod descriptors;
mod disbelief;
mod drains;
mod explaining;
mod farms;
mod host_credentials;
mod keys;
mod numbers;
pub(crate) mod recorded;
mod reload;
mod report;
mod snapshot;
mod start_error;
pub(crate) mod systemd;
mod throttle;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use sd_notify::NotifyState;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinSet;

use crate::admin;
use crate::audit::{self, AuditFile};
use crate::authenticate::PasswordChecks;
use crate::authenticate::throttle::{Throttle, Which};
use crate::broker::{Broker, Caller, Edge, Records, Remote};
use crate::config::{self, Configuration};
use crate::http::{self, Activated, MetricsServer, Operations, Server, certificate};
use crate::model::{AuthorizedKey, ClientAddress};
use crate::observe::{Logs, Metrics};
use crate::placement::{Placements, Stores};
use crate::socket::{Server as SocketServer, Socket, SocketError};
use crate::ssh;
use crate::store::{Embedded, HostCredentials, Store};
use crate::wire::host_keys::HostKeysRequest;
use crate::wire::{BadRequest, Fault, Reply, Request};

use daemon::{Daemon, Fixed};
use disbelief::Disbelief;
use reload::Wish;

pub(crate) use explaining::{Basis, Explaining, Found};
pub use start_error::StartError;

/// How often tickets and leases whose time is over are removed from the store.
const PRUNE_EVERY: Duration = Duration::from_secs(60);
/// Longest that a start waits for the first key pair, where a profile logs in once. Making one takes a processor about a
/// second.
const FIRST_PAIR_WAIT: Duration = Duration::from_secs(5);
/// How often leases are held against what the hosts tell.
const REVIEW_EVERY: Duration = Duration::from_secs(10);
/// Where the addresses are that it listens on, for errors.
const LISTEN_SETTING: &str = "`listen` of [server]";
const METRICS_SETTING: &str = "`metrics_listen` of [server]";
/// How long the end of the daemon waits for the last decisions to be written.
const AUDIT_FLUSH_TIMEOUT: Duration = Duration::from_secs(5);

/// The daemon.
pub struct App {
    daemon: Arc<Daemon>,
    server: Server,
    /// None where its default place cannot be used.
    _admin: Option<SocketServer>,
    /// None where that door is shut.
    ssh: Option<SocketServer>,
    metrics: Option<MetricsServer>,
    signals: Signals,
    /// Held to be ended with the rest.
    _keys: JoinSet<()>,
}

/// The signals that the daemon obeys.
struct Signals {
    hang_up: Signal,
    terminate: Signal,
    interrupt: Signal,
}

impl Operations for Broker {
    async fn answer(&self, caller: Caller, request: Request) -> Reply {
        Broker::answer(self, caller, request).await
    }

    async fn turned_away(&self, sender: Remote, bad: BadRequest) {
        let task = bad.task;
        Broker::turned_away(self, sender.into(), task, &bad.into()).await;
    }

    async fn host_keys(
        &self,
        from: ClientAddress,
        request: Result<HostKeysRequest, Fault>,
    ) -> Option<Vec<AuthorizedKey>> {
        Broker::host_keys(self, from, request).await
    }

    fn agent_key(&self) -> Option<String> {
        self.snapshot().agent_key.clone()
    }

    fn request_timeout(&self) -> Duration {
        self.snapshot().request_timeout
    }

    fn ready(&self) -> bool {
        self.snapshot().login.is_ready()
    }
}

impl App {
    /// Reads the configuration and starts everything that it names, on the sockets that systemd handed over, if any.
    /// Nothing listens before all of it is good.
    ///
    /// # Errors
    /// What stops it, in the admin's words.
    pub async fn start(folders: Vec<PathBuf>, activated: Activated, logs: Logs) -> Result<Self, StartError> {
        core_dumps::forbid()?;
        // From here on a signal waits for `run` instead of ending the process half started.
        let signals = Signals {
            hang_up: signal(SignalKind::hangup())?,
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        };
        let started = clock::now();
        let configuration = read(&folders)?;
        // Makes the state folder, where a self-signed certificate goes too.
        let embedded = Arc::new(Embedded::open(&configuration.state)?);
        let throttle = Throttle::restore(Arc::clone(&embedded) as _, &configuration.authentication.throttle);
        let host_credentials: Arc<dyn HostCredentials> = Arc::clone(&embedded) as _;
        let grants = keys::load(Arc::clone(&embedded) as _, &configuration.admin).await?;
        let stores = Stores {
            leases: Arc::clone(&embedded) as _,
            drains: Arc::clone(&embedded) as _,
            last_hosts: Arc::clone(&embedded) as _,
        };
        let store: Arc<dyn Store> = embedded;
        let certificate = certificate::load(&configuration.server.key_pair, started)?;
        let checks = Arc::new(PasswordChecks::throttled(throttle));
        let fixed = Fixed::of(&configuration);
        let is_activated = !activated.is_empty();
        let listeners = if is_activated {
            activated.for_addresses(&fixed.server.listen)?
        } else {
            http::bind(&fixed.server.listen, LISTEN_SETTING)?
        };
        let metrics_listener = http::bind(fixed.metrics_listen.as_slice(), METRICS_SETTING)?.pop();
        let socket = admin_socket(&fixed.admin)?;
        let records = Arc::new(Records {
            audit: audit::Log::new(),
            metrics: Metrics::new(started, &Which::ALL.map(Which::as_str)),
        });
        let audit_file = configuration.audit_file.clone().map(AuditFile::open);
        records.audit.turn_to(audit_file.transpose()?);
        let agents = agents::KeptAgents::default();
        let disbelief = Disbelief::new(Arc::clone(&records));
        let snapshot = snapshot::build(configuration, &store, &checks, &agents, None, &disbelief).await?;
        let placements = Placements::load(stores).await?;
        let edge = Edge {
            now: clock::now,
            random: rand::random,
        };
        let broker = Arc::new(Broker::new(
            snapshot,
            placements,
            grants,
            Arc::clone(&host_credentials),
            edge,
            Arc::clone(&records),
        ));
        // Whoever waits is connected already, and would otherwise be asked for a second password.
        broker.grants().first_pair(FIRST_PAIR_WAIT).await;
        let ssh = ssh_door(&fixed, &broker)?;
        let server = Server::start(listeners, fixed.server.clone(), certificate, Arc::clone(&broker))?;
        let daemon = Arc::new(Daemon {
            folders,
            front: server.handle(),
            addresses: server.addresses().to_vec(),
            metrics_address: metrics_listener
                .as_ref()
                .map(std::net::TcpListener::local_addr)
                .transpose()?,
            fixed,
            is_activated,
            broker,
            records,
            store,
            host_credentials,
            checks,
            agents,
            disbelief,
            logs,
            started,
            reloading: tokio::sync::Mutex::default(),
            last_reload: std::sync::Mutex::default(),
            turned_away: std::sync::Mutex::default(),
        });
        let keys = keys::tend(Arc::clone(&daemon));
        let metrics = metrics_listener
            .map(|listener| MetricsServer::start(listener, Arc::clone(&daemon)))
            .transpose()?;
        let group = daemon.fixed.admin.group.clone();
        let admin = socket
            .map(|socket| admin::start(socket, group, Arc::clone(&daemon)))
            .transpose()?;
        Ok(Self {
            daemon,
            server,
            _admin: admin,
            ssh,
            metrics,
            signals,
            _keys: keys,
        })
    }

    /// Where it listens.
    pub fn addresses(&self) -> &[SocketAddr] {
        self.server.addresses()
    }

    /// Serves until SIGTERM or SIGINT, then finishes the requests under way. SIGHUP reads the configuration
    /// again.
    pub async fn run(mut self) {
        for address in self.addresses() {
            tracing::info!("listening on https://{address}");
        }
        if let Some(metrics) = &self.metrics {
            tracing::info!("metrics on http://{}/metrics", metrics.address());
        }
        self.daemon.tell_ready();
        // Until the last request is answered.
        let mut watch = JoinSet::new();
        watch.spawn(Arc::clone(&self.daemon).keep_watch());
        let daemon = Arc::clone(&self.daemon);
        // Beside the loop, for hosts may take their time, and ended with it.
        let mut reviews = JoinSet::new();
        reviews.spawn(async move {
            // A host that takes long keeps no other waiting for the next one.
            let mut under_way = JoinSet::new();
            loop {
                tokio::time::sleep(REVIEW_EVERY).await;
                while under_way.try_join_next().is_some() {}
                let daemon = Arc::clone(&daemon);
                under_way.spawn(async move { daemon.review_leases().await });
            }
        });
        let mut prune = tokio::time::interval(PRUNE_EVERY);
        loop {
            tokio::select! {
                _ = self.signals.hang_up.recv() => drop(self.daemon.reload(Wish::Signal).await),
                _ = self.signals.terminate.recv() => break,
                _ = self.signals.interrupt.recv() => break,
                _ = prune.tick() => self.daemon.prune().await,
            }
        }
        tracing::info!("stopping: requests under way are finished first");
        let status = "Stopping, requests under way are finished first";
        systemd::tell(&[NotifyState::Stopping, NotifyState::Status(status)]);
        let limit = self.daemon.fixed.server.drain_timeout;
        let ssh = async {
            if let Some(ssh) = self.ssh {
                ssh.finish(limit).await;
            }
        };
        tokio::join!(self.server.shutdown(), ssh);
        self.daemon.records.audit.flush(AUDIT_FLUSH_TIMEOUT).await;
    }
}

/// The admin socket. Where the configuration names none and the default place cannot be made, as in a checkout of
/// the source, the broker serves without; a place that was named must do. A socket that another daemon has is
/// never passed over: commands meant for this daemon would reach that one.
fn admin_socket(settings: &admin::Settings) -> Result<Option<Socket>, SocketError> {
    match Socket::bind(settings.path(), admin::SOCKET) {
        Ok(socket) => Ok(Some(socket)),
        Err(error @ SocketError::Refused { .. }) if settings.socket.is_none() => {
            tracing::warn!("{error}; until then commands such as `x2godirector status` reach nobody");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// The door for users of this machine, if it is opened.
fn ssh_door(fixed: &Fixed, broker: &Arc<Broker>) -> Result<Option<SocketServer>, StartError> {
    let Some(settings) = &fixed.ssh else {
        return Ok(None);
    };
    let socket = Socket::bind(&settings.socket, ssh::SOCKET)?;
    let forced = settings.forced.clone();
    Ok(Some(ssh::start(socket, forced, Arc::clone(broker))?))
}

/// Reads the configuration and logs its warnings. Blocks.
fn read(folders: &[PathBuf]) -> Result<Configuration, StartError> {
    let configuration =
        config::load(folders, config::process_environment()).map_err(StartError::Configuration)?;
    for warning in config::told(&configuration.warnings) {
        tracing::warn!("{warning}");
    }
    Ok(configuration)
}
