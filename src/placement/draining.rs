//! Draining hosts, for an admin.

use super::drained::{DrainError, named};
use super::drained_report::{DrainedHost, drained_hosts};
use super::facts::Site;
use super::farms::Farms;
use super::placements::{Placements, lock};
use super::watched_host::WatchedHost;
use crate::model::{FarmName, Now};
use crate::store::{DrainRecord, StoreError};

impl Placements {
    /// Lets nothing new start on the hosts of that name, in every farm or in one, until a moment or until
    /// [`Placements::undrain`]; kept when this returns. What is there goes on, and can be resumed. Gives the hosts.
    ///
    /// # Errors
    /// There is no such host, the moment has passed, or the store fails.
    pub async fn drain(
        &self,
        farms: &Farms,
        host: &str,
        farm: Option<&str>,
        until: Option<Now>,
        now: Now,
    ) -> Result<Vec<DrainedHost>, DrainError> {
        if let Some(over) = until.filter(|until| *until <= now) {
            return Err(DrainError::Over(over));
        }
        let meant: Vec<Site> = named(farms, host, farm)?.into_iter().map(site).collect();
        let _turn = self.drain_turn.lock().await;
        for site in &meant {
            let drain = DrainRecord {
                farm: site.farm.clone(),
                host: site.host.clone(),
                since: now,
                until,
            };
            self.stores.drains.put_drain(drain.clone()).await?;
            lock(&self.drained).put(drain);
        }
        let mut drained = self.drained(farms, now);
        drained.retain(|drained| {
            meant
                .iter()
                .any(|site| (&site.farm, &site.host) == (&drained.farm, &drained.host))
        });
        Ok(drained)
    }

    /// Ends the drains of the hosts of that name, in every farm or in one; durable when this returns. Gives the hosts.
    ///
    /// # Errors
    /// There is no such host, it is not drained, conf.d drains it, or the store fails.
    pub async fn undrain(
        &self,
        farms: &Farms,
        host: &str,
        farm: Option<&str>,
        now: Now,
    ) -> Result<Vec<Site>, DrainError> {
        let meant = named(farms, host, farm)?;
        let by_configuration = meant.iter().find(|(_, watched)| watched.host.draining).copied();
        let _turn = self.drain_turn.lock().await;
        let mut ended: Vec<Site> = meant.into_iter().map(site).collect();
        {
            let drained = lock(&self.drained);
            ended.retain(|site| drained.of(site, now).is_some());
        }
        for site in &ended {
            self.forget_drain(site).await?;
        }
        match by_configuration {
            Some(host) => Err(DrainError::ByConfiguration(site(host))),
            None if ended.is_empty() => Err(DrainError::NotDrained(host.to_owned())),
            None => Ok(ended),
        }
    }

    /// The hosts that are drained, with who has a lease there.
    pub fn drained(&self, farms: &Farms, now: Now) -> Vec<DrainedHost> {
        let mut ledger = lock(&self.ledger);
        ledger.expire(now);
        drained_hosts(&ledger, &lock(&self.drained), farms, &lock(&self.counts), now)
    }

    /// Removes from the store the drains whose end has passed.
    pub(super) async fn prune_drains(&self, now: Now) -> Result<(), StoreError> {
        let _turn = self.drain_turn.lock().await;
        let over = lock(&self.drained).over(now);
        for site in over {
            self.forget_drain(&site).await?;
        }
        Ok(())
    }

    async fn forget_drain(&self, site: &Site) -> Result<(), StoreError> {
        self.stores.drains.remove_drain(&site.farm, &site.host).await?;
        lock(&self.drained).remove(site);
        Ok(())
    }
}

fn site((farm, watched): (&FarmName, &WatchedHost)) -> Site {
    Site {
        farm: farm.clone(),
        host: watched.host.name.clone(),
    }
}
