//! How busy the worker's processes are, as it tells with each sign of life.

use std::time::Duration;

/// Both kinds of processes of a worker.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Load {
    /// Those that run PAM.
    pub transactions: PoolLoad,
    /// Those that look up users.
    pub lookups: PoolLoad,
}

/// The processes of one kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PoolLoad {
    /// How many questions may be worked on at once.
    pub slots: u32,
    /// How many are.
    pub busy: u32,
    /// How many wait.
    pub waiting: u32,
    /// Questions that got a slot or gave up, since the start of the worker.
    pub taken: u64,
    /// Those of them that gave up, because too many waited or for too long.
    pub turned_away: u64,
    /// How long all of them waited.
    pub waited: Duration,
}
