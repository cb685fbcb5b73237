//! The daemon's side: asks the worker over its socket, each question on a connection of its own.

use std::fmt::Display;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::answers::{Change, HostUser, Unreachable, Verdict};
use super::limits::{CLIENT_GRACE, LOOKUP_TIMEOUT, QUEUE_WAIT_MAX, REPLY_BYTES_MAX};
use super::load::Load;
use super::message::{Reply, Request};
use super::settings::ClientSettings;
use crate::model::{Password, TypedName};
use crate::worker_socket::Client as SocketClient;

/// How often an idle client looks whether the worker is there.
const PROBE_EVERY: Duration = Duration::from_secs(1);
/// A worker that is there answers a probe at once.
const PROBE_TIMEOUT: Duration = Duration::from_secs(2);

/// Asks the worker. Clones share what is known about it.
#[derive(Debug, Clone)]
pub struct Client(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    socket: SocketClient,
    timeout: Duration,
    reachable: AtomicBool,
    load: Mutex<Load>,
}

impl Client {
    /// A client for the worker at this socket, which need not be there yet. Must be called inside a Tokio
    /// runtime: whether the worker is there is probed in the background until the last clone is dropped.
    pub fn new(settings: ClientSettings) -> Self {
        let inner = Arc::new(Inner {
            socket: SocketClient::new(settings.socket),
            timeout: settings.timeout,
            reachable: AtomicBool::new(false),
            load: Mutex::default(),
        });
        tokio::spawn(probe(Arc::downgrade(&inner)));
        Self(inner)
    }

    /// Whether the worker answered when it was last asked or probed.
    pub fn is_reachable(&self) -> bool {
        self.0.reachable.load(Ordering::Relaxed)
    }

    /// Asks the worker for a sign of life.
    ///
    /// # Errors
    /// It gave none in time.
    pub async fn ping(&self) -> Result<(), Unreachable> {
        self.0.ping().await
    }

    /// How busy the worker was when it last answered a probe.
    pub fn load(&self) -> Load {
        *self.0.load.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The user of this host with that name, and all groups; none if the host says that there is none.
    ///
    /// # Errors
    /// It could not be found out in full and in time: partial knowledge is no answer.
    pub async fn user(&self, name: &str) -> Result<Option<HostUser>, Unreachable> {
        // What cannot be a name is nobody's.
        let Ok(name) = TypedName::new(name) else {
            return Ok(None);
        };
        let limit = QUEUE_WAIT_MAX + LOOKUP_TIMEOUT + CLIENT_GRACE;
        match self.0.ask(&Request::User { name }, limit).await? {
            Reply::User(user) => Ok(user),
            other => Err(unexpected(&other, false)),
        }
    }

    /// Shows the password to PAM, once. A failure comes as late as the modules want it to.
    ///
    /// # Errors
    /// It could not be found out; [`Unreachable::sent`] says whether somebody may have seen the password.
    pub async fn authenticate(
        &self,
        name: &str,
        password: &Password,
        client: IpAddr,
    ) -> Result<Verdict, Unreachable> {
        let Ok(name) = TypedName::new(name) else {
            return Ok(Verdict::Unknown);
        };
        let request = Request::Authenticate {
            name,
            password: password.clone(),
            client,
        };
        match self.0.ask(&request, self.0.transaction_limit()).await? {
            Reply::Verdict { verdict, delay } => {
                sleep(delay).await;
                Ok(verdict)
            }
            other => Err(unexpected(&other, true)),
        }
    }

    /// Puts a new password in the place of the old one, which is checked first in the same transaction.
    ///
    /// # Errors
    /// It could not be found out what became of it; with [`Unreachable::sent`] either password may count.
    pub async fn change_password(
        &self,
        name: &str,
        old: &Password,
        new: &Password,
        client: IpAddr,
    ) -> Result<Change, Unreachable> {
        let Ok(name) = TypedName::new(name) else {
            return Ok(Change::Unknown);
        };
        let request = Request::ChangePassword {
            name,
            old: old.clone(),
            new: new.clone(),
            client,
        };
        match self.0.ask(&request, self.0.transaction_limit()).await? {
            Reply::Change { change, delay } => {
                sleep(delay).await;
                Ok(change)
            }
            other => Err(unexpected(&other, true)),
        }
    }
}

impl Inner {
    fn transaction_limit(&self) -> Duration {
        QUEUE_WAIT_MAX + self.timeout + CLIENT_GRACE
    }

    async fn ping(&self) -> Result<(), Unreachable> {
        match self.ask(&Request::Ping, PROBE_TIMEOUT).await? {
            Reply::Load(load) => {
                *self.load.lock().unwrap_or_else(PoisonError::into_inner) = load;
                Ok(())
            }
            other => Err(unexpected(&other, false)),
        }
    }

    /// Asks, and remembers whether anybody was there. A probe does not wait for a worker that is being restarted. The
    /// worker's word that it could not find out is an error here.
    async fn ask(&self, request: &Request, limit: Duration) -> Result<Reply, Unreachable> {
        let (question, mut taken) = (request.encode(), false);
        let answer = match request {
            Request::Ping => {
                timeout(
                    limit,
                    self.socket.ask_once(&question, REPLY_BYTES_MAX, &mut taken),
                )
                .await
            }
            _ => timeout(limit, self.socket.ask(&question, REPLY_BYTES_MAX, &mut taken)).await,
        };
        let reply = match answer {
            Ok(Ok(body)) => Reply::decode(&body).map_err(|error| self.at_socket(&error)),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err(self.at_socket(&format_args!("no answer within {} s", limit.as_secs()))),
        };
        self.reachable.store(reply.is_ok(), Ordering::Relaxed);
        match reply {
            Ok(Reply::Failed(unreachable)) => Err(unreachable),
            Ok(reply) => Ok(reply),
            Err(cause) => Err(Unreachable {
                cause,
                sent: taken && request.has_password(),
            }),
        }
    }

    fn at_socket(&self, what: &dyn Display) -> String {
        format!("{}: {what}", self.socket.socket().display())
    }
}

/// Looks whether the worker is there for as long as anybody wants to know.
async fn probe(inner: Weak<Inner>) {
    while let Some(inner) = inner.upgrade() {
        // The outcome is remembered; an absent worker is reported by whoever needs it.
        let _ = inner.ping().await;
        drop(inner);
        sleep(PROBE_EVERY).await;
    }
}

fn unexpected(reply: &Reply, sent: bool) -> Unreachable {
    Unreachable {
        cause: format!("the worker answered another question: {reply:?}"),
        sent,
    }
}
