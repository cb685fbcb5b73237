//! The numbers of the daemon, in the text format of OpenMetrics, which Prometheus reads.
//!
//! Labels take values from what is configured or built in, never from a request: no user can add a time series.

use std::fmt;
use std::sync::atomic::AtomicU64;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use crate::model::{ConfigurationHash, Now};

/// What the names of all metrics begin with.
const PREFIX: &str = "x2godirector";
/// Upper ends of the histogram of requests, in seconds: a list from memory, a bind, the step on which refusals
/// leave, and the deadlines of a slow directory.
const DURATION_BUCKETS_S: [f64; 12] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0,
];

/// The outcomes of a reload.
const TAKEN: &str = "taken";
const REFUSED: &str = "refused";

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    door: &'static str,
    task: &'static str,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DurationLabels {
    door: &'static str,
    task: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReloadLabels {
    outcome: &'static str,
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
struct HostLabels {
    farm: String,
    host: String,
}

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
    /// Days until the certificate ends, negative when it has; none if it does not say.
    pub certificate_days_left: Option<i64>,
    /// The directory's servers.
    pub servers: Vec<ServerGauge>,
    /// The hosts of all farms.
    pub hosts: Vec<HostGauge>,
    /// Decisions that could not be written since the start.
    pub audit_lines_lost: u64,
}

/// One server of the directory.
#[derive(Debug, Clone)]
pub struct ServerGauge {
    /// Its URL.
    pub server: String,
    /// Whether it answered its last probe.
    pub up: bool,
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
}

/// All numbers. Counting is cheap and takes no lock that a reader holds for long.
pub struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    durations: Family<DurationLabels, Histogram>,
    reloads: Family<ReloadLabels, Counter>,
    last_reload: Gauge,
    configuration: Family<ConfigurationLabels, Gauge>,
    connections: Gauge,
    tickets: Gauge,
    leases: Gauge,
    certificate_days: Gauge<f64, AtomicU64>,
    servers: Family<ServerLabels, Gauge>,
    hosts: Family<HostLabels, Gauge>,
    host_leases: Family<HostLabels, Gauge>,
    audit_lost: Counter,
    /// Held while gauges are set and read, so that two readers do not see each other's half.
    reading: Mutex<()>,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

impl Metrics {
    /// All numbers at their beginning, at the start of the daemon.
    pub fn new(started: Now) -> Self {
        let mut registry = Registry::with_prefix(PREFIX);
        let build = Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("build", "The program", build);
        let start: Gauge = Gauge::default();
        start.set(started.unix_ms() / 1000);
        let seconds = || Unit::Seconds;
        registry.register_with_unit(
            "start_time",
            "When the daemon was started, since 1970",
            seconds(),
            start,
        );
        let durations =
            Family::<DurationLabels, Histogram>::new_with_constructor(|| Histogram::new(DURATION_BUCKETS_S));
        registry.register_with_unit(
            "request_duration",
            "How long requests took, without the pause before a refusal",
            seconds(),
            durations.clone(),
        );
        let last_reload = Gauge::default();
        last_reload.set(started.unix_ms() / 1000);
        registry.register_with_unit(
            "last_reload_success_time",
            "When the configuration in use was taken, since 1970",
            seconds(),
            last_reload.clone(),
        );
        let reloads: Family<ReloadLabels, Counter> =
            registered(&mut registry, "reloads", "Attempts to reload the configuration");
        // There from the beginning, so that the first refusal is an increase.
        for outcome in [TAKEN, REFUSED] {
            drop(reloads.get_or_create(&ReloadLabels { outcome }));
        }
        Self {
            requests: registered(&mut registry, "requests", "Requests that were decided"),
            reloads,
            configuration: registered(&mut registry, "configuration_info", "The configuration in use"),
            connections: registered(&mut registry, "connections", "Connections of clients"),
            tickets: registered(&mut registry, "tickets", "Tickets that count"),
            leases: registered(&mut registry, "leases", "Leases that count"),
            certificate_days: registered(
                &mut registry,
                "certificate_days_left",
                "Whole days until the certificate ends",
            ),
            servers: registered(
                &mut registry,
                "directory_server_up",
                "Whether a server of the directory answered its last probe",
            ),
            hosts: registered(&mut registry, "host_up", "Whether a host takes sessions"),
            host_leases: registered(&mut registry, "host_leases", "Leases on a host"),
            audit_lost: registered(
                &mut registry,
                "audit_lines_lost",
                "Decisions that could not be written",
            ),
            durations,
            last_reload,
            registry,
            reading: Mutex::default(),
        }
    }

