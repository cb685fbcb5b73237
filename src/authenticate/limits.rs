//! What `[authentication.throttle]` says, already checked.

use std::time::Duration;

use crate::model::{ClientAddress, Limit, Network};

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
