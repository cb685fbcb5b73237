//! The answer: a key, or why there is none.

use crate::agent::AgentError;
use crate::model::{Invalid, PrivateKey};
use crate::store::{KeyId, StoreError};

/// A key that the chosen host knows.
#[derive(Debug)]
pub struct Given {
    /// What it is known by; its line ends with it.
    pub id: KeyId,
    /// The private half, for the client; none where the key is the client's own.
    pub private: Option<PrivateKey>,
}

/// Why the client must ask for a password; the words are for the audit log.
#[derive(Debug, Clone, thiserror::Error)]
pub enum NoKey {
    /// Nobody proved to be the account.
    #[error("nobody proved who they are")]
    Unproven,
    /// No host was named, or none that a key can be brought to.
    #[error("no key can be brought to this host: its farm has no agent")]
    NoWay,
    /// Keys are for the client's address alone, which is not known.
    #[error(
        "the client's address is not known, and [keys] from_client lets a key in from that address alone"
    )]
    FromUnknown,
    /// Pairs are used faster than they are made, or cannot be made; the log says which.
    #[error("no key pair was ready")]
    NoneReady,
    /// It took too long.
    #[error("the key was not on the host in time")]
    Late,
    /// The host does not know it.
    #[error(transparent)]
    Agent(#[from] AgentError),
    /// It could not be kept, so it was not placed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is no line for it.
    #[error(transparent)]
    Line(#[from] Invalid),
}
