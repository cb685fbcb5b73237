//! The running daemon: configuration to snapshot to listeners; reload, drain, and word to systemd.

mod accounts;
pub mod clock;
pub(crate) mod core_dumps;
mod snapshot;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use sd_notify::NotifyState;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::authenticate::PasswordChecks;
use crate::broker::{Broker, Edge};
use crate::config::{self, Configuration, Diagnostic};
use crate::http::{self, BindError, CertificateError, Operations, Server, certificate};
use crate::model::Caller;
use crate::placement::Placements;
use crate::store::{Embedded, Store, StoreError};
use crate::wire::{Reply, Request};

/// How often tickets and leases whose time is over are removed from the store.
const PRUNE_EVERY: Duration = Duration::from_secs(60);

/// Why the daemon does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration has errors.
    #[error("the configuration has errors")]
    Configuration(Vec<Diagnostic>),
    /// The certificate or its key cannot be used.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// The directory's settings cannot be used.
    #[error(transparent)]
    Directory(#[from] crate::directory::SetupError),
    /// The state cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An address cannot be listened on.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The operating system refused something else.
    #[error("{0}")]
    System(#[from] std::io::Error),
}

/// The daemon.
pub struct App {
    folders: Vec<PathBuf>,
    broker: Arc<Broker>,
    server: Server,
    /// What it listens with, to say at a reload what takes a restart.
    settings: http::Settings,
    state: PathBuf,
    store: Arc<dyn Store>,
    checks: Arc<PasswordChecks>,
    signals: Signals,
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

    fn ready(&self) -> bool {
        self.snapshot().login.is_ready()
    }
}

impl App {
    /// Reads the configuration and starts everything that it names. Nothing listens before all of it is good.
    ///
    /// # Errors
    /// What stops it, in the admin's words.
    pub async fn start(folders: Vec<PathBuf>) -> Result<Self, StartError> {
        core_dumps::forbid()?;
        // From here on a signal waits for `run` instead of ending the process half started.
        let signals = Signals {
            hang_up: signal(SignalKind::hangup())?,
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        };
        let configuration = read(&folders)?;
        // Makes the state folder, where a self-signed certificate goes too.
        let store: Arc<dyn Store> = Arc::new(Embedded::open(&configuration.state)?);
        let tls = certificate::load(&configuration.server.key_pair, clock::now())?;
        let checks = Arc::new(PasswordChecks::new());
        let (settings, state) = (configuration.server.clone(), configuration.state.clone());
        let listeners = http::bind(&settings.listen)?;
        let snapshot = snapshot::build(configuration, &store, &checks, None).await?;
        let placements = Placements::load(Arc::clone(&store)).await?;
        let edge = Edge {
            now: clock::now,
            random: rand::random,
        };
        let broker = Arc::new(Broker::new(snapshot, placements, edge));
        let server = Server::start(listeners, settings.clone(), tls, Arc::clone(&broker))?;
        Ok(Self {
            folders,
            broker,
            server,
            settings,
            state,
            store,
            checks,
            signals,
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
        tell_systemd(&[NotifyState::Ready]);
        let mut prune = tokio::time::interval(PRUNE_EVERY);
        loop {
            tokio::select! {
                _ = self.signals.hang_up.recv() => self.reload().await,
                _ = self.signals.terminate.recv() => break,
                _ = self.signals.interrupt.recv() => break,
                _ = prune.tick() => self.prune().await,
            }
        }
        tracing::info!("stopping: requests under way are finished first");
        tell_systemd(&[NotifyState::Stopping]);
        self.server.shutdown().await;
    }

    /// Reads the configuration again. If anything in it is wrong, the one in use stays, certificate included.
    async fn reload(&mut self) {
        match self.renew().await {
            Ok(()) => tracing::info!("configuration reloaded"),
            Err(StartError::Configuration(problems)) => {
                for problem in problems {
                    tracing::error!("{problem}");
                }
                tracing::error!("not reloaded: the configuration in use stays");
            }
            Err(error) => tracing::error!(%error, "not reloaded: the configuration in use stays"),
        }
    }

    async fn renew(&mut self) -> Result<(), StartError> {
        let configuration = read(&self.folders)?;
        let tls = certificate::load(&configuration.server.key_pair, clock::now())?;
        let key_pair = configuration.server.key_pair.clone();
        let needs_restart = http::Settings {
            key_pair,
            ..self.settings.clone()
        } != configuration.server
            || self.state != configuration.state;
        let current = self.broker.snapshot();
        let snapshot =
            snapshot::build(configuration, &self.store, &self.checks, Some(&current.farms)).await?;
        self.broker.replace(snapshot);
        self.server.reload(tls);
        if needs_restart {
            tracing::warn!("[server]: all but the certificate takes effect at the next restart");
        }
        Ok(())
    }

    /// Keeps the store small. What it would remove counts no longer, so a failure costs nothing but space.
    async fn prune(&self) {
        if let Err(error) = self.store.prune_tickets(clock::now()).await {
            tracing::warn!(%error, "ended tickets stay in the store");
        }
        if let Err(error) = self.broker.prune().await {
            tracing::warn!(%error, "ended leases stay in the store");
        }
    }
}

/// Reads the configuration and logs its warnings.
fn read(folders: &[PathBuf]) -> Result<Configuration, StartError> {
    let configuration =
        config::load(folders, config::process_environment()).map_err(StartError::Configuration)?;
    for warning in &configuration.warnings {
        tracing::warn!("{warning}");
    }
    Ok(configuration)
}

/// Tells systemd, if it started us (sd_notify(3)).
fn tell_systemd(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "systemd was not told");
    }
}
