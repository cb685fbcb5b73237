//! What can be asked of one server.

use std::sync::{Arc, OnceLock};

use deadpool::managed::{Manager, Object};
use ldap3::LdapError;
use tokio::task::JoinSet;
use tokio::time::error::Elapsed;
use tokio::time::timeout;
use tracing::Instrument as _;

use super::change::{Sent, Steps};
use super::dial::Dialer;
use super::exchange::{Ending, Exchange};
use super::pool::{BindConnections, BindPool, PoolUse, SearchConnection, SearchConnections, SearchPool};
use super::request::Request;
use super::search::{Answer, Page, Query};
use super::settings::Settings;
use super::trouble::Trouble;

/// Result codes of RFC 4511 appendix A with which a server says that it cannot answer anybody now.
pub(super) const BUSY: u32 = 51;
pub(super) const UNAVAILABLE: u32 = 52;
/// `unwillingToPerform`. For a bind it speaks of the account, for a search of the server.
const UNWILLING: u32 = 53;

/// One server and the connections to it.
pub(super) struct Server {
    /// How connections are made.
    pub dialer: Arc<Dialer>,
    searches: SearchPool,
    binds: BindPool,
}

impl Server {
    /// Prepares the pools; connections are made when they are needed.
    ///
    /// # Errors
    /// The pools cannot be set up.
    pub fn new(dialer: Dialer, settings: &Settings) -> Result<Self, String> {
        let dialer = Arc::new(dialer);
        let wait = dialer.operation_timeout;
        let searches = SearchConnections::new(Arc::clone(&dialer), settings.service.clone());
        let binds = BindConnections {
            dialer: Arc::clone(&dialer),
        };
        Ok(Self {
            searches: SearchPool::new(searches, "searches", settings.search_connections, wait)?,
            binds: BindPool::new(binds, "binds", settings.bind_connections, wait)?,
            dialer,
        })
    }

    /// How its connections are used.
    pub fn pools(&self) -> [PoolUse; 2] {
        let server = self.dialer.server.to_string();
        [self.searches.usage(server.clone()), self.binds.usage(server)]
    }

    /// A connection of its own, bound as the service account.
    ///
    /// # Errors
    /// It cannot be made, or the server refuses the account.
    pub async fn connect(&self) -> Result<Exchange, Trouble> {
        self.searches.manager().connect().await
    }

    /// Tries a password: sends exactly one bind.
    ///
    /// # Errors
    /// No answer, or none that says something about the password.
    pub async fn bind(&self, dn: &str, password: &str) -> Result<Ending, Trouble> {
        let mut exchange = self.binds.get(&self.dialer).await?;
        match exchange.ask("bind", &Request::user_bind(dn, password)).await {
            Ok(ending) if [BUSY, UNAVAILABLE].contains(&ending.code) => {
                Err(self.busy("bind", ending.code, &ending.text))
            }
            Ok(ending) => Ok(ending),
            Err(trouble) => {
                drop(Object::take(exchange));
                Err(trouble)
            }
        }
    }

    /// Binds and, if `go_on` says so of the answer, sends `change` over the same connection, which serves nothing
    /// else afterwards.
    ///
    /// # Errors
    /// No answer, or none that says something about the passwords.
    pub async fn change(
        &self,
        bind: &Request,
        change: &Request,
        go_on: &(impl Fn(&Ending) -> bool + Sync),
        sent: &Sent,
    ) -> Result<Steps, Trouble> {
        let exchange = self.binds.get(&self.dialer).await?;
        let mut exchange = Object::take(exchange);
        let bound = exchange.ask("bind", bind).await?;
        if [BUSY, UNAVAILABLE].contains(&bound.code) {
            return Err(self.busy("bind", bound.code, &bound.text));
        }
        let mut steps = Steps {
            bind: bound,
            change: None,
        };
        if go_on(&steps.bind) {
            sent.note();
            steps.change = Some(exchange.ask("change of a password", change).await?);
        }
        Ok(steps)
    }

    /// Searches; a second time over a fresh connection if a kept one turned out to be dead.
    ///
    /// # Errors
    /// No answer. What the answer is worth is the caller's matter.
    pub async fn search(&self, query: &Arc<Query>) -> Result<Answer, Trouble> {
        let connection = self.searches.get(&self.dialer).await?;
        let kept = Object::metrics(&connection).recycle_count > 0;
        match self.run(connection, query).await {
            Err(Trouble::Lost(_)) if kept => {
                // The others were made when this one was.
                self.searches.empty();
                let fresh = self.searches.get(&self.dialer).await?;
                self.run(fresh, query).await
            }
            answer => answer,
        }
    }

