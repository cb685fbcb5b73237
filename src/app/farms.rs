//! What the daemon tells of its hosts and of the sessions on them.

use super::clock;
use super::daemon::Daemon;
use super::drains::drain_report;
use crate::admin::{HostReport, LoadReport, SessionReport, Sessions};
use crate::placement::{Aged, HostState, KnownSession};

/// Most sessions in a list, so that it fits a reply.
const SESSIONS_MAX: usize = 20_000;

impl Daemon {
    /// Holds the leases against what the hosts tell. What cannot be kept now is tried again with the next look.
    pub(super) async fn review_leases(&self) {
        if let Err(error) = self.broker.review_leases().await {
            tracing::warn!(%error, "what hosts tell of leases is not kept");
        }
    }

    pub(super) fn hosts(&self) -> Vec<HostReport> {
        let snapshot = self.broker.snapshot();
        let hosts = self.broker.placements().hosts(&snapshot.farms, clock::now());
        hosts.into_iter().map(host).collect()
    }

    /// Those of a user, by the name on the hosts or the canonical one, or all.
    pub(super) fn sessions(&self, user: Option<&str>) -> Sessions {
        let snapshot = self.broker.snapshot();
        let mut sessions = self.broker.placements().sessions(&snapshot.farms, clock::now());
        if let Some(user) = user {
            let folded = user.trim().to_lowercase();
            sessions.retain(|session| is_of(session, &folded));
        }
        let left_out = sessions.len().saturating_sub(SESSIONS_MAX);
        Sessions {
            sessions: sessions.into_iter().take(SESSIONS_MAX).map(report).collect(),
            left_out,
        }
    }
}

fn host(state: HostState) -> HostReport {
    HostReport {
        farm: state.farm.to_string(),
        host: state.host.name.to_string(),
        address: state.host.address.to_string(),
        port: state.host.port,
        health: state.health.to_owned(),
        sessions: state.sessions.map(|sessions| sessions.value),
        sessions_age_s: state.sessions.map(|sessions| sessions.age.as_secs()),
        leases: state.leases,
        weight: state.host.weight,
        load: state.load.map(|Aged { value, age }| LoadReport {
            average: f64::from(value.average_percent) / 100.0,
            processors: value.processors,
            memory_available_mb: value.memory_available_mb,
            age_s: age.as_secs(),
        }),
        draining: state.draining.as_ref().map(drain_report),
        backed_off_until: state.backed_off_until.map(|until| until.to_string()),
        trouble: state.trouble,
    }
}

fn is_of(session: &KnownSession, folded: &str) -> bool {
    let on_host = session.user.as_ref().map(|user| user.as_str().to_lowercase());
    let account = session.account.as_ref();
    on_host.is_some_and(|user| user == folded)
        || account.is_some_and(|account| {
            account.user.folded() == folded || account.to_string().to_lowercase() == folded
        })
}

fn report(session: KnownSession) -> SessionReport {
    SessionReport {
        farm: session.farm.to_string(),
        host: session.host.to_string(),
        user: session.user.map(|user| user.to_string()),
        account: session.account.map(|account| account.to_string()),
        state: session.state.to_owned(),
        session: session.id.map(|id| id.to_string()),
        age_s: session.age.as_secs(),
    }
}