    /// Counts a request.
    pub fn request(&self, door: &'static str, task: &'static str, outcome: &'static str, took: Duration) {
        let labels = RequestLabels { door, task, outcome };
        self.requests.get_or_create(&labels).inc();
        let labels = DurationLabels { door, task };
        self.durations.get_or_create(&labels).observe(took.as_secs_f64());
    }

    /// Counts an attempt to reload that ended then.
    pub fn reload(&self, taken: bool, at: Now) {
        let outcome = if taken { TAKEN } else { REFUSED };
        self.reloads.get_or_create(&ReloadLabels { outcome }).inc();
        if taken {
            self.last_reload.set(at.unix_ms() / 1000);
        }
    }

    /// The text of all numbers, with these among them.
    pub fn text(&self, gauges: &Gauges) -> String {
        let _reading = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        self.set(gauges);
        let mut text = String::new();
        // Writing into a text cannot fail.
        let _ = encode(&mut text, &self.registry);
        text
    }

    /// Everything that is not there any more is cleared.
    fn set(&self, gauges: &Gauges) {
        let number = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        self.configuration.clear();
        let hash = gauges.configuration.to_string();
        self.configuration
            .get_or_create(&ConfigurationLabels { hash })
            .set(1);
        self.connections.set(number(gauges.connections));
        self.tickets.set(number(gauges.tickets));
        self.leases.set(number(gauges.leases));
        // The number that is none says that there is none.
        let days = gauges.certificate_days_left.map_or(f64::NAN, |days| days as f64);
        self.certificate_days.set(days);
        self.servers.clear();
        for server in &gauges.servers {
            let labels = ServerLabels {
                server: server.server.clone(),
            };
            self.servers.get_or_create(&labels).set(i64::from(server.up));
        }
        self.hosts.clear();
        self.host_leases.clear();
        for host in &gauges.hosts {
            let labels = HostLabels {
                farm: host.farm.clone(),
                host: host.host.clone(),
            };
            self.hosts.get_or_create(&labels).set(i64::from(host.up));
            self.host_leases
                .get_or_create(&labels)
                .set(i64::from(host.leases));
        }
        let lost = gauges.audit_lines_lost.saturating_sub(self.audit_lost.get());
        self.audit_lost.inc_by(lost);
    }
}

/// A metric that starts from nothing.
fn registered<M>(registry: &mut Registry, name: &str, help: &str) -> M
where
    M: prometheus_client::registry::Metric + Clone + Default,
{
    let metric = M::default();
    registry.register(name, help, metric.clone());
    metric
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_gone_is_not_told_any_more() {
        let metrics = Metrics::new(Now::from_unix_ms(1_772_442_000_000));
        let mut gauges = Gauges {
            configuration: ConfigurationHash::from_digest([1; 32]),
            connections: 2,
            tickets: 3,
            leases: 4,
            certificate_days_left: Some(-1),
            servers: vec![ServerGauge {
                server: "ldaps://a\"\n:636".to_owned(),
                up: true,
            }],
            hosts: Vec::new(),
            audit_lines_lost: 5,
        };
        metrics.request("plain", "list", "granted", Duration::from_millis(3));
        metrics.reload(false, Now::from_unix_ms(0));
        let text = metrics.text(&gauges);
        for line in [
            "x2godirector_requests_total{door=\"plain\",task=\"list\",outcome=\"granted\"} 1",
            "x2godirector_request_duration_seconds_bucket{le=\"0.005\",door=\"plain\",task=\"list\"} 1",
            "x2godirector_reloads_total{outcome=\"refused\"} 1",
            "x2godirector_last_reload_success_time_seconds 1772442000",
            "x2godirector_configuration_info{hash=\"010101010101\"} 1",
            "x2godirector_certificate_days_left -1.0",
            "x2godirector_directory_server_up{server=\"ldaps://a\\\"\\n:636\"} 1",
            "x2godirector_audit_lines_lost_total 5",
        ] {
            assert!(text.lines().any(|have| have == line), "{line} is not in\n{text}");
        }
        gauges.servers.clear();
        gauges.configuration = ConfigurationHash::from_digest([2; 32]);
        let text = metrics.text(&gauges);
        assert!(
            !text.contains("ldaps://a") && !text.contains("010101010101"),
            "{text}"
        );
        assert!(text.contains("x2godirector_audit_lines_lost_total 5"), "{text}");
    }
}