    /// A connection for searches that is none of the pool's: what holds it for long keeps nobody else waiting.
    ///
    /// # Errors
    /// It cannot be made, or the service account is refused.
    pub async fn own_search_connection(&self) -> Result<SearchConnection, Trouble> {
        self.searches.manager().create().await
    }

    /// Tries the service account with one bind, over a connection of its own; says whether the server took it.
    ///
    /// # Errors
    /// What the server has against the account.
    pub async fn try_service_account(&self) -> Result<bool, String> {
        let made = self.own_search_connection().await;
        let refusal = self.searches.manager().refusal();
        match (made, refusal) {
            (Ok(_), _) => Ok(true),
            (Err(_), None) => Ok(false),
            (Err(_), Some(refusal)) => Err(refusal),
        }
    }

    /// One page of the answer to a query, and the connection, to ask for the next one. Pages belong to their connection
    /// (RFC 2696 section 3: the cookie is the server's own).
    ///
    /// # Errors
    /// No answer. What the answer is worth is the caller's matter.
    pub async fn page(
        &self,
        connection: SearchConnection,
        query: &Arc<Query>,
        cookie: Vec<u8>,
    ) -> Result<(SearchConnection, Page), Trouble> {
        let (url, limit) = (self.dialer.server.to_string(), self.dialer.operation_timeout);
        let ended = connection.ended();
        let asking = Arc::clone(query);
        let (connection, page) = self
            .in_a_task(query.purpose, &ended, async move {
                let mut connection = connection;
                let page = timeout(limit, asking.page(&url, connection.ldap(), limit, cookie)).await;
                page.map(|page| page.map(|page| (connection, page)))
            })
            .await?;
        self.unless_busy(query.purpose, &page.answer)?;
        Ok((connection, page))
    }

    async fn run(
        &self,
        mut connection: Object<SearchConnections>,
        query: &Arc<Query>,
    ) -> Result<Answer, Trouble> {
        let ended = connection.ended();
        let limit = self.dialer.operation_timeout;
        let running = Arc::clone(query);
        let url = self.dialer.server.to_string();
        let searching = async move {
            connection.busy = true;
            let answer = timeout(limit, running.run(&url, connection.ldap(), limit)).await;
            if matches!(answer, Ok(Ok(_))) {
                connection.busy = false;
            } else {
                drop(Object::take(connection));
            }
            answer
        };
        let answer = self.in_a_task(query.purpose, &ended, searching).await?;
        self.unless_busy(query.purpose, &answer)?;
        Ok(answer)
    }

    /// Waits for an operation in a task of its own, so that a panic within `ldap3` is one failed login.
    async fn in_a_task<T: Send + 'static>(
        &self,
        purpose: &str,
        ended: &OnceLock<String>,
        operation: impl Future<Output = Result<Result<T, LdapError>, Elapsed>> + Send + 'static,
    ) -> Result<T, Trouble> {
        let mut task = JoinSet::new();
        task.spawn(operation.in_current_span());
        match task.join_next().await {
            Some(Ok(Ok(Ok(answer)))) => Ok(answer),
            Some(Ok(Err(_) | Ok(Err(LdapError::Timeout { .. })))) => Err(Trouble::silent(
                &self.dialer.server,
                purpose,
                self.dialer.operation_timeout,
            )),
            Some(Ok(Ok(Err(error)))) => {
                let why = ended.get().cloned().unwrap_or_else(|| error.to_string());
                Err(self.lost(purpose, &why))
            }
            Some(Err(_)) | None => Err(self.lost(purpose, "malformed answer")),
        }
    }

    fn unless_busy(&self, purpose: &str, answer: &Answer) -> Result<(), Trouble> {
        match answer.code {
            BUSY | UNAVAILABLE | UNWILLING => Err(self.busy(purpose, answer.code, &answer.text)),
            _ => Ok(()),
        }
    }

    fn busy(&self, operation: &str, code: u32, text: &str) -> Trouble {
        Trouble::Busy(format!(
            "{}: {operation}: the server cannot answer now (code {code}): {text}",
            self.dialer.server
        ))
    }

    fn lost(&self, operation: &str, why: &str) -> Trouble {
        Trouble::Lost(format!("{}: {operation}: {why}", self.dialer.server))
    }
}
