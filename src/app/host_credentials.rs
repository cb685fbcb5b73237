//! The credentials of hosts, as admins make and end them.

use std::collections::BTreeSet;

use zeroize::Zeroizing;

use super::clock;
use super::daemon::Daemon;
use crate::admin::{Asker, HostCredentialAdded, HostCredentialReport, HostCredentialRevoked};
use crate::model::{FarmName, HostCredential, HostName, Machine, did_you_mean};
use crate::store::{HostCredentialHash, HostCredentialRecord};

/// A host, by a farm and its name there.
type Named = (FarmName, HostName);

impl Daemon {
    pub(super) async fn host_credentials(&self) -> Result<Vec<HostCredentialReport>, String> {
        let records = self.host_credentials.host_credentials().await;
        let mut reports: Vec<_> = records
            .map_err(|error| error.to_string())?
            .into_iter()
            .map(|record| HostCredentialReport {
                host: format!("{}/{}", record.farm, record.host),
                added: record.added.to_string(),
            })
            .collect();
        reports.sort_by(|one, other| one.host.cmp(&other.host));
        Ok(reports)
    }

    pub(super) async fn add_host_credential(
        &self,
        host: &str,
        asker: Asker,
    ) -> Result<HostCredentialAdded, String> {
        let added = self.try_add(host).await;
        let done = added.as_ref().map(drop).map_err(Clone::clone);
        self.note(
            "add host credential",
            Some(asker.uid),
            Some(host.to_owned()),
            done,
        );
        added
    }

    async fn try_add(&self, host: &str) -> Result<HostCredentialAdded, String> {
        let (farm, host) = self.configured_host(host)?;
        let credential = HostCredential::from_random(&Zeroizing::new(rand::random()));
        let record = HostCredentialRecord {
            hash: HostCredentialHash::of(&credential),
            farm: farm.clone(),
            host: host.clone(),
            added: clock::now(),
        };
        let kept = self.host_credentials.put_host_credential(record).await;
        kept.map_err(|error| error.to_string())?;
        Ok(HostCredentialAdded {
            host: format!("{farm}/{host}"),
            credential: credential.expose().to_owned(),
        })
    }

    pub(super) async fn revoke_host_credential(
        &self,
        host: &str,
        asker: Asker,
    ) -> Result<HostCredentialRevoked, String> {
        let revoked = self.try_revoke_credential(host).await;
        let done = revoked.as_ref().map(drop).map_err(Clone::clone);
        self.note(
            "revoke host credential",
            Some(asker.uid),
            Some(host.to_owned()),
            done,
        );
        revoked
    }

    /// One that is named in full need not be configured any more.
    async fn try_revoke_credential(&self, host: &str) -> Result<HostCredentialRevoked, String> {
        let in_full = host.split_once('/');
        let in_full = in_full.and_then(|(farm, host)| FarmName::new(farm).ok().zip(HostName::new(host).ok()));
        let (farm, host) = match in_full {
            Some(named) => named,
            None => self.configured_host(host)?,
        };
        let removed = self.host_credentials.remove_host_credential(&farm, &host).await;
        Ok(HostCredentialRevoked {
            host: format!("{farm}/{host}"),
            credentials: removed.map_err(|error| error.to_string())?,
        })
    }

    /// The host that is meant by `HOST` or `FARM/HOST`: the first of its names, if there are several of one machine.
    fn configured_host(&self, text: &str) -> Result<Named, String> {
        let snapshot = self.broker.snapshot();
        let hosts = self.broker.placements().hosts(&snapshot.farms, clock::now());
        let names = hosts
            .iter()
            .map(|state| format!("{}/{}", state.farm, state.host.name));
        let names: Vec<String> = names.collect();
        let is_meant =
            |name: &str| name == text || name.split_once('/').is_some_and(|(_, host)| host == text);
        let meant = || hosts.iter().zip(&names).filter(|(_, name)| is_meant(name));
        let machines: BTreeSet<Machine> = meant().map(|(state, _)| state.host.machine()).collect();
        match (meant().next(), machines.len()) {
            (Some((state, _)), 1) => Ok((state.farm.clone(), state.host.name.clone())),
            (Some(_), _) => {
                let meant: Vec<&str> = meant().map(|(_, name)| name.as_str()).collect();
                Err(format!(
                    "several machines are called `{text}`: {}",
                    meant.join(", ")
                ))
            }
            (None, _) => {
                let short = names
                    .iter()
                    .filter_map(|name| name.split_once('/').map(|(_, host)| host));
                let known = names.iter().map(String::as_str).chain(short);
                let hint = did_you_mean(text, known)
                    .map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
                Err(format!("no farm has a host `{text}`{hint}"))
            }
        }
    }
}
