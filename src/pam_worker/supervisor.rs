//! The worker itself: takes questions from the daemon and has its processes answer them. It runs no module
//! and looks up no user.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::UnixStream;
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

use super::history::Who;
use super::limits::{LOOKUP_TIMEOUT, QUEUE_WAIT_MAX, REQUEST_BYTES_MAX};
use super::load::Load;
use super::message::{Reply, Request};
use super::pool::Pool;
use super::settings::{Service, WorkerSettings};
use crate::model::TypedName;
use crate::worker_socket::Listener;
use crate::worker_socket::frame;

/// How long a whole question may take to arrive, and its answer to leave.
const TRANSFER_TIMEOUT: Duration = Duration::from_secs(5);
/// How long to wait when no connection can be taken, which is so when descriptors run out.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);
/// Where libpam looks for a service's file (pam.d(5)).
const SERVICE_FOLDERS: [&str; 2] = ["/etc/pam.d", "/usr/lib/pam.d"];

/// A worker that is ready to serve.
#[derive(Debug)]
pub struct Worker {
    listener: Listener,
    pools: Arc<Pools>,
    connections: Arc<Semaphore>,
    connections_max: u32,
    drain_timeout: Duration,
}

/// Lookups have processes of their own: while PAM hangs, who has a ticket can still be looked up.
#[derive(Debug)]
struct Pools {
    transactions: Arc<Pool>,
    lookups: Arc<Pool>,
}

/// Why the worker does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The PAM service has no file, and libpam would take `other` instead.
    #[error(
        "there is no PAM service `{service}`: put its file at {}, or name another in [authentication.pam] service",
        .expected.display()
    )]
    NoService {
        /// The service.
        service: String,
        /// Where its file belongs.
        expected: PathBuf,
    },
    /// The socket.
    #[error("the socket cannot be listened on: {0}")]
    Socket(io::Error),
    /// The first process.
    #[error("the first process cannot be started: {0}")]
    Process(io::Error),
}

impl Worker {
    /// Listens, and starts the first processes. Must be called in a runtime with one thread, which lives as
    /// long as the worker: its processes end with the thread that started them (prctl(2),
    /// `PR_SET_PDEATHSIG`).
    ///
    /// # Errors
    /// What stops it, in the admin's words.
    pub async fn start(settings: WorkerSettings) -> Result<Self, StartError> {
        require_file(&settings.service)?;
        let listener = Listener::open(&settings.socket, &settings.daemon_user).map_err(StartError::Socket)?;
        let pool = |limit| Pool::start(settings.service.clone(), settings.workers, settings.queue, limit);
        let pools = Pools {
            transactions: pool(settings.timeout).await.map_err(StartError::Process)?,
            lookups: pool(LOOKUP_TIMEOUT).await.map_err(StartError::Process)?,
        };
        // Every queue and every process may be taken, by three standings in two pools, and probes come beside.
        let connections = 2 * (settings.workers + 3 * settings.queue) + 16;
        Ok(Self {
            listener,
            pools: Arc::new(pools),
            connections: Arc::new(Semaphore::new(connections)),
            connections_max: u32::try_from(connections).unwrap_or(u32::MAX),
            drain_timeout: QUEUE_WAIT_MAX + settings.timeout,
        })
    }

    /// Serves until `stop` ends, then finishes the questions that it has.
    pub async fn serve(self, stop: impl Future<Output = ()>) {
        tokio::pin!(stop);
        loop {
            let next = async {
                // Before the connection is taken: what is too much waits in the kernel's queue.
                let permit = Arc::clone(&self.connections).acquire_owned().await;
                (permit, self.listener.accept().await)
            };
            tokio::select! {
                () = &mut stop => break,
                (permit, accepted) = next => match accepted {
                    Ok(Some(stream)) => {
                        let pools = Arc::clone(&self.pools);
                        tokio::spawn(async move {
                            let _permit = permit;
                            pools.serve(stream).await;
                        });
                    }
                    Ok(None) => {}
                    Err(error) => {
                        tracing::warn!(%error, "a connection cannot be taken");
                        sleep(ACCEPT_RETRY).await;
                    }
                },
            }
        }
        drop(self.listener);
        let finished = self.connections.acquire_many(self.connections_max);
        if timeout(self.drain_timeout, finished).await.is_err() {
            tracing::warn!("questions under way are given up");
        }
    }
}

impl Pools {
    /// Answers the one question of a connection.
    async fn serve(&self, mut stream: UnixStream) {
        let Ok(Ok(body)) = timeout(TRANSFER_TIMEOUT, frame::read(&mut stream, REQUEST_BYTES_MAX)).await
        else {
            // A connection that was only tried, or is broken.
            return;
        };
        let request = match Request::decode(&body) {
            Ok(request) => request,
            Err(error) => {
                tracing::warn!(%error, "a question cannot be read");
                return;
            }
        };
        drop(body);
        let reply = {
            let mut byte = [0];
            tokio::select! {
                reply = self.answer(request) => reply,
                // Nothing more is sent on a connection, so this is its end: nobody waits for the answer.
                _ = stream.read(&mut byte) => return,
            }
        };
        // Fails if the daemon went away, which then knows nothing and lets nobody in.
        let _ = timeout(TRANSFER_TIMEOUT, frame::write(&mut stream, &reply.encode())).await;
    }

    async fn answer(&self, request: Request) -> Reply {
        let (pool, who) = match &request {
            Request::Ping => {
                return Reply::Load(Load {
                    transactions: self.transactions.load(),
                    lookups: self.lookups.load(),
                });
            }
            Request::User { name } => (&self.lookups, who(name, None)),
            Request::Authenticate { name, client, .. } | Request::ChangePassword { name, client, .. } => {
                (&self.transactions, who(name, Some(*client)))
            }
        };
        pool.ask(who, request).await
    }
}

fn who(name: &TypedName, client: Option<std::net::IpAddr>) -> Who {
    Who {
        name: name.folded(),
        client,
    }
}

/// Without a file of its own, libpam would take the service `other`, which is not what the admin set up.
fn require_file(service: &Service) -> Result<(), StartError> {
    let mut folders = match &service.folder {
        Some(folder) => vec![folder.as_path()],
        None => SERVICE_FOLDERS.map(Path::new).to_vec(),
    }
    .into_iter()
    .map(|folder| folder.join(&service.name))
    .peekable();
    let expected = folders.peek().cloned().unwrap_or_default();
    if folders.any(|file| file.is_file()) {
        return Ok(());
    }
    Err(StartError::NoService {
        service: service.name.clone(),
        expected,
    })
}
