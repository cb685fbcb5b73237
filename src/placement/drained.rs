//! The hosts that an admin drains: nothing new starts there, and what is there goes on.

use std::collections::HashMap;

use super::Host;
use super::drained_report::Draining;
use super::facts::Site;
use super::farms::Farms;
use super::watched_host::WatchedHost;
use crate::model::{FarmName, Now, did_you_mean};
use crate::store::{DrainRecord, StoreError};

/// The drains by host.
#[derive(Debug, Default)]
pub(super) struct Drained {
    drains: HashMap<Site, DrainRecord>,
}

/// Why a host is not drained, or not put back.
#[derive(Debug, thiserror::Error)]
pub enum DrainError {
    /// No farm has a host of that name.
    #[error("there is no host `{host}`{}{}", within(.farm.as_deref()), hint(.meant.as_deref()))]
    NoSuchHost {
        /// What was asked for.
        host: String,
        /// The farm, if one was named.
        farm: Option<String>,
        /// The host of the nearest name.
        meant: Option<String>,
    },
    /// There is no farm of that name.
    #[error("there is no farm `{farm}`{}", hint(.meant.as_deref()))]
    NoSuchFarm {
        /// What was asked for.
        farm: String,
        /// The farm of the nearest name.
        meant: Option<String>,
    },
    /// The end lies in the past.
    #[error("{0} is over already")]
    Over(Now),
    /// conf.d drains it.
    #[error("`draining = true` in [farm.{farm}.hosts.{host}] drains it; remove that and reload", farm = .0.farm, host = .0.host)]
    ByConfiguration(Site),
    /// Nobody drains it.
    #[error("`{0}` is not drained")]
    NotDrained(String),
    /// The store failed; what was written before is kept.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn within(farm: Option<&str>) -> String {
    farm.map_or_else(String::new, |farm| format!(" in farm {farm}"))
}

fn hint(meant: Option<&str>) -> String {
    meant.map_or_else(String::new, |meant| format!("; did you mean `{meant}`?"))
}

impl Drained {
    /// Takes a drain in place of an earlier one of the same host.
    pub fn put(&mut self, drain: DrainRecord) {
        let site = Site {
            farm: drain.farm.clone(),
            host: drain.host.clone(),
        };
        self.drains.insert(site, drain);
    }

    /// The drain of a host, unless its end has passed.
    pub fn of(&self, site: &Site, now: Now) -> Option<&DrainRecord> {
        self.drains.get(site).filter(|drain| !is_over(drain, now))
    }

    /// Who drains a host, if anybody does: an admin before conf.d.
    pub fn draining(&self, site: &Site, host: &Host, now: Now) -> Option<Draining> {
        let asked = self.of(site, now).cloned().map(Draining::Asked);
        asked.or_else(|| host.draining.then_some(Draining::Configured))
    }

    pub fn remove(&mut self, site: &Site) {
        self.drains.remove(site);
    }

    /// The hosts whose drain has ended.
    pub fn over(&self, now: Now) -> Vec<Site> {
        let over = self.drains.iter().filter(|(_, drain)| is_over(drain, now));
        over.map(|(site, _)| site.clone()).collect()
    }
}

fn is_over(drain: &DrainRecord, now: Now) -> bool {
    drain.until.is_some_and(|until| until <= now)
}

/// The hosts of that name: in every farm, or in one.
pub(super) fn named<'f>(
    farms: &'f Farms,
    host: &str,
    farm: Option<&str>,
) -> Result<Vec<(&'f FarmName, &'f WatchedHost)>, DrainError> {
    let mut farm_names: Vec<&str> = farms.hosts().map(|(farm, _)| farm.as_str()).collect();
    farm_names.dedup();
    if let Some(farm) = farm.filter(|farm| !farm_names.contains(farm)) {
        return Err(DrainError::NoSuchFarm {
            farm: farm.to_owned(),
            meant: did_you_mean(farm, farm_names).map(str::to_owned),
        });
    }
    let in_farm = |(name, _): &(&FarmName, &WatchedHost)| farm.is_none_or(|farm| name.as_str() == farm);
    let named: Vec<_> = farms
        .hosts()
        .filter(in_farm)
        .filter(|(_, watched)| watched.host.name.as_str() == host)
        .collect();
    if named.is_empty() {
        let names = farms.hosts().filter(in_farm);
        let names = names.map(|(_, watched)| watched.host.name.as_str());
        return Err(DrainError::NoSuchHost {
            host: host.to_owned(),
            farm: farm.map(str::to_owned),
            meant: did_you_mean(host, names).map(str::to_owned),
        });
    }
    Ok(named)
}
