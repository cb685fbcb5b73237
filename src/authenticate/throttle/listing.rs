//! What the throttle counts, for an admin to look at.

use std::cmp::Ordering;

use serde::{Serialize, Serializer};

use super::counts::Which;
use crate::model::{Network, Now};

/// One counter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Counted {
    /// The limit that looks at it.
    #[serde(serialize_with = "word")]
    pub limit: Which,
    /// The user as `SOURCE:NAME`, or the name as typed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The client.
    #[serde(serialize_with = "text", skip_serializing_if = "Option::is_none")]
    pub client: Option<Network>,
    /// Failures; for a client distinct users failing, less those who succeeded.
    pub count: usize,
    /// Until when it refuses, if it does.
    #[serde(serialize_with = "text", skip_serializing_if = "Option::is_none")]
    pub refuses_until: Option<Now>,
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

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over references")]
fn word<S: Serializer>(limit: &Which, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(limit.as_str())
}

fn text<T: ToString, S: Serializer>(value: &Option<T>, to: S) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => to.serialize_str(&value.to_string()),
        None => to.serialize_none(),
    }
}
