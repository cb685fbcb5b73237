//! So many in so much time.

use std::fmt;
use std::time::Duration;

use jiff::SignedDuration;

/// Most that a limit may allow.
pub const LIMIT_COUNT_MAX: u16 = 1_000;
/// Longest time over which a limit may count.
pub const LIMIT_WITHIN_MAX: Duration = Duration::from_hours(24);

/// So many in so much time: `5 in 5m`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// How many are allowed; the next one is refused. 1 to [`LIMIT_COUNT_MAX`].
    pub count: u16,
    /// The time that ends now, over which they are counted.
    pub within: Duration,
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match SignedDuration::try_from(self.within) {
            Ok(within) => write!(f, "{} in {within:#}", self.count),
            Err(_) => write!(f, "{} in {:?}", self.count, self.within),
        }
    }
}
