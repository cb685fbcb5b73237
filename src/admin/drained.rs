//! What the daemon tells of hosts that are being drained. Moments are in UTC (RFC 3339).

use serde::{Deserialize, Serialize};

/// Which hosts are meant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostWish {
    /// The name of a host in conf.d.
    pub host: String,
    /// The farm; none for every farm that has a host of that name.
    pub farm: Option<String>,
}

/// Who drains a host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DrainReport {
    /// `admin`, or `conf.d`.
    pub by: String,
    /// Since when; none where conf.d says so.
    pub since: Option<String>,
    /// When it ends by itself, if it does.
    pub until: Option<String>,
}

/// A host that is being drained, and who is still on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DrainedHost {
    /// The farm.
    pub farm: String,
    /// Its name there.
    pub host: String,
    /// Who drains it.
    pub drain: DrainReport,
    /// Sessions and leases on it, whoever's and under whatever name.
    pub load: u32,
    /// Whose leases are on it, with their sources.
    pub accounts: Vec<String>,
}

/// The hosts that take sessions again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Undrained {
    /// Each as `FARM/HOST`.
    pub hosts: Vec<String>,
}
