//! Somebody else's say before a password is checked.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use crate::model::TypedName;

/// What a gate answers, some time later.
pub type GateAnswer<'a> = Pin<Box<dyn Future<Output = Result<(), Closed>> + Send + 'a>>;

/// May refuse that the password of a name is checked. It is asked after the throttle, whose limits therefore bound how
/// often, and for no request that a ticket proves.
pub trait Gate: Send + Sync + fmt::Debug {
    /// Whether the password of this name may be checked.
    fn admit<'a>(&'a self, user: &'a TypedName) -> GateAnswer<'a>;
}

/// It may not be checked; the words are for the audit log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Closed(pub String);
