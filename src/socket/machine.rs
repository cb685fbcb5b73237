//! What this machine's user database says of whoever connected.

use std::ffi::CString;
use std::sync::Arc;
use std::time::Duration;

use nix::errno::Errno;
use nix::unistd::{Gid, Group, Uid, User, getgrouplist};
use tokio::net::unix::UCred;
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// Longest wait for the database, which may be a directory, and for one's turn to ask it.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(3);
/// Lookups at a time. One that hangs keeps its thread; beyond these, nobody is looked up until it ends.
const LOOKUPS_MAX: usize = 4;

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
    if gid == group.gid {
        return Ok(true);
    }
    let Some(user) = User::from_uid(uid)? else {
        return Ok(false);
    };
    let Ok(name) = CString::new(user.name) else {
        return Ok(false);
    };
    Ok(getgrouplist(&name, user.gid)?.contains(&group.gid))
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
        let lookups = Lookups::default();
        let (release, hanging) = std::sync::mpsc::channel::<()>();
        let hanging = Arc::new(std::sync::Mutex::new(hanging));
        tokio::time::pause();
        for _ in 0..=LOOKUPS_MAX {
            let hanging = Arc::clone(&hanging);
            let asked = lookups.look_up(move || {
                let _ = hanging.lock().map(|hanging| hanging.recv());
                Ok(())
            });
            assert_eq!(asked.await, Err(LookupError::Late));
        }
        drop(release);
        tokio::time::resume();
        assert_eq!(lookups.look_up(|| Ok(7)).await, Ok(7));
    }
}
