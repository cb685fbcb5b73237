//! The broker within the benchmark: the parts of the daemon and its HTTPS, with agents that are mocked.

use std::collections::HashMap;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;
use tokio::time::sleep;
use x2godirector::agent::{Agent, AgentError, AgentKind, Agents, Answer, Load, ServerCount, Sessions};
use x2godirector::app::clock;
use x2godirector::audit::{AuditFile, Log};
use x2godirector::authenticate::throttle::Which;
use x2godirector::authenticate::{Chain, Login, PasswordChecks};
use x2godirector::broker::{Broker, Edge, Records, Snapshot};
use x2godirector::config::{self, Accounts, Configuration};
use x2godirector::directory::Directory;
use x2godirector::grant::{Grants, Pool};
use x2godirector::http::{self, Server, certificate};
use x2godirector::identity::GroupsOfSources;
use x2godirector::model::{AuthorizedKey, FarmName, HostAddress, HostName, Machine, SessionId, SessionUser};
use x2godirector::observe::Metrics;
use x2godirector::placement::{Farm, Farms, Host, Placements, Stores, Witness};
use x2godirector::store::Embedded;

use super::{SSHA, Size, configuration, entries};
use crate::lab::broker::keep_secret;
use crate::lab::slapd::{self, Slapd};

/// How many hosts the farm has.
pub const HOSTS: u8 = 200;
/// How long an agent takes for each question.
pub const ANSWER_TIME: Duration = Duration::from_millis(20);
/// How many questions a host is asked at once, as over SSH.
const QUESTIONS_AT_ONCE: usize = 8;

/// A site whose hosts take connections and nothing more.
pub struct InProcess {
    pub address: SocketAddr,
    pub agent: Arc<MockedAgent>,
    pub users: Vec<String>,
    // In the order in which they end.
    _server: Server,
    _runtime: Runtime,
    _hosts: TcpListener,
    _directory: Slapd,
    _folder: TempDir,
}

impl InProcess {
    /// Starts it. With a shared session database one host speaks for all of them, else each for itself.
    pub fn start(users: usize, shared_database: bool) -> Self {
        let size = Size {
            users,
            profiles: 10,
            rules: 5,
            nested_groups: false,
            sync: false,
            scheme: SSHA,
        };
        let users: Vec<String> = (0..users).map(|at| format!("user{at}")).collect();
        let mut directory = Slapd::start(&entries(&users, SSHA));
        directory.restart_silent();
        let folder = TempDir::new().unwrap();
        // Whatever address of loopback is dialled.
        let hosts = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
        let farm = farm(hosts.local_addr().unwrap().port(), shared_database);
        let agent = Arc::new(MockedAgent::of(&farm));
        let configured = Configuration {
            farms: vec![farm],
            ..load(&folder, &configuration(&directory, &size))
        };
        let runtime = Runtime::new().unwrap();
        accept_all(&runtime, &hosts);
        let server = runtime.block_on(serve(configured, &folder, Arc::clone(&agent)));
        Self {
            address: server.addresses()[0],
            agent,
            users,
            _server: server,
            _runtime: runtime,
            _hosts: hosts,
            _directory: directory,
            _folder: folder,
        }
    }
}

fn farm(port: u16, shared_database: bool) -> Farm {
    let host = |number: u8| Host {
        session_database: shared_database.then(|| "one".to_owned()),
        ..Host::new(
            HostName::new(&format!("ts{number}")).unwrap(),
            HostAddress::new(&format!("127.0.84.{number}")).unwrap(),
            port,
        )
    };
    Farm {
        agent: AgentKind::Ssh,
        ..Farm::new(FarmName::new("all").unwrap(), (1..=HOSTS).map(host).collect())
    }
}

/// A configuration from a folder of its own, as the daemon reads it.
fn load(folder: &TempDir, text: &str) -> Configuration {
    let conf_d = folder.path().join("conf.d");
    fs::create_dir(&conf_d).unwrap();
    let state = folder.path().join("state/state.db");
    // Connections are kept while nothing is measured.
    let own = format!(
        "[server]\nheader_timeout = \"60s\"\nlisten = [\"127.0.0.1:0\"]\nstate = \"sqlite://{}\"\n",
        state.display()
    );
    fs::write(conf_d.join("00-own.toml"), own).unwrap();
    fs::write(conf_d.join("50-site.toml"), text).unwrap();
    let password = conf_d.join("service-password");
    fs::write(&password, slapd::SERVICE_PASSWORD).unwrap();
    keep_secret(&password);
    config::load(&[conf_d], std::iter::empty()).unwrap()
}

fn accept_all(runtime: &Runtime, hosts: &TcpListener) {
    let hosts = hosts.try_clone().unwrap();
    hosts.set_nonblocking(true).unwrap();
    runtime.spawn(async move {
        let hosts = tokio::net::TcpListener::from_std(hosts).unwrap();
        loop {
            drop(hosts.accept().await.unwrap());
        }
    });
}

