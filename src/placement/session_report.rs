//! Which sessions the broker knows of, for people: those that hosts told of, and leases of which they have not.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use super::farms::Farms;
use super::ledger::Ledger;
use crate::model::{Account, FarmName, HostName, Now, SessionId, SessionState, SessionUser};
use crate::store::LeaseRecord;

/// A session, or a lease that stands for one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownSession {
    /// The farm.
    pub farm: FarmName,
    /// The host.
    pub host: HostName,
    /// The account on the host; none for leases kept by an earlier version of this program.
    pub user: Option<SessionUser>,
    /// Whose lease it is; none where there is no lease.
    pub account: Option<Account>,
    /// Its id; none for a lease.
    pub id: Option<SessionId>,
    /// `running` or `suspended`, as its host told; `starting` for a lease that waits for its session, and `assumed` for
    /// one whose session was seen before, or said to be there by the client.
    pub state: &'static str,
    /// How long ago that was so.
    pub age: Duration,
}

/// Every session and lease, by farm, host and user.
pub(super) fn sessions(ledger: &Ledger, farms: &Farms, now: Now) -> Vec<KnownSession> {
    let mut known = told(ledger, farms);
    let seen: HashSet<_> = known
        .iter()
        .map(|session| (session.farm.clone(), session.host.clone(), session.user.clone()))
        .collect();
    let not_seen = |lease: &&LeaseRecord| {
        let place = (lease.farm.clone(), lease.host.clone(), lease.session_user.clone());
        !seen.contains(&place)
    };
    known.extend(ledger.all().filter(not_seen).map(|lease| KnownSession {
        farm: lease.farm.clone(),
        host: lease.host.clone(),
        user: lease.session_user.clone(),
        account: Some(lease.account.clone()),
        id: None,
        state: if lease.confirmed.is_some() {
            "assumed"
        } else {
            "starting"
        },
        age: now.since(lease.confirmed.unwrap_or(lease.since)),
    }));
    known.sort_by(|a, b| (&a.farm, &a.host, &a.user, &a.id).cmp(&(&b.farm, &b.host, &b.user, &b.id)));
    known
}

/// What hosts told within the last minutes.
fn told(ledger: &Ledger, farms: &Farms) -> Vec<KnownSession> {
    let mut told = Vec::new();
    let leases: HashMap<_, _> = ledger
        .all()
        .filter_map(|lease| Some(((&lease.farm, &lease.host, lease.session_user.as_ref()?), lease)))
        .collect();
    for (farm, host) in farms.hosts() {
        let Some(asked) = &host.asked else { continue };
        for (user, age, sessions) in asked.database.remembered() {
            let lease = leases.get(&(farm, &host.host.name, &user));
            let here = sessions
                .on_hosts
                .iter()
                .filter(|(number, _)| *number == asked.number);
            told.extend(here.map(|(_, session)| KnownSession {
                farm: farm.clone(),
                host: host.host.name.clone(),
                user: Some(user.clone()),
                account: lease.map(|lease| lease.account.clone()),
                id: Some(session.id.clone()),
                state: match session.state {
                    SessionState::Running => "running",
                    SessionState::Suspended => "suspended",
                },
                age,
            }));
        }
    }
    told
}
