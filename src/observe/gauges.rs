//! The numbers that are read when somebody asks for them.

use std::hash::Hash;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use super::metrics::PREFIX;
use crate::model::ConfigurationHash;

/// What is read when somebody asks for the numbers.
#[derive(Debug, Clone)]
pub struct Gauges {
    /// The configuration in use.
    pub configuration: ConfigurationHash,
    /// Connections of clients.
    pub connections: usize,
    /// Tickets that count.
    pub tickets: usize,
    /// Leases that count.
    pub leases: usize,
    /// The keys that log people in.
    pub keys: KeyGauge,
    /// Days until the certificate ends, negative when it has; none if it does not say.
    pub certificate_days_left: Option<i64>,
    /// The directory's servers.
    pub servers: Vec<ServerGauge>,
    /// The pools of connections to the directory, and of processes of the PAM worker.
    pub pools: Vec<PoolGauge>,
    /// Whether the PAM worker answered its last probe; none where there is none.
    pub pam_worker_up: Option<bool>,
    /// The hosts of all farms.
    pub hosts: Vec<HostGauge>,
    /// The tables of the throttle.
    pub throttle: Vec<TableGauge>,
    /// Decisions that could not be written since the start.
    pub audit_lines_lost: u64,
    /// Log lines that the journal did not take since the start.
    pub log_lines_lost: u64,
}

/// The keys that log people in.
#[derive(Debug, Clone)]
pub struct KeyGauge {
    /// Pairs that are ready.
    pub pairs_ready: usize,
    /// Lines that open an account now.
    pub open: usize,
    /// Lines that are to go, their time over or a newer one in their place, and that still stand on a host.
    pub over: usize,
    /// Keys that were given since the start.
    pub given: u64,
    /// Selects since the start that went on without a key that was asked for.
    pub missed: u64,
    /// Lines that were removed from hosts since the start.
    pub removed: u64,
}

/// One server of the directory.
#[derive(Debug, Clone)]
pub struct ServerGauge {
    /// Its URL.
    pub server: String,
    /// Whether it answered its last probe.
    pub up: bool,
}

/// One pool.
#[derive(Debug, Clone)]
pub struct PoolGauge {
    /// What it is for.
    pub pool: &'static str,
    /// The URL of its server; empty for processes of the PAM worker.
    pub server: String,
    /// How many may be at work at once.
    pub size: u64,
    /// How many are.
    pub busy: u64,
    /// How many operations wait.
    pub waiting: u64,
    /// Operations that got one or gave up.
    pub taken: u64,
    /// Operations that gave up.
    pub turned_away: u64,
    /// How long all of them waited.
    pub waited: Duration,
}

/// One host of a farm.
#[derive(Debug, Clone)]
pub struct HostGauge {
    /// The farm.
    pub farm: String,
    /// Its name there.
    pub host: String,
    /// Whether it takes sessions.
    pub up: bool,
    /// The leases on it.
    pub leases: u32,
    /// The sessions on it; none where nobody told lately.
    pub sessions: Option<u32>,
    /// Whether nothing new starts there since the last leases there came to nothing.
    pub backed_off: bool,
}

