//! The host on which each user last started something, for farms that give it again.

use super::Answer;
use crate::model::{Account, FarmName, HostName, Now};

/// Most accounts' hosts that are kept; beyond these the ones unused for longest go. More than users of any site, and
/// a bound where nobody proves a name.
pub const LAST_HOSTS_MAX: i64 = 100_000;

/// Where a user last started something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastHostRecord {
    /// The user.
    pub account: Account,
    /// The farm.
    pub farm: FarmName,
    /// The host's name there.
    pub host: HostName,
    /// When that was.
    pub at: Now,
}

/// The memory of users' last hosts. What is noted is written behind, within a second: a process that is killed
/// forgets the last second, which costs a user nothing but the habit.
pub trait LastHosts: Send + Sync {
    /// The account's last host in a farm.
    fn last_host(&self, account: &Account, farm: &FarmName) -> Option<HostName>;
    /// Notes a host in place of the earlier one of the same account and farm.
    fn note_last_host(&self, last: LastHostRecord);
    /// Forgets what was noted before this moment, and the oldest beyond [`LAST_HOSTS_MAX`]; says how many.
    fn prune_last_hosts(&self, before: Now) -> Answer<'_, usize>;
}
