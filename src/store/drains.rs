//! Hosts on which an admin lets nothing new start.

use super::Answer;
use crate::model::{FarmName, HostName, Now};

/// A host that is being drained.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DrainRecord {
    /// The farm.
    pub farm: FarmName,
    /// The host's name there.
    pub host: HostName,
    /// Since when.
    pub since: Now,
    /// When it ends by itself, if it does.
    pub until: Option<Now>,
}

/// The memory of drains. Each change is durable when it returns.
pub trait Drains: Send + Sync {
    /// All drains, those whose end has passed included.
    fn drains(&self) -> Answer<'_, Vec<DrainRecord>>;
    /// Keeps a drain in place of an earlier one of the same host.
    fn put_drain(&self, drain: DrainRecord) -> Answer<'_, ()>;
    /// Ends the drain of a host; one that is not drained stays as it is.
    fn remove_drain(&self, farm: &FarmName, host: &HostName) -> Answer<'_, ()>;
}