/// One table of the throttle.
#[derive(Debug, Clone)]
pub struct TableGauge {
    /// What its entries are.
    pub table: &'static str,
    /// How many there are.
    pub entries: usize,
    /// How many there may be.
    pub entries_max: usize,
    /// How many of them refuse.
    pub refusing: usize,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ConfigurationLabels {
    hash: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ServerLabels {
    server: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PoolLabels {
    pool: &'static str,
    server: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct HostLabels {
    farm: String,
    host: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TableLabels {
    table: &'static str,
}

impl Gauges {
    /// The numbers as they are now: what is not there any more has none.
    pub(super) fn registry(&self) -> Registry {
        let mut registry = Registry::with_prefix(PREFIX);
        self.daemon(&mut registry);
        self.keys(&mut registry);
        self.directory(&mut registry);
        self.pools(&mut registry);
        self.farms(&mut registry);
        self.throttle(&mut registry);
        registry
    }

    fn daemon(&self, registry: &mut Registry) {
        let hash = self.configuration.to_string();
        let configuration = gauges([(ConfigurationLabels { hash }, 1)]);
        registry.register("configuration_info", "The configuration in use", configuration);
        let connections = gauge(number(self.connections));
        registry.register("connections", "Connections of clients", connections);
        registry.register("tickets", "Tickets that count", gauge(number(self.tickets)));
        registry.register("leases", "Leases that count", gauge(number(self.leases)));
        let days = Gauge::<f64, AtomicU64>::default();
        // The number that is none says that there is none.
        days.set(self.certificate_days_left.map_or(f64::NAN, |days| days as f64));
        let help = "Whole days until the certificate ends";
        registry.register("certificate_days_left", help, days);
        let help = "Decisions that could not be written";
        registry.register("audit_lines_lost", help, counter(self.audit_lines_lost));
        let help = "Log lines that the journal did not take, decisions among them";
        registry.register("log_lines_lost", help, counter(self.log_lines_lost));
    }

    fn keys(&self, registry: &mut Registry) {
        let keys = &self.keys;
        let now = |count| gauge(number(count));
        registry.register(
            "key_pairs_ready",
            "Key pairs that are ready",
            now(keys.pairs_ready),
        );
        registry.register("keys_open", "Keys that open an account now", now(keys.open));
        let help = "Keys that are to go and still stand on a host";
        registry.register("keys_over", help, now(keys.over));
        registry.register("keys_given", "Keys that were given", counter(keys.given));
        let help = "Selects that went on without a key that was asked for";
        registry.register("keys_missed", help, counter(keys.missed));
        let help = "Keys that were removed from hosts";
        registry.register("keys_removed", help, counter(keys.removed));
    }

    fn directory(&self, registry: &mut Registry) {
        let servers = self.servers.iter().map(|server| {
            let labels = ServerLabels {
                server: server.server.clone(),
            };
            (labels, i64::from(server.up))
        });
        let help = "Whether a server of the directory answered its last probe";
        registry.register("directory_server_up", help, gauges(servers));
        if let Some(up) = self.pam_worker_up {
            let help = "Whether the PAM worker answered its last probe";
            registry.register("pam_worker_up", help, gauge(i64::from(up)));
        }
    }

    fn pools(&self, registry: &mut Registry) {
        let labels = |pool: &PoolGauge| PoolLabels {
            pool: pool.pool,
            server: pool.server.clone(),
        };
        let signed = |count| i64::try_from(count).unwrap_or(i64::MAX);
        let now = |count: fn(&PoolGauge) -> u64| {
            gauges(self.pools.iter().map(|pool| (labels(pool), signed(count(pool)))))
        };
        let since = |count: fn(&PoolGauge) -> u64| {
            counters(self.pools.iter().map(|pool| (labels(pool), count(pool))))
        };
        let help = "How many may be at work at once";
        registry.register("pool_size", help, now(|pool| pool.size));
        registry.register("pool_busy", "How many are at work", now(|pool| pool.busy));
        registry.register("pool_waiting", "Operations that wait", now(|pool| pool.waiting));
        let help = "Operations that waited, for however short a time";
        registry.register("pool_taken", help, since(|pool| pool.taken));
        let help = "Operations that gave up waiting";
        registry.register("pool_turned_away", help, since(|pool| pool.turned_away));
        let waited = Family::<PoolLabels, Counter<f64, AtomicU64>>::default();
        for pool in &self.pools {
            waited
                .get_or_create(&labels(pool))
                .inc_by(pool.waited.as_secs_f64());
        }
        let help = "How long operations waited";
        registry.register_with_unit("pool_wait", help, Unit::Seconds, waited);
    }

    fn farms(&self, registry: &mut Registry) {
        let each = |number: fn(&HostGauge) -> i64| {
            gauges(
                self.hosts
                    .iter()
                    .map(move |host| (host_labels(host), number(host))),
            )
        };
        let help = "Whether a host takes sessions";
        registry.register("host_up", help, each(|host| i64::from(host.up)));
        let leases = each(|host| i64::from(host.leases));
        registry.register("host_leases", "Leases on a host", leases);
        let backed_off = each(|host| i64::from(host.backed_off));
        let help = "Whether nothing new starts on a host since leases there came to nothing";
        registry.register("host_backed_off", help, backed_off);
        let counted = self.hosts.iter().filter_map(|host| {
            let sessions = i64::from(host.sessions?);
            Some((host_labels(host), sessions))
        });
        let help = "Sessions on a host, where one told lately";
        registry.register("host_sessions", help, gauges(counted));
    }

    fn throttle(&self, registry: &mut Registry) {
        let each = |count: fn(&TableGauge) -> usize| {
            gauges(self.throttle.iter().map(move |table| {
                let labels = TableLabels { table: table.table };
                (labels, number(count(table)))
            }))
        };
        let help = "Entries in a table of the throttle";
        registry.register("throttle_entries", help, each(|table| table.entries));
        let help = "Entries that a table of the throttle has room for";
        registry.register("throttle_entries_max", help, each(|table| table.entries_max));
        let help = "Entries in a table of the throttle that refuse";
        registry.register("throttle_refusing", help, each(|table| table.refusing));
    }
}

fn host_labels(host: &HostGauge) -> HostLabels {
    HostLabels {
        farm: host.farm.clone(),
        host: host.host.clone(),
    }
}

fn number(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn gauge(value: i64) -> Gauge {
    let gauge = Gauge::default();
    gauge.set(value);
    gauge
}

fn counter(value: u64) -> Counter {
    let counter = Counter::default();
    counter.inc_by(value);
    counter
}

/// Gauges of one name by their labels.
fn gauges<L: Clone + Hash + Eq>(of: impl IntoIterator<Item = (L, i64)>) -> Family<L, Gauge> {
    let family = Family::<L, Gauge>::default();
    for (labels, value) in of {
        family.get_or_create(&labels).set(value);
    }
    family
}

/// Counters of one name by their labels.
fn counters<L: Clone + Hash + Eq>(of: impl IntoIterator<Item = (L, u64)>) -> Family<L, Counter> {
    let family = Family::<L, Counter>::default();
    for (labels, value) in of {
        family.get_or_create(&labels).inc_by(value);
    }
    family
}
