//! How the hosts are, for people.

use std::time::Duration;

use super::Host;
use super::drained::Drained;
use super::drained_report::Draining;
use super::facts::Site;
use super::farms::Farms;
use super::ledger::Ledger;
use super::watched_host::WatchedHost;
use crate::agent::Load;
use crate::model::{FarmName, Now};

/// One host of a farm.
#[derive(Debug, Clone, PartialEq)]
pub struct HostState {
    /// The farm.
    pub farm: FarmName,
    /// The host as it is configured.
    pub host: Host,
    /// `up`, `silent` if its agent answers no more, `down`, or `unknown` before the first probe; only what is up takes
    /// sessions.
    pub health: &'static str,
    /// How many leases are on it under this name.
    pub leases: u32,
    /// Who drains it, if anybody does.
    pub draining: Option<Draining>,
    /// How many sessions it has, and how old that is; none where nobody tells.
    pub sessions: Option<Aged<u32>>,
    /// How busy it was; none where nobody tells.
    pub load: Option<Aged<Load>>,
    /// Until when nothing new starts there because the last leases there came to nothing.
    pub backed_off_until: Option<Now>,
    /// Why its agent, or what that tells, is of no use; none if all is well.
    pub trouble: Option<String>,
}

/// Something that was true some time ago.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Aged<T> {
    /// What it is.
    pub value: T,
    /// How long ago it was.
    pub age: Duration,
}

impl<T> Aged<T> {
    fn since(value: T, at: Now, now: Now) -> Self {
        let age = now.since(at);
        Self { value, age }
    }
}

/// Every host, in order of the farms' names.
pub(super) fn hosts(ledger: &Ledger, drained: &Drained, farms: &Farms, now: Now) -> Vec<HostState> {
    let state = |farm: &FarmName, watched: &WatchedHost, site: &Site| HostState {
        farm: farm.clone(),
        host: watched.host.clone(),
        health: watched.health().as_str(),
        leases: ledger.leases_on(site),
        draining: drained.draining(site, &watched.host, now),
        sessions: watched
            .counted()
            .map(|counted| Aged::since(counted.sessions, counted.at, now)),
        load: load(watched).map(|(load, at)| Aged::since(load, at, now)),
        backed_off_until: watched.backed_off_until(now),
        trouble: trouble(watched),
    };
    farms
        .hosts()
        .map(|(farm, watched)| {
            let site = Site {
                farm: farm.clone(),
                host: watched.host.name.clone(),
            };
            state(farm, watched, &site)
        })
        .collect()
}

fn load(host: &WatchedHost) -> Option<(Load, Now)> {
    host.asked.as_ref()?.machine.told().load
}

fn trouble(host: &WatchedHost) -> Option<String> {
    let asked = host.asked.as_ref()?;
    let trouble = asked.machine.told().trouble.clone();
    let stranger = || {
        let server = asked.database.stranger()?;
        Some(format!(
            "it told of sessions on `{server}`, which is the `hostname` of no host"
        ))
    };
    trouble.or_else(stranger)
}
