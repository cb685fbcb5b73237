//! How the hosts are, for people.

use super::Host;
use super::farms::{Farms, WatchedHost};
use super::ledger::{Ledger, Site};
use crate::model::FarmName;

/// One host of a farm.
#[derive(Debug, Clone, PartialEq)]
pub struct HostState {
    /// The farm.
    pub farm: FarmName,
    /// The host as it is configured.
    pub host: Host,
    /// `up`, `down`, or `unknown` before the first probe; only what is up takes sessions.
    pub health: &'static str,
    /// How many leases are on it under this name.
    pub leases: u32,
}

/// Every host, in order of the farms' names.
pub(super) fn hosts(ledger: &Ledger, farms: &Farms) -> Vec<HostState> {
    let state = |(farm, watched): (&FarmName, &WatchedHost)| HostState {
        farm: farm.clone(),
        host: watched.host.clone(),
        health: watched.health().as_str(),
        leases: ledger.load(&[Site {
            farm: farm.clone(),
            host: watched.host.name.clone(),
        }]),
    };
    farms.hosts().map(state).collect()
}