async fn serve(configured: Configuration, folder: &TempDir, agent: Arc<MockedAgent>) -> Server {
    let store = Arc::new(Embedded::open(&configured.state).unwrap());
    let stores = Stores {
        leases: Arc::clone(&store) as _,
        drains: Arc::clone(&store) as _,
        last_hosts: Arc::clone(&store) as _,
    };
    let placements = Placements::load(stores).await.unwrap();
    let pool = Pool::start(&[folder.path().to_owned()], clock::now());
    let grants = Grants::load(Arc::clone(&store) as _, pool, clock::now)
        .await
        .unwrap();
    let records = Records {
        audit: Log::new(),
        metrics: Metrics::new(clock::now(), &Which::ALL.map(Which::as_str)),
    };
    let file = AuditFile::open(folder.path().join("audit.log")).unwrap();
    records.audit.turn_to(Some(file));
    let served = certificate::load(&configured.server.key_pair, clock::now()).unwrap();
    let listeners = http::bind(&configured.server.listen, "`listen`").unwrap();
    let settings = configured.server.clone();
    let edge = Edge {
        now: clock::now,
        random: rand::random,
    };
    let snapshot = snapshot(configured, Arc::clone(&store), agent).await;
    let broker = Broker::new(
        snapshot,
        placements,
        Arc::new(grants),
        store,
        edge,
        Arc::new(records),
    );
    Server::start(listeners, settings, served, Arc::new(broker)).unwrap()
}

async fn snapshot(configured: Configuration, store: Arc<Embedded>, agent: Arc<MockedAgent>) -> Snapshot {
    let Accounts::Directory(accounts) = configured.accounts else {
        panic!("accounts are in the directory");
    };
    let directory = Directory::start(accounts).unwrap();
    let login = Login::new(
        Chain::of(Arc::new(directory.clone())),
        Arc::new(PasswordChecks::new()),
        store,
        configured.authentication,
    );
    let agents = Agents {
        ssh: Some(agent),
        local: None,
    };
    Snapshot {
        recorded_attributes: Vec::new(),
        policy: configured.policy,
        login,
        directory: Some(Arc::new(directory.clone())),
        groups: Arc::new(GroupsOfSources {
            directory: Some(directory),
            host: None,
        }),
        pam: None,
        farms: Farms::start(configured.farms, &agents, None, clock::now, &Witness::nobody()).await,
        hooks: None,
        keys: configured.keys,
        agent_key: None,
        client: configured.client,
        request_timeout: configured.request_timeout,
        notices: configured.notices,
        configuration: configured.hash,
        since: clock::now(),
    }
}

/// Agents that take their time and know of no sessions.
#[derive(Debug)]
pub struct MockedAgent {
    turns: HashMap<Machine, Semaphore>,
    asked: AtomicU64,
}

impl MockedAgent {
    fn of(farm: &Farm) -> Self {
        let turns = |host: &Host| (host.machine(), Semaphore::new(QUESTIONS_AT_ONCE));
        Self {
            turns: farm.hosts.iter().map(turns).collect(),
            asked: AtomicU64::new(0),
        }
    }

    /// How often hosts were asked about the sessions of a user so far.
    pub fn asked(&self) -> u64 {
        self.asked.load(Ordering::Relaxed)
    }

    fn answer<'a, T: Send + 'a>(&'a self, machine: &Machine, answer: Result<T, AgentError>) -> Answer<'a, T> {
        let turns = &self.turns[machine];
        Box::pin(async move {
            let _turn = turns.acquire().await;
            sleep(ANSWER_TIME).await;
            answer
        })
    }
}

impl Agent for MockedAgent {
    fn ping<'a>(&'a self, machine: &'a Machine) -> Answer<'a, ()> {
        self.answer(machine, Ok(()))
    }

    fn load<'a>(&'a self, machine: &'a Machine) -> Answer<'a, Load> {
        let load = Load {
            average_percent: 50,
            memory_available_mb: 4096,
            processors: 8,
        };
        self.answer(machine, Ok(load))
    }

    fn session_counts<'a>(
        &'a self,
        machine: &'a Machine,
        _: &'a SessionUser,
    ) -> Answer<'a, Vec<ServerCount>> {
        self.answer(machine, Ok(Vec::new()))
    }

    fn sessions<'a>(&'a self, machine: &'a Machine, _: &'a SessionUser) -> Answer<'a, Sessions> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        self.answer(machine, Ok(Sessions::default()))
    }

    fn suspend<'a>(&'a self, machine: &'a Machine, _: &'a SessionUser, _: &'a SessionId) -> Answer<'a, ()> {
        self.answer(machine, Ok(()))
    }

    fn terminate<'a>(&'a self, machine: &'a Machine, _: &'a SessionUser, _: &'a SessionId) -> Answer<'a, ()> {
        self.answer(machine, Ok(()))
    }

    fn add_key<'a>(
        &'a self,
        machine: &'a Machine,
        _: &'a SessionUser,
        _: &'a AuthorizedKey,
    ) -> Answer<'a, ()> {
        self.answer(machine, Ok(()))
    }

    fn remove_key<'a>(
        &'a self,
        machine: &'a Machine,
        _: &'a SessionUser,
        _: &'a AuthorizedKey,
    ) -> Answer<'a, ()> {
        self.answer(machine, Ok(()))
    }
}
