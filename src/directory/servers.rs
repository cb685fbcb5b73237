//! All servers of a directory as one: each operation goes to the first that is healthy, and to the next one only
//! if that one could not answer.

use std::sync::Arc;

use tokio::task::JoinSet;

use super::SetupError;
use super::change::{Sent, Steps};
use super::dial::Dialer;
use super::entry::Unavailable;
use super::exchange::Ending;
use super::health::{Health, ServerHealth, probe_forever};
use super::pool::{PoolUse, SearchConnection};
use super::request::Request;
use super::search::{Answer, Page, Query};
use super::server::Server;
use super::settings::Settings;
use super::trouble::Trouble;
use crate::tls;

/// The servers, their connections and what is known of their health.
pub(super) struct Servers {
    servers: Vec<Arc<Server>>,
    health: Arc<Health>,
    _probes: JoinSet<()>,
}

impl Servers {
    /// Sets up TLS and starts the probes. No server has to be up.
    ///
    /// # Errors
    /// The authorities cannot be read.
    pub fn start(settings: &Settings) -> Result<Self, SetupError> {
        let tls = Settings::need_tls(&settings.servers)
            .then(|| tls::client(settings.ca_file.as_deref()))
            .transpose()
            .map_err(|error| SetupError(error.to_string()))?;
        let health = Arc::new(Health::new(settings.servers.len()));
        let mut probes = JoinSet::new();
        let mut servers = Vec::new();
        for (at, server) in settings.servers.iter().enumerate() {
            let dialer = Dialer::new(server, tls.clone(), settings);
            let server = Server::new(dialer, settings).map_err(SetupError)?;
            probes.spawn(probe_forever(Arc::clone(&health), at, Arc::clone(&server.dialer)));
            servers.push(Arc::new(server));
        }
        Ok(Self {
            servers,
            health,
            _probes: probes,
        })
    }

    /// How the servers are, now and from now on.
    pub fn shared_health(&self) -> Arc<Health> {
        Arc::clone(&self.health)
    }

    /// One of the servers, in the order of the configuration.
    pub fn at(&self, at: usize) -> Option<Arc<Server>> {
        self.servers.get(at).cloned()
    }

    /// Whether a server answered its last probe.
    pub fn any_up(&self) -> bool {
        self.health.any_up()
    }

    /// How each server is, by its URL.
    pub fn health(&self) -> Vec<(String, ServerHealth)> {
        let urls = self.servers.iter().map(|server| server.dialer.server.to_string());
        urls.zip(self.health.report()).collect()
    }

    /// How the connections to each server are used.
    pub fn pools(&self) -> Vec<PoolUse> {
        self.servers.iter().flat_map(|server| server.pools()).collect()
    }

    /// Tries the service account, one server after the other until one takes it.
    ///
    /// # Errors
    /// What the first server has against it of those that answered: none took it.
    pub async fn try_service_account(&self) -> Result<(), String> {
        let mut refused = Ok(());
        for server in &self.servers {
            match server.try_service_account().await {
                Ok(true) => return Ok(()),
                Ok(false) => {}
                Err(refusal) => refused = refused.and(Err(refusal)),
            }
        }
        refused
    }

    /// Tries a password, with one bind at each server that is asked.
    pub async fn bind(&self, dn: &str, password: &str) -> Result<Ending, Unavailable> {
        self.ask(|server| async move { server.bind(dn, password).await })
            .await
    }

    /// Binds and changes a password, as [`Server::change`] does. Once the change was sent no other server is asked.
    pub async fn change(
        &self,
        bind: &Request,
        change: &Request,
        go_on: impl Fn(&Ending) -> bool + Sync,
    ) -> Result<Steps, Unavailable> {
        let sent = Sent::default();
        self.ask(|server| {
            let (go_on, sent) = (&go_on, &sent);
            async move {
                if sent.happened() {
                    return Err(Sent::unanswered("the first server went silent"));
                }
                let steps = server.change(bind, change, go_on, sent).await;
                steps.map_err(|trouble| match sent.happened() {
                    true => Sent::unanswered(&trouble.cause()),
                    false => trouble,
                })
            }
        })
        .await
    }

    /// Searches.
    pub async fn search(&self, query: Query) -> Result<Answer, Unavailable> {
        let query = Arc::new(query);
        self.ask(|server| {
            let query = Arc::clone(&query);
            async move { server.search(&query).await }
        })
        .await
    }

    /// The first page of the answer to a query, and what goes on asking the same server.
    pub async fn first_page(
        &self,
        query: &Arc<Query>,
    ) -> Result<(Arc<Server>, SearchConnection, Page), Unavailable> {
        self.ask(|server| async move {
            let connection = server.own_search_connection().await?;
            let (connection, page) = server.page(connection, query, Vec::new()).await?;
            Ok((server, connection, page))
        })
        .await
    }

    async fn ask<T, F, Asking>(&self, operation: F) -> Result<T, Unavailable>
    where
        F: Fn(Arc<Server>) -> Asking,
        Asking: Future<Output = Result<T, Trouble>>,
    {
        let mut tried = vec![false; self.servers.len()];
        let mut causes = Vec::new();
        while let Some(at) = self.health.next(&tried) {
            let (Some(server), Some(tried_here)) = (self.servers.get(at), tried.get_mut(at)) else {
                break;
            };
            *tried_here = true;
            let answer = tokio::select! {
                biased;
                answer = operation(Arc::clone(server)) => answer,
                cause = self.health.gone(at, &tried) => Err(Trouble::Silent(cause)),
            };
            match answer {
                Ok(answer) => return Ok(answer),
                Err(Trouble::Final(cause)) => return Err(Unavailable { cause }),
                Err(trouble) => causes.push(trouble.cause()),
            }
        }
        causes.extend(self.health.causes());
        causes.sort();
        causes.dedup();
        Err(Unavailable {
            cause: causes.join("; "),
        })
    }
}
