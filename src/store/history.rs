//! What the throttle remembers over a restart: logins that were tried, and where users have logged in.

use super::Answer;
use crate::model::{Account, Network, Now};

/// Most tried logins kept; the oldest go. More than the throttle itself holds in memory.
pub const ATTEMPTS_MAX: i64 = 200_000;

/// A login that the directory decided about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptRecord {
    /// When it was asked for.
    pub at: Now,
    /// The client.
    pub network: Network,
    /// The name as typed, in lower case and without blanks around it.
    pub typed: String,
    /// Whose it was; none for a name that no source knows.
    pub account: Option<Account>,
    /// Whether the password was right.
    pub success: bool,
}

/// Where a user has logged in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeatRecord {
    /// The user.
    pub account: Account,
    /// The client.
    pub network: Network,
    /// When that was last noted.
    pub used: Now,
}

/// Everything that was kept.
#[derive(Debug, Default)]
pub struct Remembered {
    /// The tried logins in the order in which they were noted.
    pub attempts: Vec<AttemptRecord>,
    /// The seats.
    pub seats: Vec<SeatRecord>,
}

/// Which tried logins are forgotten.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Forgotten {
    /// All of them.
    All,
    /// Those of the account of this name in any source, and those where the name was typed so; in lower case.
    Name(String),
    /// Those from this client.
    Client(Network),
}

/// The memory of the throttle. What is noted is written behind, within a second: a login neither waits for it nor
/// fails for a full disk, and a process that is killed forgets the last second.
pub trait History: Send + Sync {
    /// Notes a login that was tried.
    fn note_attempt(&self, attempt: AttemptRecord);
    /// Notes where a user has logged in, in place of an earlier note about the same user and client.
    fn note_seat(&self, seat: SeatRecord);
    /// What was there when the store was opened. Only the first call gets it: nothing else reads it, so that it
    /// is not held twice.
    fn take_remembered(&self) -> Remembered;
    /// Forgets tried logins; durable when it returns. Says how many.
    fn forget_attempts(&self, which: Forgotten) -> Answer<'_, usize>;
    /// Removes tried logins and seats that are older than these moments, and tried logins beyond [`ATTEMPTS_MAX`];
    /// says how many.
    fn prune_history(&self, attempts_before: Now, seats_before: Now) -> Answer<'_, usize>;
}
