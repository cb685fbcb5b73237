//! What `[authentication.throttle]` says, already checked.

use std::fmt;
use std::time::Duration;

use jiff::SignedDuration;

use crate::model::{ClientAddress, Network};

/// Most failures that a limit may allow.
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

/// The limits of the throttle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Failures of one user from one client.
    pub user: Limit,
    /// Failures of one user from all clients together; refuses only clients where this user has not logged in for
    /// 30 days.
    pub user_elsewhere: Limit,
    /// Distinct users failing from one client, less those who succeed; refuses only users who have not logged in
    /// there for 30 days.
    pub client: Limit,
    /// Networks whose clients have no limit of their own: gateways and terminal rooms.
    pub shared_networks: Vec<Network>,
}

impl Limits {
    /// Whether the limit per client counts there.
    pub(super) fn is_shared(&self, client: ClientAddress) -> bool {
        self.shared_networks
            .iter()
            .any(|network| network.contains(client))
    }
}

impl Default for Limits {
    fn default() -> Self {
        let minutes = |count, minutes| Limit {
            count,
            within: Duration::from_mins(minutes),
        };
        Self {
            user: minutes(5, 5),
            user_elsewhere: minutes(10, 10),
            client: minutes(30, 5),
            shared_networks: Vec::new(),
        }
    }
}
