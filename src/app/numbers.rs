//! The daemon's numbers, for Prometheus.

use super::clock;
use super::daemon::Daemon;
use super::report::UP;
use crate::broker::Snapshot;
use crate::directory::PoolUse;
use crate::grant::Counts;
use crate::http::MetricsSource;
use crate::observe::{Gauges, HostGauge, KeyGauge, PoolGauge, ServerGauge, TableGauge};
use crate::pam_worker::PoolLoad;

impl MetricsSource for Daemon {
    async fn text(&self) -> String {
        let now = clock::now();
        let snapshot = self.broker.snapshot();
        // Numbers that cannot be read now are as they would be without any.
        let tickets = self.counting_tickets().await.unwrap_or_default().len();
        let hosts = self.hosts().into_iter().map(|host| HostGauge {
            up: host.health == UP,
            farm: host.farm,
            host: host.host,
            leases: host.leases,
            sessions: host.sessions,
            backed_off: host.backed_off_until.is_some(),
        });
        let servers = self.directory_servers().into_iter().map(|server| ServerGauge {
            up: server.state == UP,
            server: server.server,
        });
        let tables = self.checks.throttle().sizes(now).into_iter();
        let throttle = tables.map(|size| TableGauge {
            table: size.table,
            entries: size.entries,
            entries_max: size.entries_max,
            refusing: size.refusing,
        });
        self.records.metrics.text(&Gauges {
            configuration: snapshot.configuration,
            connections: self.front.connections(),
            tickets,
            leases: self.broker.placements().leases(now),
            keys: keys(&self.broker.grants().counts(now)),
            certificate_days_left: self.certificate_days_left(),
            servers: servers.collect(),
            pools: pools(&snapshot),
            pam_worker_up: snapshot.pam.as_ref().map(|pam| pam.is_reachable()),
            hosts: hosts.collect(),
            throttle: throttle.collect(),
            audit_lines_lost: self.records.audit.lost(),
            log_lines_lost: self.logs.lost(),
        })
    }
}

fn keys(counts: &Counts) -> KeyGauge {
    KeyGauge {
        pairs_ready: counts.ready,
        open: counts.open,
        over: counts.over,
        given: counts.given,
        missed: counts.missed,
        removed: counts.removed,
    }
}

/// What requests may have to wait for.
fn pools(snapshot: &Snapshot) -> Vec<PoolGauge> {
    let directory = snapshot.directory.iter();
    let mut pools: Vec<_> = directory
        .flat_map(|directory| directory.pools())
        .map(of_directory)
        .collect();
    if let Some(pam) = &snapshot.pam {
        let load = pam.load();
        pools.push(of_worker("pam-transactions", load.transactions));
        pools.push(of_worker("pam-lookups", load.lookups));
    }
    pools
}

fn of_directory(pool: PoolUse) -> PoolGauge {
    PoolGauge {
        pool: pool.kind,
        server: pool.server,
        size: pool.connections_max as u64,
        busy: pool.busy as u64,
        waiting: pool.waiting as u64,
        taken: pool.taken,
        turned_away: pool.turned_away,
        waited: pool.waited,
    }
}

fn of_worker(pool: &'static str, load: PoolLoad) -> PoolGauge {
    PoolGauge {
        pool,
        server: String::new(),
        size: load.slots.into(),
        busy: load.busy.into(),
        waiting: load.waiting.into(),
        taken: load.taken,
        turned_away: load.turned_away,
        waited: load.waited,
    }
}
