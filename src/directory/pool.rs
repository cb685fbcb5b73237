//! The two kinds of connections to one server, kept for the next login.
//!
//! *Search* connections are bound as the service account, once, when they are made. *Bind* connections only try
//! users' passwords. Both are held by one operation at a time: a bind changes who the connection is, and OpenLDAP
//! keeps one paged search per connection, which a second one would end.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use deadpool::Runtime;
use deadpool::managed::{Manager, Metrics, Object, Pool, PoolError, RecycleError, RecycleResult};
use ldap3::Ldap;
use tokio::time::Instant;

use super::dial::Dialer;
use super::exchange::Exchange;
use super::relay::{Relayed, relay};
use super::request::Request;
use super::server::{BUSY, UNAVAILABLE};
use super::settings::ServiceAccount;
use super::trouble::Trouble;

/// How long a connection may lie unused: firewalls forget idle connections without telling either side.
const IDLE_MAX: Duration = Duration::from_secs(60);
/// How long the service account is not tried again after the server refused it: each try counts towards that
/// account's lockout.
const REFUSED_PAUSE: Duration = Duration::from_secs(5);

/// Connections for searches.
pub(super) type SearchPool = Kept<SearchConnections>;
/// Connections for binds of users.
pub(super) type BindPool = Kept<BindConnections>;

/// A pool of connections of one kind, and how long operations waited for one.
pub(super) struct Kept<M: Manager> {
    pool: Pool<M>,
    kind: &'static str,
    waits: Waits,
}

/// How a pool is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolUse {
    /// The URL of its server.
    pub server: String,
    /// What its connections are for: `searches` or `binds`.
    pub kind: &'static str,
    /// How many connections there may be.
    pub connections_max: usize,
    /// How many there are.
    pub connections: usize,
    /// How many of them are at work.
    pub busy: usize,
    /// How many operations wait for one.
    pub waiting: usize,
    /// How many operations got one or gave up since the configuration was taken.
    pub taken: u64,
    /// How many of them gave up.
    pub turned_away: u64,
    /// How long they waited for that in all; making a connection counts too.
    pub waited: Duration,
}

/// How often somebody waited, and how long in all.
#[derive(Default)]
struct Waits {
    count: AtomicU64,
    given_up: AtomicU64,
    nanoseconds: AtomicU64,
}

impl<M: Manager<Error = Trouble>> Kept<M> {
    /// At most `size` connections, for which an operation waits at most `wait`.
    ///
    /// # Errors
    /// Only if the pool wants a runtime that was not given, which it was.
    pub fn new(manager: M, kind: &'static str, size: usize, wait: Duration) -> Result<Self, String> {
        let pool = Pool::builder(manager)
            .max_size(size)
            .wait_timeout(Some(wait))
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(|error| error.to_string())?;
        Ok(Self {
            pool,
            kind,
            waits: Waits::default(),
        })
    }

    /// A connection of the pool, a new one if need be.
    pub async fn get(&self, dialer: &Dialer) -> Result<Object<M>, Trouble> {
        let began = Instant::now();
        let connection = self.pool.get().await;
        let gave_up = matches!(connection, Err(PoolError::Timeout(_)));
        self.waits.note(began.elapsed(), gave_up);
        connection.map_err(|error| match error {
            PoolError::Backend(trouble) => trouble,
            PoolError::Timeout(_) => Trouble::Silent(format!(
                "{}: all {} connections for {} stayed busy for {:?}",
                dialer.server,
                self.pool.status().max_size,
                self.kind,
                dialer.operation_timeout
            )),
            // Closed, without a runtime, a failed hook: we do none of these.
            PoolError::Closed | PoolError::NoRuntimeSpecified | PoolError::PostCreateHook(_) => {
                Trouble::Lost(format!("{}: {}: no connection pool", dialer.server, self.kind))
            }
        })
    }

    /// What makes its connections.
    pub fn manager(&self) -> &M {
        self.pool.manager()
    }

    /// Forgets all connections that are not at work.
    pub fn empty(&self) {
        drop(self.pool.retain(|_, _| false));
    }

    /// How it is used.
    pub fn usage(&self, server: String) -> PoolUse {
        let status = self.pool.status();
        PoolUse {
            server,
            kind: self.kind,
            connections_max: status.max_size,
            connections: status.size,
            busy: status.size.saturating_sub(status.available),
            waiting: status.waiting,
            taken: self.waits.count.load(Ordering::Relaxed),
            turned_away: self.waits.given_up.load(Ordering::Relaxed),
            waited: Duration::from_nanos(self.waits.nanoseconds.load(Ordering::Relaxed)),
        }
    }
}

