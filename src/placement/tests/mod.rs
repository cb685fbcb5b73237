//! The room as a whole: real listeners on loopback, a store in memory.

mod draining;
pub(super) mod fake_agent;
mod health;
mod laws;
mod leases;
mod memory_store;
mod reviews;
mod told;

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use self::memory_store::MemoryStore;
use super::{Farm, Farms, Host, Placements, Stores, Witness};
use crate::agent::Agents;
use crate::model::{Account, FarmName, HostAddress, HostName, Now, Offered, SessionUser, Source, UserName};

/// Longer than anything here takes; reaching it is a failure.
const PATIENCE: Duration = Duration::from_secs(20);
const SESSION: Duration = Duration::from_secs(8 * 3600);

struct Offer {
    account: Account,
    farm: FarmName,
    session_user: SessionUser,
    begins_session: bool,
}

impl Offered for Offer {
    fn account(&self) -> &Account {
        &self.account
    }
    fn farm(&self) -> &FarmName {
        &self.farm
    }
    fn session_user(&self) -> &SessionUser {
        &self.session_user
    }
    fn begins_session(&self) -> bool {
        self.begins_session
    }
}

fn account(user: &str) -> Account {
    Account {
        source: Source::Ldap,
        user: UserName::new(user).unwrap(),
    }
}

fn offer(user: &str, farm: &str) -> Offer {
    Offer {
        account: account(user),
        farm: FarmName::new(farm).unwrap(),
        session_user: SessionUser::new(user).unwrap(),
        begins_session: true,
    }
}

/// The moment that many seconds in.
fn at(seconds: i64) -> Now {
    Now::from_unix_ms(seconds * 1000)
}

/// A clock for what no test looks at.
fn clock() -> Now {
    at(0)
}

/// A port that takes connections until this is dropped.
fn listener() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").unwrap()
}

fn port_of(listener: &TcpListener) -> u16 {
    listener.local_addr().unwrap().port()
}

fn host(name: &str, address: &str, port: u16) -> Host {
    Host::new(
        HostName::new(name).unwrap(),
        HostAddress::new(address).unwrap(),
        port,
    )
}

fn farm(name: &str, hosts: Vec<Host>) -> Farm {
    Farm {
        assumed_session: SESSION,
        ..Farm::new(FarmName::new(name).unwrap(), hosts)
    }
}

/// The farm `lab` on these listeners, as `ts0`, `ts1` and so on.
fn lab(listeners: &[TcpListener]) -> Farm {
    let hosts = listeners
        .iter()
        .enumerate()
        .map(|(number, listener)| host(&format!("ts{number}"), "127.0.0.1", port_of(listener)))
        .collect();
    farm("lab", hosts)
}

async fn watched(farms: impl IntoIterator<Item = Farm>) -> Farms {
    let (agents, nobody) = (Agents::default(), Witness::nobody());
    Farms::start_probing(farms, &agents, None, clock, &nobody, Duration::from_millis(20)).await
}

async fn until(farms: &Farms, host: &str, healthy: bool) {
    let (farm, host) = (FarmName::new("lab").unwrap(), HostName::new(host).unwrap());
    let settled = async {
        while farms.host(&farm, &host).unwrap().is_healthy() != healthy {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, settled)
        .await
        .unwrap_or_else(|_| panic!("{host} never became healthy={healthy}"));
}

fn stores(store: &Arc<MemoryStore>) -> Stores {
    Stores {
        leases: Arc::<MemoryStore>::clone(store) as _,
        drains: Arc::<MemoryStore>::clone(store) as _,
        last_hosts: Arc::<MemoryStore>::clone(store) as _,
    }
}

async fn empty() -> (Arc<MemoryStore>, Placements) {
    let store = Arc::new(MemoryStore::default());
    let placements = Placements::load(stores(&store)).await.unwrap();
    (store, placements)
}

/// The tests that close a port have an address of their own, where no other test can be given that port.
fn listener_at(address: &str) -> (TcpListener, Host) {
    let listener = TcpListener::bind((address, 0)).unwrap();
    let host = host("ts0", address, port_of(&listener));
    (listener, host)
}
