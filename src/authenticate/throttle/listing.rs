//! What the throttle counts, for an admin to look at.

use std::cmp::Ordering;

use super::counts::Which;
use crate::model::{Network, Now};

/// One counter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counted {
    /// The limit that looks at it.
    pub limit: Which,
    /// The user as `SOURCE:NAME`, or the name as typed.
    pub user: Option<String>,
    /// The client.
    pub client: Option<Network>,
    /// Failures; for a client distinct users failing, less those who succeeded.
    pub count: usize,
    /// Until when it refuses, if it does.
    pub refuses_until: Option<Now>,
}

/// How full a table is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TableSize {
    /// What its entries are: `names` as typed at a client, `users` at a client, `users_elsewhere` over all clients,
    /// `clients`, or clients with `connection_tests`.
    pub table: &'static str,
    /// How many there are.
    pub entries: usize,
    /// How many there may be.
    pub entries_max: usize,
    /// Those of them that refuse.
    pub refusing: usize,
}

impl Counted {
    /// Those that refuse for longest first.
    pub(super) fn order(&self, other: &Self) -> Ordering {
        let key = |counted: &Self| (counted.refuses_until, counted.count);
        key(other).cmp(&key(self)).then_with(|| {
            (self.limit, &self.user, self.client).cmp(&(other.limit, &other.user, other.client))
        })
    }
}

pub(super) fn listed(
    limit: Which,
    user: Option<String>,
    client: Option<Network>,
    count: usize,
    refuses_until: Option<Now>,
) -> Counted {
    Counted {
        limit,
        user,
        client,
        count,
        refuses_until,
    }
}