impl Waits {
    fn note(&self, took: Duration, gave_up: bool) {
        let nanoseconds = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.nanoseconds.fetch_add(nanoseconds, Ordering::Relaxed);
        self.count.fetch_add(1, Ordering::Relaxed);
        self.given_up.fetch_add(u64::from(gave_up), Ordering::Relaxed);
    }
}

/// Makes connections for searches.
pub(super) struct SearchConnections {
    dialer: Arc<Dialer>,
    service: Option<ServiceAccount>,
    refused: Mutex<Option<Refused>>,
}

/// What a server said to the service account when it did not take it.
struct Refused {
    when: Instant,
    cause: String,
    /// Whether it spoke of the account, and not of itself.
    of_the_account: bool,
}

/// One connection for searches.
pub(super) struct SearchConnection {
    relayed: Relayed,
    /// An operation is under way, or was given up before its answer was complete.
    pub busy: bool,
}

impl SearchConnection {
    /// The handle for a search.
    pub fn ldap(&mut self) -> &mut Ldap {
        &mut self.relayed.ldap
    }

    /// Why the connection ended, once it has.
    pub fn ended(&self) -> Arc<OnceLock<String>> {
        Arc::clone(&self.relayed.ended)
    }
}

impl SearchConnections {
    /// Connections bound as this account, or anonymous ones.
    pub fn new(dialer: Arc<Dialer>, service: Option<ServiceAccount>) -> Self {
        Self {
            dialer,
            service,
            refused: Mutex::new(None),
        }
    }

    /// A new connection, bound as the service account.
    ///
    /// # Errors
    /// It cannot be made, or the server refuses the account or did a moment ago.
    pub async fn connect(&self) -> Result<Exchange, Trouble> {
        if let Some(cause) = self.just_refused() {
            return Err(Trouble::Busy(cause));
        }
        let mut exchange = self.dialer.dial().await?;
        if let Some(service) = &self.service {
            self.introduce(&mut exchange, service).await?;
        }
        Ok(exchange)
    }

    /// Binds as the service account.
    async fn introduce(&self, exchange: &mut Exchange, service: &ServiceAccount) -> Result<(), Trouble> {
        let request = Request::bind(service.dn.as_str(), service.password.expose());
        let answer = exchange.ask("bind as the service account", &request).await?;
        if answer.code == 0 {
            return Ok(());
        }
        let hint = match answer.code {
            49 => "check bind_dn and bind_password_file",
            8 | 13 => "it wants TLS: use ldaps:// or start_tls",
            _ => "check bind_dn",
        };
        let cause = format!(
            "{}: the server refuses bind_dn {} (code {} {}): {hint}",
            self.dialer.server, service.dn, answer.code, answer.text
        );
        *self.lock() = Some(Refused {
            when: Instant::now(),
            cause: cause.clone(),
            of_the_account: ![BUSY, UNAVAILABLE].contains(&answer.code),
        });
        Err(Trouble::Busy(cause))
    }

    /// What the server said to the service account a moment ago, if it refused it.
    fn just_refused(&self) -> Option<String> {
        self.lock()
            .as_ref()
            .filter(|refused| refused.when.elapsed() < REFUSED_PAUSE)
            .map(|refused| refused.cause.clone())
    }

    /// What the server has against the service account, if it was tried and refused.
    pub fn refusal(&self) -> Option<String> {
        self.lock()
            .as_ref()
            .filter(|refused| refused.of_the_account)
            .map(|refused| refused.cause.clone())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Refused>> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Manager for SearchConnections {
    type Type = SearchConnection;
    type Error = Trouble;

    async fn create(&self) -> Result<SearchConnection, Trouble> {
        let exchange = self.connect().await?;
        let relayed = relay(exchange.into_stream()?)
            .await
            .map_err(|error| Trouble::Final(format!("{}: connect: {error}", self.dialer.server)))?;
        Ok(SearchConnection { relayed, busy: false })
    }

    async fn recycle(&self, connection: &mut SearchConnection, metrics: &Metrics) -> RecycleResult<Trouble> {
        let ended = connection.relayed.ended.get().is_some() || connection.relayed.ldap.is_closed();
        keep(!ended && !connection.busy, metrics)
    }
}

/// Makes connections for binds of users.
pub(super) struct BindConnections {
    /// Where they go.
    pub dialer: Arc<Dialer>,
}

impl Manager for BindConnections {
    type Type = Exchange;
    type Error = Trouble;

    async fn create(&self) -> Result<Exchange, Trouble> {
        self.dialer.dial().await
    }

    async fn recycle(&self, exchange: &mut Exchange, metrics: &Metrics) -> RecycleResult<Trouble> {
        keep(exchange.is_usable().await, metrics)
    }
}

fn keep(usable: bool, metrics: &Metrics) -> RecycleResult<Trouble> {
    if usable && metrics.last_used() < IDLE_MAX {
        Ok(())
    } else {
        Err(RecycleError::message("not usable any more"))
    }
}
