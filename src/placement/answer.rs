//! The answer: a host, or why there is none.

use super::Host;
use crate::model::{HostAddress, HostName};
use crate::store::StoreError;

/// The host on which an offer starts. Only [`super::Placements::place`] makes one, and its lease is durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placement {
    host: HostName,
    address: HostAddress,
    port: u16,
    renewed: bool,
}

impl Placement {
    pub(super) fn new(host: &Host, renewed: bool) -> Self {
        Self {
            host: host.name.clone(),
            address: host.address.clone(),
            port: host.port,
            renewed,
        }
    }

    /// The host's name in its farm.
    pub fn host(&self) -> &HostName {
        &self.host
    }

    /// What the client dials.
    pub fn address(&self) -> &HostAddress {
        &self.address
    }

    /// The SSH port there.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whether the account was on this host already and its lease began anew.
    pub fn renewed(&self) -> bool {
        self.renewed
    }
}

/// Why there is no host for an offer; the words are for the audit log.
#[derive(Debug, Clone, thiserror::Error)]
pub enum NoHost {
    /// No host of the farm answers.
    #[error("no host of the farm answers")]
    NoneHealthy,
    /// Every host that answers has `max_sessions_per_host`.
    #[error("every host of the farm that answers is full")]
    AllFull,
    /// The account selects too often.
    #[error("too many selects of this account within a minute")]
    TooManySelects,
    /// The lease could not be kept, so it was not given.
    #[error(transparent)]
    Store(#[from] StoreError),
}
