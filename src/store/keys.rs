//! The keys that open sessions: where each was placed, so that it is removed from there whatever happens.

use std::fmt;

use super::Answer;
use crate::model::{Account, AuthorizedKey, FarmName, KeyTarget, Machine, Now, SessionUser};

/// A random number that a key is known by, also in its line on a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId(pub u64);

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// One key on one host: its public half. The private one is never kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRecord {
    /// The key.
    pub id: KeyId,
    /// Who was given it.
    pub account: Account,
    /// The farm that was selected; the host may be of another one.
    pub farm: FarmName,
    /// The account that it opens.
    pub session_user: SessionUser,
    /// The host.
    pub target: KeyTarget,
    /// The line as it stands there.
    pub line: AuthorizedKey,
    /// When it was given.
    pub placed: Now,
    /// When it opens nothing any more, and is removed.
    pub expires: Now,
}

/// Where keys are. A call that changes something returns when the change is durable.
pub trait Keys: Send + Sync {
    /// All of them.
    fn keys(&self) -> Answer<'_, Vec<KeyRecord>>;
    /// Keeps the records of one key, and lets earlier keys of the same account and farm end when it was given, in
    /// one step.
    fn put_key(&self, records: Vec<KeyRecord>) -> Answer<'_, ()>;
    /// Forgets that a key is on a host.
    fn remove_key(&self, id: KeyId, machine: &Machine) -> Answer<'_, ()>;
}
