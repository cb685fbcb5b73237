//! Draining hosts for an admin.

use super::clock;
use super::daemon::Daemon;
use crate::admin::{self, Asker, DrainReport, HostWish, Undrained};
use crate::model::Now;
use crate::placement::{DrainedHost, Draining};

impl Daemon {
    /// The hosts that are drained now.
    pub(super) fn drained(&self) -> Vec<admin::DrainedHost> {
        let snapshot = self.broker.snapshot();
        let drained = self.broker.placements().drained(&snapshot.farms, clock::now());
        drained.iter().map(report).collect()
    }

    /// Drains hosts, and writes down who had that done.
    pub(super) async fn drain(
        &self,
        wish: &HostWish,
        until: Option<&str>,
        asker: Asker,
    ) -> Result<Vec<admin::DrainedHost>, String> {
        let drained = self.try_drain(wish, until).await;
        let until = until.map_or_else(String::new, |until| format!(" until {until}"));
        let done = drained.as_ref().map(drop).map_err(Clone::clone);
        self.note(
            "drain",
            Some(asker.uid),
            Some(format!("{}{until}", named(wish))),
            done,
        );
        drained
    }

    async fn try_drain(
        &self,
        wish: &HostWish,
        until: Option<&str>,
    ) -> Result<Vec<admin::DrainedHost>, String> {
        let until: Option<Now> = until
            .map(str::parse)
            .transpose()
            .map_err(|error: crate::model::Invalid| error.to_string())?;
        let snapshot = self.broker.snapshot();
        let placements = self.broker.placements();
        let farm = wish.farm.as_deref();
        let drained = placements.drain(&snapshot.farms, &wish.host, farm, until, clock::now());
        let drained = drained.await.map_err(|error| error.to_string())?;
        Ok(drained.iter().map(report).collect())
    }

    /// Lets hosts take sessions again, and writes down who had that done.
    pub(super) async fn undrain(&self, wish: &HostWish, asker: Asker) -> Result<Undrained, String> {
        let snapshot = self.broker.snapshot();
        let placements = self.broker.placements();
        let farm = wish.farm.as_deref();
        let ended = placements.undrain(&snapshot.farms, &wish.host, farm, clock::now());
        let ended = ended.await.map_err(|error| error.to_string());
        let done = ended.as_ref().map(drop).map_err(Clone::clone);
        self.note("undrain", Some(asker.uid), Some(named(wish)), done);
        let named = |site: crate::placement::Site| format!("{}/{}", site.farm, site.host);
        Ok(Undrained {
            hosts: ended?.into_iter().map(named).collect(),
        })
    }
}

/// The hosts that were meant, as the audit log names them.
fn named(wish: &HostWish) -> String {
    match &wish.farm {
        Some(farm) => format!("{farm}/{}", wish.host),
        None => wish.host.clone(),
    }
}

/// Who drains a host, as an admin is told.
pub(super) fn drain_report(draining: &Draining) -> DrainReport {
    match draining {
        Draining::Configured => DrainReport {
            by: "conf.d".to_owned(),
            since: None,
            until: None,
        },
        Draining::Asked(drain) => DrainReport {
            by: "admin".to_owned(),
            since: Some(drain.since.to_string()),
            until: drain.until.map(|until| until.to_string()),
        },
    }
}

fn report(drained: &DrainedHost) -> admin::DrainedHost {
    admin::DrainedHost {
        farm: drained.farm.to_string(),
        host: drained.host.to_string(),
        drain: drain_report(&drained.draining),
        load: drained.load,
        accounts: drained.accounts.iter().map(ToString::to_string).collect(),
    }
}
