//! What an identity needs of the place where groups live.

use std::future::Future;
use std::pin::Pin;

use crate::directory::{Directory, Entry, Unavailable};
use crate::model::Membership;

/// All groups of an entry, some time later, within the source's own deadline.
pub type Asked<'a> = Pin<Box<dyn Future<Output = Result<Vec<Membership>, Unavailable>> + Send + 'a>>;

/// A place where groups live.
pub trait Groups: Send + Sync {
    /// Every group of the entry, nested ones included where the source has them: all of them, or an error.
    fn memberships<'a>(&'a self, entry: &'a Entry) -> Asked<'a>;
}

/// A place without groups, for names that nobody proved.
pub struct NoGroups;

impl Groups for NoGroups {
    fn memberships<'a>(&'a self, _entry: &'a Entry) -> Asked<'a> {
        Box::pin(async { Ok(Vec::new()) })
    }
}

impl Groups for Directory {
    fn memberships<'a>(&'a self, entry: &'a Entry) -> Asked<'a> {
        Box::pin(Self::memberships(self, entry))
    }
}
