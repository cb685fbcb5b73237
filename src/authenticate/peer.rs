//! Users of this machine, whom the kernel knows.

use super::failure::Failure;
use super::login::Login;
use super::verified::{Proof, Verified};
use crate::directory::{AccountState, Entry, Key, Refusal};
use crate::model::{Now, PasswordEnd};
use crate::observe::{Stage, Stages};
use crate::socket::Peer;

/// The attribute with the numeric user id (RFC 2307 section 3), as entries have it.
const UID_NUMBER: &str = "uidnumber";

impl Login {
    /// Proves somebody by the kernel's word alone. The account is the one that the configured sources have under the
    /// name of this machine's user, and it must have that user's id there too: a user of this machine alone, who only
    /// has the name or only the id of somebody, is nobody here. No password is asked for, none is counted, and no
    /// ticket is given.
    ///
    /// # Errors
    /// Why it is nobody; all but [`Failure::Unavailable`] are answers about the user.
    pub async fn peer(&self, peer: &Peer, now: Now, stages: &Stages) -> Result<Verified, Failure> {
        let found = {
            let _search = stages.enter(Stage::Search);
            self.chain.find(peer.name(), now).await?
        };
        let Some(entry) = &found.entry else {
            return Err(found.unasked.map_or(Failure::Unknown, Failure::from));
        };
        if uid(entry) != Some(peer.uid()) {
            return Err(Failure::OtherUid(peer.uid()));
        }
        let account = found.account(entry);
        let refusal = match entry.state {
            AccountState::Active => {
                let end = entry.password_expires_in;
                let end = end.map(|left| PasswordEnd::At(now.plus(left)));
                return Ok(Verified::new(account, entry.clone(), Proof::Peer, end, Ok(None)));
            }
            AccountState::Locked => Refusal::Locked,
            AccountState::Disabled => Refusal::Disabled,
            AccountState::Expired => Refusal::Expired,
        };
        self.tickets.revoke(&account).await?;
        Err(Failure::Refused(refusal))
    }
}

/// The user id of an entry; none if it has no single one.
fn uid(entry: &Entry) -> Option<u32> {
    match &entry.key {
        Key::Uid(uid) => Some(*uid),
        Key::Dn(_) => match entry.attributes.get(UID_NUMBER).map(Vec::as_slice) {
            Some([uid]) => uid.parse().ok(),
            _ => None,
        },
        Key::Unproven => None,
    }
}
