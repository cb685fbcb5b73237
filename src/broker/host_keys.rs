//! Which keys open an account on the host that asks: never a key of another host, whatever it asks for.

use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::{Broker, Snapshot};
use crate::audit::{Action, Outcome, Ration};
use crate::model::{AuthorizedKey, ClientAddress, DecisionId, Machine};
use crate::store::{HostCredentialHash, HostCredentials, StoreError};
use crate::wire::Fault;
use crate::wire::host_keys::HostKeysRequest;

/// Longest wait for the addresses of a host's name. The host itself waits for 2 s.
const RESOLVE_TIMEOUT: Duration = Duration::from_secs(1);
/// Names that are resolved at a time, each on a thread of its own.
const RESOLVES_MAX: usize = 8;

/// What the hosts that ask for keys are known by.
pub(super) struct AskingHosts {
    credentials: std::sync::Arc<dyn HostCredentials>,
    resolves: Semaphore,
    notes: Mutex<Ration>,
}

/// Why a host gets no answer. It is told nothing of this.
#[derive(Debug, thiserror::Error)]
enum NoSuchHost {
    #[error("bad request: {0}")]
    Request(#[from] Fault),
    #[error("the credential is not one that counts")]
    Credential,
    #[error("the credential is that of {0}, which is in no farm any more")]
    Gone(String),
    #[error("the credential is that of {machine}, which is not at this address")]
    Elsewhere { machine: Machine },
    #[error("the address of {0} cannot be found out")]
    Unresolved(Machine),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl NoSuchHost {
    fn outcome(&self) -> Outcome {
        match self {
            Self::Request(_) | Self::Credential | Self::Gone(_) | Self::Elsewhere { .. } => Outcome::Refused,
            Self::Unresolved(_) | Self::Store(_) => Outcome::Unavailable,
        }
    }
}

impl AskingHosts {
    pub(super) fn new(credentials: std::sync::Arc<dyn HostCredentials>) -> Self {
        Self {
            credentials,
            resolves: Semaphore::new(RESOLVES_MAX),
            notes: Mutex::default(),
        }
    }

    /// The host that asks. The credential comes first: who has none cannot have names resolved.
    async fn machine(
        &self,
        snapshot: &Snapshot,
        from: ClientAddress,
        request: &HostKeysRequest,
    ) -> Result<Machine, NoSuchHost> {
        let hash = HostCredentialHash::of(&request.credential);
        let known = self.credentials.host_credential(hash).await?;
        let known = known.ok_or(NoSuchHost::Credential)?;
        let machine = snapshot.farms.machine(&known.farm, &known.host);
        let machine = machine.ok_or_else(|| NoSuchHost::Gone(format!("{}/{}", known.farm, known.host)))?;
        if self.addresses(&machine).await?.contains(&from) {
            Ok(machine)
        } else {
            Err(NoSuchHost::Elsewhere { machine })
        }
    }

    /// Where the machine may ask from: the address that conf.d has, or those of the name.
    async fn addresses(&self, machine: &Machine) -> Result<Vec<ClientAddress>, NoSuchHost> {
        if let Ok(address) = machine.address().parse::<IpAddr>() {
            return Ok(vec![ClientAddress::new(address)]);
        }
        let resolve = async {
            let _place = self.resolves.acquire().await.ok()?;
            let found = tokio::net::lookup_host((machine.address(), machine.port()))
                .await
                .ok()?;
            Some(found.map(|address| ClientAddress::new(address.ip())).collect())
        };
        let found = timeout(RESOLVE_TIMEOUT, resolve).await.ok().flatten();
        found.ok_or_else(|| NoSuchHost::Unresolved(machine.clone()))
    }
}

impl Broker {
    /// The keys that open an account on the host that asks, now; none as well if nobody is called so. `None` for
    /// whoever is not the host whose credential it shows, or asks for what is no request.
    pub async fn host_keys(
        &self,
        from: ClientAddress,
        request: Result<HostKeysRequest, Fault>,
    ) -> Option<Vec<AuthorizedKey>> {
        let snapshot = self.snapshot();
        let asked = async {
            let request = request?;
            let machine = self.asking_hosts.machine(&snapshot, from, &request).await?;
            Ok((machine, request.user))
        };
        match asked.await {
            Ok((machine, user)) => {
                let keys = self.grants.keys_for(&user, &machine, (self.edge.now)());
                tracing::debug!(%machine, %user, keys = keys.len(), "a host asked for keys");
                Some(keys)
            }
            Err(why) => {
                self.note_refused_host(&snapshot, from, &why);
                None
            }
        }
    }

    fn note_refused_host(&self, snapshot: &Snapshot, from: ClientAddress, why: &NoSuchHost) {
        let now = (self.edge.now)();
        let notes = self.asking_hosts.notes.lock();
        if !notes.unwrap_or_else(PoisonError::into_inner).admit(now) {
            tracing::debug!(%from, "a host was refused: {why}");
            return;
        }
        self.records.audit.action(&Action {
            decision: DecisionId::from_random((self.edge.random)()),
            time: now,
            configuration: snapshot.configuration,
            task: "host keys",
            door: "host",
            by_uid: None,
            about: Some(from.to_string()),
            outcome: why.outcome(),
            cause: Some(why.to_string()),
        });
    }
}
