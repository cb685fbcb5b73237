//! The numbers of the daemon, in the text format of OpenMetrics, which Prometheus reads.
//!
//! Labels take values from what is configured or built in, never from a request: no user can add a time series.

use std::fmt;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use super::gauges::Gauges;
use super::stages::Stage;
use crate::model::{COMMIT, Now, VERSION};

/// What the names of all metrics begin with.
pub(super) const PREFIX: &str = "x2godirector";
/// Upper ends of the histograms, in seconds: a list from memory, a bind, the step on which refusals leave, and the
/// deadlines of a slow directory.
const DURATION_BUCKETS_S: [f64; 13] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
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
struct StageLabels {
    stage: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ThrottleLabels {
    limit: &'static str,
}

/// All numbers. Counting is cheap and takes no lock that a reader holds for long.
pub struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    durations: Family<DurationLabels, Histogram>,
    reloads: Family<ReloadLabels, Counter>,
    last_reload: Gauge,
    stages: Family<StageLabels, Histogram>,
    throttled: Family<ThrottleLabels, Counter>,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

impl Metrics {
    /// All numbers at their beginning, at the start of the daemon. `limits` are those of the throttle.
    pub fn new(started: Now, limits: &[&'static str]) -> Self {
        let mut registry = Registry::with_prefix(PREFIX);
        let commit = COMMIT.unwrap_or("unknown");
        let build = Info::new(vec![("version", VERSION), ("commit", commit)]);
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
        let durations = Family::new_with_constructor(histogram as fn() -> Histogram);
        registry.register_with_unit(
            "request_duration",
            "How long requests took, without the pause before a refusal",
            seconds(),
            durations.clone(),
        );
        let stages = Family::new_with_constructor(histogram as fn() -> Histogram);
        registry.register_with_unit(
            "stage_duration",
            "How long requests were in a stage",
            seconds(),
            stages.clone(),
        );
        for stage in Stage::ALL {
            drop(stages.get_or_create(&StageLabels {
                stage: stage.as_str(),
            }));
        }
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
        let throttled: Family<ThrottleLabels, Counter> = registered(
            &mut registry,
            "throttle_refusals",
            "Requests that the throttle refused",
        );
        for limit in limits {
            drop(throttled.get_or_create(&ThrottleLabels { limit }));
        }
        Self {
            requests: registered(&mut registry, "requests", "Requests that were decided"),
            reloads,
            throttled,
            durations,
            stages,
            last_reload,
            registry,
        }
    }

    /// Counts a request that was not worked on, so that there is no time that it took.
    pub fn turned_away(&self, door: &'static str, task: &'static str, outcome: &'static str) {
        let labels = RequestLabels { door, task, outcome };
        self.requests.get_or_create(&labels).inc();
    }

    /// Counts a request.
    pub fn request(&self, door: &'static str, task: &'static str, outcome: &'static str, took: Duration) {
        self.turned_away(door, task, outcome);
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

    /// Notes how long a request was in a stage.
    pub fn stage(&self, stage: Stage, took: Duration) {
        let labels = StageLabels {
            stage: stage.as_str(),
        };
        self.stages.get_or_create(&labels).observe(took.as_secs_f64());
    }

    /// Counts a request that the throttle refused, by the limit that did.
    pub fn throttled(&self, limit: &'static str) {
        self.throttled.get_or_create(&ThrottleLabels { limit }).inc();
    }

    /// The text of all numbers, with these among them.
    pub fn text(&self, gauges: &Gauges) -> String {
        let mut text = String::new();
        // Writing into a text cannot fail.
        let _ = encode_registry(&mut text, &self.registry)
            .and_then(|()| encode_registry(&mut text, &gauges.registry()))
            .and_then(|()| encode_eof(&mut text));
        text
    }
}

/// A histogram of durations.
fn histogram() -> Histogram {
    Histogram::new(DURATION_BUCKETS_S)
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
    use super::super::gauges::{KeyGauge, PoolGauge, ServerGauge, TableGauge};
    use super::*;
    use crate::model::ConfigurationHash;

    #[test]
    fn what_is_gone_is_not_told_any_more() {
        let metrics = Metrics::new(Now::from_unix_ms(1_772_442_000_000), &["user", "client"]);
        let mut gauges = Gauges {
            configuration: ConfigurationHash::from_digest([1; 32]),
            connections: 2,
            tickets: 3,
            leases: 4,
            keys: KeyGauge {
                pairs_ready: 31,
                open: 2,
                over: 1,
                given: 12,
                missed: 3,
                removed: 9,
            },
            certificate_days_left: Some(-1),
            servers: vec![ServerGauge {
                server: "ldaps://a\"\n:636".to_owned(),
                up: true,
            }],
            pools: vec![PoolGauge {
                pool: "ldap-binds",
                server: String::new(),
                size: 8,
                busy: 3,
                waiting: 2,
                taken: 9,
                turned_away: 1,
                waited: Duration::from_millis(1500),
            }],
            pam_worker_up: None,
            hosts: Vec::new(),
            throttle: vec![TableGauge {
                table: "users",
                entries: 7,
                entries_max: 20_000,
                refusing: 1,
            }],
            audit_lines_lost: 5,
            log_lines_lost: 0,
        };
        metrics.request("plain", "list", "granted", Duration::from_millis(3));
        metrics.stage(Stage::Search, Duration::from_millis(250));
        metrics.throttled("user");
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
            "x2godirector_key_pairs_ready 31",
            "x2godirector_keys_open 2",
            "x2godirector_keys_over 1",
            "x2godirector_keys_given_total 12",
            "x2godirector_keys_missed_total 3",
            "x2godirector_keys_removed_total 9",
            "x2godirector_stage_duration_seconds_sum{stage=\"search\"} 0.25",
            "x2godirector_stage_duration_seconds_count{stage=\"bind\"} 0",
            "x2godirector_throttle_refusals_total{limit=\"user\"} 1",
            "x2godirector_throttle_refusals_total{limit=\"client\"} 0",
            "x2godirector_throttle_refusing{table=\"users\"} 1",
            "x2godirector_pool_busy{pool=\"ldap-binds\",server=\"\"} 3",
            "x2godirector_pool_wait_seconds_total{pool=\"ldap-binds\",server=\"\"} 1.5",
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
