//! What an identity needs of the place where groups live.

use std::future::Future;
use std::pin::Pin;

use crate::directory::{Directory, Entry, Host, Key, Unavailable};
use crate::model::Membership;

/// All groups of an entry, some time later, within the source's own deadline.
pub type Asked<'a> = Pin<Box<dyn Future<Output = Result<Vec<Membership>, Unavailable>> + Send + 'a>>;

/// A place where groups live.
pub trait Groups: Send + Sync {
    /// Every group of the entry, nested ones included where the source has them: all of them, or an error.
    fn memberships<'a>(&'a self, entry: &'a Entry) -> Asked<'a>;
}

/// The groups of a site's sources: those of an account are where the account lives.
pub struct GroupsOfSources {
    /// The LDAP directory, if there is one.
    pub directory: Option<Directory>,
    /// This host, if its users may log in.
    pub host: Option<Host>,
}

impl Groups for GroupsOfSources {
    fn memberships<'a>(&'a self, entry: &'a Entry) -> Asked<'a> {
        match (&entry.key, &self.directory, &self.host) {
            (Key::Dn(_), Some(directory), _) => Box::pin(directory.memberships(entry)),
            (Key::Uid(_), _, Some(host)) => Box::pin(host.memberships(entry)),
            // Nobody knows any of a name that nobody proved, and no rule can ask (`config` sees to it).
            (Key::Unproven, ..) => Box::pin(async { Ok(Vec::new()) }),
            _ => Box::pin(async {
                Err(Unavailable {
                    cause: format!("the groups of {} are in no configured source", entry.user),
                })
            }),
        }
    }
}

impl Groups for Directory {
    fn memberships<'a>(&'a self, entry: &'a Entry) -> Asked<'a> {
        Box::pin(Self::memberships(self, entry))
    }
}
