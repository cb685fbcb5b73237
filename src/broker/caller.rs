//! Where a request comes from: what a front end knows about it before anybody reads its fields.

use crate::model::{ClientAddress, Door};
use crate::socket::Peer;

/// Whoever sent a request.
#[derive(Debug, Clone)]
pub enum Caller {
    /// A client over the network, where everybody has to prove who they are.
    Remote(Remote),
    /// A user of this machine at the SSH door, whom the kernel knows: no bytes of a request can make one.
    Peer {
        /// Who it is.
        peer: Peer,
        /// Where they sit, if that is known.
        address: Option<ClientAddress>,
    },
}

/// A client over the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Remote {
    /// Its address; behind a believed proxy the one that the proxy names.
    pub address: ClientAddress,
    /// The front end that took the request.
    pub door: Door,
}

impl Caller {
    /// The front end that took the request.
    pub fn door(&self) -> Door {
        match self {
            Self::Remote(remote) => remote.door,
            Self::Peer { .. } => Door::Ssh,
        }
    }

    /// Where it comes from, if that is known.
    pub fn address(&self) -> Option<ClientAddress> {
        match self {
            Self::Remote(remote) => Some(remote.address),
            Self::Peer { address, .. } => *address,
        }
    }

    /// The user id of a peer.
    pub fn uid(&self) -> Option<u32> {
        match self {
            Self::Remote(_) => None,
            Self::Peer { peer, .. } => Some(peer.uid()),
        }
    }
}
