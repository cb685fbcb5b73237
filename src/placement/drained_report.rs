//! The hosts that are drained, and who is still on them, for people.

use super::drained::Drained;
use super::facts::Site;
use super::farms::Farms;
use super::ledger::Ledger;
use super::placements::{Counts, host_facts};
use crate::model::{Account, FarmName, HostName, Now};
use crate::store::DrainRecord;

/// Who drains a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Draining {
    /// `draining = true` in conf.d.
    Configured,
    /// An admin.
    Asked(DrainRecord),
}

/// A host that is being drained.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DrainedHost {
    /// The farm.
    pub farm: FarmName,
    /// Its name there.
    pub host: HostName,
    /// Who drains it.
    pub draining: Draining,
    /// Sessions and leases on its machine.
    pub load: u32,
    /// Whose leases are on it, in order.
    pub accounts: Vec<Account>,
}

/// Every host that is drained, in order of the farms' names.
pub(super) fn drained_hosts(
    ledger: &Ledger,
    drained: &Drained,
    farms: &Farms,
    counts: &Counts,
    now: Now,
) -> Vec<DrainedHost> {
    let mut hosts = Vec::new();
    for (farm, watched) in farms.hosts() {
        let host = &watched.host.name;
        let site = Site {
            farm: farm.clone(),
            host: host.clone(),
        };
        let Some(draining) = drained.draining(&site, &watched.host, now) else {
            continue;
        };
        let there = ledger
            .all()
            .filter(|lease| lease.farm == *farm && lease.host == *host);
        let mut accounts: Vec<Account> = there.map(|lease| lease.account.clone()).collect();
        accounts.sort();
        hosts.push(DrainedHost {
            load: ledger.load(&host_facts(watched, true, counts, now), now),
            farm: site.farm,
            host: site.host,
            draining,
            accounts,
        });
    }
    hosts
}
