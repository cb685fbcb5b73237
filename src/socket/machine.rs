//! What this machine's user database says of whoever connected.

use std::ffi::CString;
use std::sync::Arc;
use std::time::Duration;

use nix::errno::Errno;
use nix::unistd::{Gid, Group, Uid, User, getgrouplist};
use tokio::net::unix::UCred;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::model::TypedName;

/// Longest wait for the database, which may be a directory, and for one's turn to ask it.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(3);
/// Lookups at a time. One that hangs keeps its thread; beyond these, nobody is looked up until it ends.
const LOOKUPS_MAX: usize = 4;

/// Whom the kernel gives for a user that it has no id for (user_namespaces(7)), such as one of a container.
const OVERFLOW_UID: u32 = 65_534;

/// The user of a process of this machine that connected: the id is the kernel's word (unix(7), `SO_PEERCRED`), the
/// name that of this machine's user database. Only this room makes one, and only of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    uid: u32,
    name: TypedName,
}

impl Peer {
    /// The numeric user id.
    pub fn uid(&self) -> u32 {
        self.uid
    }

    /// The name that this machine has for that id.
    pub fn name(&self) -> &TypedName {
        &self.name
    }

    /// Somebody who did not connect.
    #[cfg(test)]
    pub(crate) fn supposed(uid: u32, name: &str) -> Self {
        let name = TypedName::new(name).unwrap();
        Self { uid, name }
    }
}

/// Looks users and groups up without holding up anything else.
#[derive(Debug)]
pub struct Lookups {
    turns: Arc<Semaphore>,
}

/// Why somebody was not looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LookupError {
    /// The database says that it failed.
    #[error("this machine's user database failed: {0}")]
    Failed(Errno),
    /// It did not answer.
    #[error("this machine's user database did not answer within {LOOKUP_TIMEOUT:?}")]
    Late,
}

impl Default for Lookups {
    fn default() -> Self {
        Self {
            turns: Arc::new(Semaphore::new(LOOKUPS_MAX)),
        }
    }
}

impl Lookups {
    /// Whether whoever connected is in a group, by the group of the process or by the database. False if there is no
    /// such group.
    ///
    /// # Errors
    /// It could not be found out in time.
    pub async fn is_member(&self, peer: &UCred, group: &str) -> Result<bool, LookupError> {
        let (uid, gid, group) = (
            Uid::from_raw(peer.uid()),
            Gid::from_raw(peer.gid()),
            group.to_owned(),
        );
        self.look_up(move || is_member(uid, gid, &group)).await
    }

    /// Whoever connected, under the name that the database has for them; none if it has none.
    ///
    /// # Errors
    /// It could not be found out in time.
    pub async fn peer(&self, peer: &UCred) -> Result<Option<Peer>, LookupError> {
        let uid = peer.uid();
        if uid == OVERFLOW_UID {
            return Ok(None);
        }
        let user = self.look_up(move || User::from_uid(Uid::from_raw(uid))).await?;
        let name = user.and_then(|user| TypedName::new(&user.name).ok());
        Ok(name.map(|name| Peer { uid, name }))
    }

    /// Whether the database has somebody in one of these groups, those that there are. The group of the process does
    /// not count: a program may give it.
    ///
    /// # Errors
    /// It could not be found out in time.
    pub async fn is_listed(&self, peer: &Peer, groups: &[String]) -> Result<bool, LookupError> {
        let (uid, groups) = (Uid::from_raw(peer.uid), groups.to_vec());
        self.look_up(move || {
            let there = groups
                .iter()
                .filter_map(|name| Group::from_name(name).transpose());
            let there: Vec<Group> = there.collect::<nix::Result<_>>()?;
            is_listed(uid, &there)
        })
        .await
    }

    async fn look_up<T: Send + 'static>(
        &self,
        lookup: impl FnOnce() -> nix::Result<T> + Send + 'static,
    ) -> Result<T, LookupError> {
        let answer = async {
            let turn = Arc::clone(&self.turns).acquire_owned().await.ok()?;
            let asking = tokio::task::spawn_blocking(move || {
                let _turn = turn;
                lookup()
            });
            asking.await.ok()
        };
        match timeout(LOOKUP_TIMEOUT, answer).await {
            Ok(Some(answer)) => answer.map_err(LookupError::Failed),
            Ok(None) | Err(_) => Err(LookupError::Late),
        }
    }
}

/// Whether a user is in a group, by the group of the process or by the database.
fn is_member(uid: Uid, gid: Gid, group: &str) -> nix::Result<bool> {
    let Some(group) = Group::from_name(group)? else {
        return Ok(false);
    };
    Ok(gid == group.gid || is_listed(uid, &[group])?)
}

/// Whether a user is in one of these groups by the database.
fn is_listed(uid: Uid, groups: &[Group]) -> nix::Result<bool> {
    let Some(user) = User::from_uid(uid)? else {
        return Ok(false);
    };
    let Ok(name) = CString::new(user.name) else {
        return Ok(false);
    };
    let of_user = getgrouplist(&name, user.gid)?;
    Ok(groups.iter().any(|group| of_user.contains(&group.gid)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_those_of_the_machine() {
        // base-passwd: root is in root, and nobody is in nogroup.
        for (uid, gid, group, expected) in [
            (0, 1, "root", true),
            (65_534, 65_534, "root", false),
            (65_534, 0, "root", true),
            (65_534, 65_534, "no-such-group", false),
            (4_000_000_000, 1, "root", false),
        ] {
            let found = is_member(Uid::from_raw(uid), Gid::from_raw(gid), group);
            assert_eq!(found, Ok(expected), "{uid} {gid} {group}");
        }
    }

    #[tokio::test]
    async fn a_database_that_hangs_is_waited_for_so_long_and_no_longer() {
        let lookups = Arc::new(Lookups::default());
        let (release, hanging) = std::sync::mpsc::channel::<()>();
        let hanging = Arc::new(std::sync::Mutex::new(hanging));
        tokio::time::pause();
        let asking: Vec<_> = (0..=LOOKUPS_MAX)
            .map(|_| {
                let (lookups, hanging) = (Arc::clone(&lookups), Arc::clone(&hanging));
                let lookup = move || {
                    let _ = hanging.lock().map(|hanging| hanging.recv());
                    Ok(())
                };
                tokio::spawn(async move { lookups.look_up(lookup).await })
            })
            .collect();
        // All of them have begun to wait before time goes on.
        tokio::task::yield_now().await;
        tokio::time::advance(LOOKUP_TIMEOUT * 2).await;
        for asked in asking {
            assert_eq!(asked.await.unwrap(), Err(LookupError::Late));
        }
        drop(release);
        tokio::time::resume();
        assert_eq!(lookups.look_up(|| Ok(7)).await, Ok(7));
    }
}
