//! The HTTPS front end over real sockets, with operations that only say what they were asked.

mod addresses;
mod attacks;
mod certificates;
mod deadlines;
mod routes;
mod stop;

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use tempfile::TempDir;
use tokio::sync::Semaphore;
use x2godirector::broker::{Caller, Remote};
use x2godirector::http::{KeyPair, Operations, Server, Settings, bind, certificate};
use x2godirector::model::{AuthorizedKey, ClientAddress, Now};
use x2godirector::wire::host_keys::HostKeysRequest;
use x2godirector::wire::{BadRequest, ClientConfig, Fault, Reply, Request};

use crate::lab::https::{Answer, HttpsClient, Trust};

/// A list request of somebody whom [`Echo`] answers at once.
const LIST: &str = "task=listsessions&user=alice&password=x&authid=";

/// Answers every list with the empty list, except for some users.
struct Echo {
    /// Who called, in the order of the calls.
    callers: Mutex<Vec<Caller>>,
    /// How many requests were none.
    turned_away: AtomicUsize,
    ready: AtomicBool,
    agent_key: Mutex<Option<String>>,
    request_timeout: Mutex<Duration>,
    /// Each request of `waiting` takes one permit and is answered then.
    release: Semaphore,
    /// One permit for each request of `waiting` that has begun, and one more when it is done.
    begun: Semaphore,
    done: Semaphore,
}

impl Operations for Echo {
    async fn answer(&self, caller: Caller, request: Request) -> Reply {
        self.callers.lock().unwrap().push(caller);
        let credentials = match request {
            Request::TestConnection => return Reply::ConnectionTest,
            Request::List(credentials) => credentials,
            Request::Event { credentials, .. } => credentials,
            _ => return Reply::Refused,
        };
        match credentials.user.as_ref().map_or("", |name| name.as_str()) {
            "waiting" => {
                self.begun.add_permits(1);
                self.release.acquire().await.unwrap().forget();
                self.done.add_permits(1);
            }
            "never" => std::future::pending().await,
            "panic" => panic!("a request that panics, as the test wants"),
            _ => {}
        }
        Reply::List {
            ticket: None,
            profiles: Vec::new(),
            client: ClientConfig {
                events: false,
                live_event_s: 0,
            },
        }
    }

    async fn turned_away(&self, _sender: Remote, _bad: BadRequest) {
        self.turned_away.fetch_add(1, Ordering::Relaxed);
    }

    async fn host_keys(
        &self,
        _from: ClientAddress,
        _request: Result<HostKeysRequest, Fault>,
    ) -> Option<Vec<AuthorizedKey>> {
        None
    }

    fn agent_key(&self) -> Option<String> {
        self.agent_key.lock().unwrap().clone()
    }

    fn request_timeout(&self) -> Duration {
        *self.request_timeout.lock().unwrap()
    }

    fn ready(&self) -> bool {
        self.ready.load(Ordering::Relaxed)
    }
}

/// A front end on a free port with a self-signed certificate of its own.
struct Front {
    server: Server,
    operations: Arc<Echo>,
    address: SocketAddr,
    folder: TempDir,
}

impl Front {
    fn start() -> Self {
        Self::start_with(|_| {})
    }

    fn start_with(change: impl FnOnce(&mut Settings)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut settings = Settings {
            listen: vec!["127.0.0.1:0".parse().unwrap()],
            key_pair: KeyPair::SelfSigned {
                folder: folder.path().to_owned(),
            },
            proxy_protocol_from: Vec::new(),
            forwarded_for_from: Vec::new(),
            connections: 64,
            connections_per_source: 16,
            handshake_timeout: Duration::from_secs(20),
            header_timeout: Duration::from_secs(20),
            drain_timeout: Duration::from_secs(20),
        };
        change(&mut settings);
        let tls = certificate::load(&settings.key_pair, now()).unwrap();
        let operations = Arc::new(Echo {
            callers: Mutex::default(),
            turned_away: AtomicUsize::new(0),
            ready: AtomicBool::new(true),
            agent_key: Mutex::new(None),
            request_timeout: Mutex::new(Duration::from_secs(30)),
            release: Semaphore::new(0),
            begun: Semaphore::new(0),
            done: Semaphore::new(0),
        });
        let listeners = bind(&settings.listen, "`listen`").unwrap();
        let server = Server::start(listeners, settings, tls, Arc::clone(&operations)).unwrap();
        Self {
            address: server.addresses()[0],
            server,
            operations,
            folder,
        }
    }

    /// Gives requests so long from now on.
    fn allow(&self, request_timeout: Duration) {
        *self.operations.request_timeout.lock().unwrap() = request_timeout;
    }

    async fn client(&self) -> HttpsClient {
        HttpsClient::connect(self.address, Trust::Anybody, None)
            .await
            .unwrap()
    }

    async fn client_from(&self, source: &str) -> HttpsClient {
        HttpsClient::connect(self.address, Trust::Anybody, Some(ip(source)))
            .await
            .unwrap()
    }

    /// The address of the last caller.
    fn last_caller(&self) -> String {
        self.operations
            .callers
            .lock()
            .unwrap()
            .last()
            .unwrap()
            .address()
            .unwrap()
            .to_string()
    }
}

fn now() -> Now {
    #[expect(
        clippy::disallowed_methods,
        reason = "certificates are checked against the real time"
    )]
    SystemTime::now().into()
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn assert_granted(answer: &Answer) {
    assert_eq!(answer.status, 200);
    assert!(answer.text().contains("Access granted"), "{answer:?}");
}

fn assert_refused(answer: &Answer) {
    assert_eq!(answer.status, 200);
    assert!(!answer.text().contains("Access granted"), "{answer:?}");
}
