//! Who may ask: root, the daemon's own user, and the members of one group of this machine.
//!
//! The kernel says with which user and group a process connected (unix(7), `SO_PEERCRED`). Further groups are
//! looked up for that user in the machine's group database, so that a new member need not log in again.

use std::sync::Arc;
use std::time::Duration;

use nix::unistd::{Gid, Group, Uid, User, getgrouplist};
use tokio::net::unix::UCred;
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// Longest wait for the machine's group database, which may be a directory.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(3);
/// Lookups at a time. One that hangs keeps its thread; beyond these, members of the group have to wait for it.
const LOOKUPS_MAX: usize = 4;

/// Decides who may ask.
#[derive(Debug)]
pub(super) struct Admission {
    group: String,
    lookups: Arc<Semaphore>,
}

impl Admission {
    /// Admits the members of this group, if there is such a group.
    pub(super) fn new(group: String) -> Self {
        Self {
            group,
            lookups: Arc::new(Semaphore::new(LOOKUPS_MAX)),
        }
    }

    /// Whether the peer may ask. What cannot be found out in time speaks against it.
    pub(super) async fn admits(&self, peer: &UCred) -> bool {
        let uid = Uid::from_raw(peer.uid());
        if uid.is_root() || uid == Uid::effective() {
            return true;
        }
        let Ok(turn) = Arc::clone(&self.lookups).try_acquire_owned() else {
            tracing::warn!(uid = peer.uid(), "too many ask at the admin socket at once");
            return false;
        };
        let (group, gid) = (self.group.clone(), Gid::from_raw(peer.gid()));
        let lookup = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            is_member(uid, gid, &group)
        });
        match timeout(LOOKUP_TIMEOUT, lookup).await {
            Ok(Ok(Ok(member))) => member,
            Ok(Ok(Err(error))) => {
                tracing::warn!(uid = peer.uid(), %error, "groups cannot be looked up");
                false
            }
            Ok(Err(_)) | Err(_) => {
                tracing::warn!(uid = peer.uid(), "groups were not looked up in time");
                false
            }
        }
    }

    /// What somebody is told who may not ask.
    pub(super) fn refusal(&self) -> String {
        format!(
            "only root, the user that runs the daemon and members of the group {} may ask it; as root run: \
             usermod -a -G {} USER",
            self.group, self.group
        )
    }
}

/// Whether a user is in a group, by the group of the process or by the group database.
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
    let Ok(name) = std::ffi::CString::new(user.name) else {
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
        assert_eq!(is_member(Uid::from_raw(0), Gid::from_raw(1), "root"), Ok(true));
        assert_eq!(
            is_member(Uid::from_raw(65534), Gid::from_raw(65534), "root"),
            Ok(false)
        );
        assert_eq!(
            is_member(Uid::from_raw(65534), Gid::from_raw(0), "root"),
            Ok(true)
        );
        assert_eq!(
            is_member(Uid::from_raw(65534), Gid::from_raw(0), "no-such-group"),
            Ok(false)
        );
        assert_eq!(
            is_member(Uid::from_raw(4_000_000_000), Gid::from_raw(1), "root"),
            Ok(false)
        );
    }
}
