//! Who may ask: root, the daemon's own user, and the members of one group of this machine.
//!
//! The kernel says with which user and group a process connected. Further groups are looked up for that user in the
//! machine's group database, so that a new member need not log in again.

use nix::unistd::Uid;
use tokio::net::unix::UCred;

use crate::socket::Lookups;

/// Decides who may ask.
#[derive(Debug)]
pub(super) struct Admission {
    group: String,
    lookups: Lookups,
}

impl Admission {
    /// Admits the members of this group, if there is such a group.
    pub(super) fn new(group: String) -> Self {
        Self {
            group,
            lookups: Lookups::default(),
        }
    }

    /// Whether the peer may ask. What cannot be found out in time speaks against it.
    pub(super) async fn admits(&self, peer: &UCred) -> bool {
        let uid = Uid::from_raw(peer.uid());
        if uid.is_root() || uid == Uid::effective() {
            return true;
        }
        let member = self.lookups.is_member(peer, &self.group).await;
        member.unwrap_or_else(|error| {
            tracing::warn!(uid = peer.uid(), "refused at the admin socket: {error}");
            false
        })
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
