//! The key that lets a client in without a second password, and whether it gets one.

use std::time::Duration;

use tokio::time::timeout;

use super::Broker;
use super::select::Start;
use super::turn::Turn;
use crate::entitlement::Offer;
use crate::grant::{Asked, Given, NoKey, Origin, Wanted};
use crate::model::session_key::Value;
use crate::model::{BadPublicKey, Door, HostAddress, KeyTarget, Machine, PublicKey};
use crate::placement::{Farms, FoundSession};

/// Longest that a login waits for its key to be on a host. Beyond it the client asks for a password.
const WAIT: Duration = Duration::from_secs(2);
/// The port of an SSH proxy where the profile names none, as in X2Go Client.
const SSH_PORT: u16 = 22;

/// Where a client will log in.
pub(super) struct KeyHosts {
    /// The host that it most likely dials.
    chosen: Option<KeyTarget>,
    /// The others: those of its sessions, and the proxy on the way.
    others: Vec<KeyTarget>,
    /// Whether there is a proxy on the way, so that the hosts see the proxy's address and not the client's.
    through_proxy: bool,
}

/// Why an offer that logs in once does so not this time; the words are for the audit log.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotGiven {
    /// The key could not be placed.
    #[error(transparent)]
    NoKey(#[from] NoKey),
    /// Clients of this door know no key but their own, and theirs are not placed.
    #[error("clients of this door have keys of their own, which are not placed: [keys] client_keys is off")]
    ClientKeysOff,
    /// The client sent no key.
    #[error("the client sent no public key")]
    NoneSent,
    /// The client's own key is none that may be placed.
    #[error(transparent)]
    Bad(#[from] BadPublicKey),
}

impl Broker {
    /// A key for the offer's session user on these hosts; none for a profile that does not log in by itself.
    pub(super) async fn key(
        &self,
        turn: &Turn,
        offer: &Offer,
        hosts: KeyHosts,
        public_key: Option<&str>,
    ) -> Option<Result<Given, NotGiven>> {
        if !offer.logs_in_once() {
            return None;
        }
        Some(self.give(turn, offer, hosts, public_key).await)
    }

    async fn give(
        &self,
        turn: &Turn,
        offer: &Offer,
        hosts: KeyHosts,
        public_key: Option<&str>,
    ) -> Result<Given, NotGiven> {
        let settings = &turn.snapshot.keys;
        let key = match (turn.door(), public_key) {
            (Door::Json, _) if !settings.client_keys => return Err(NotGiven::ClientKeysOff),
            (Door::Json, Some(line)) => Wanted::Clients(PublicKey::parse(line)?),
            (Door::Json, None) => return Err(NotGiven::NoneSent),
            _ => Wanted::Ours,
        };
        let asked = Asked {
            settings,
            chosen: hosts.chosen,
            others: hosts.others,
            key,
            origin: match turn.client() {
                _ if hosts.through_proxy => Origin::Proxy,
                Some(address) => Origin::Client(address),
                None => Origin::Unknown,
            },
            random: (self.edge.random)(),
        };
        let given = timeout(WAIT, self.grants.give(offer, asked)).await;
        Ok(given.unwrap_or(Err(NoKey::Late))?)
    }
}

impl KeyHosts {
    /// Where the client of an offer will log in that is told of `start` and of `sessions`.
    pub(super) fn of(farms: &Farms, offer: &Offer, start: Option<&Start>, sessions: &[FoundSession]) -> Self {
        let start = start.and_then(|start| farms.key_target(&start.farm, &start.host));
        let resumed = sessions
            .iter()
            .filter_map(|found| farms.key_target(&found.farm, &found.host.name));
        let through_proxy = offer.keys().get("usesshproxy") == Some(&Value::Flag(true));
        let proxy = proxy(offer).filter(|_| through_proxy);
        let through = proxy.and_then(|proxy| farms.key_target_at(&proxy));
        let mut hosts = start.into_iter().chain(resumed).chain(through);
        Self {
            chosen: hosts.next(),
            others: hosts.collect(),
            through_proxy,
        }
    }
}

/// The SSH proxy of an offer.
fn proxy(offer: &Offer) -> Option<Machine> {
    let Some(Value::Text(host)) = offer.keys().get("sshproxyhost") else {
        return None;
    };
    let port = match offer.keys().get("sshproxyport") {
        Some(Value::Number(port)) => u16::try_from(*port).ok()?,
        _ => SSH_PORT,
    };
    Some(Machine::new(&HostAddress::new(host).ok()?, port))
}
