//! Why nobody was proven.

use super::gate::Closed;
use super::throttle::Refused;
use crate::directory::{Refusal, Unavailable};
use crate::store::StoreError;

/// Why a login failed, for the audit log. A client is told none of it: every failure looks the same.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// No name came, and names are to be proven.
    #[error("no user name")]
    NoName,
    /// No password came, so nothing was asked of anybody.
    #[error("no password")]
    NoPassword,
    /// The configuration asks for no password, so there is none to change.
    #[error("authentication is \"none\"")]
    NothingProven,
    /// The directory has no such user.
    #[error("unknown user")]
    Unknown,
    /// The account of that name is not the one of this machine.
    #[error(
        "this machine's user has the uid {0}, and the account of that name has another or none where accounts are \
         looked for"
    )]
    OtherUid(u32),
    /// The password is wrong.
    #[error("wrong password")]
    Wrong,
    /// The same password of the same user was wrong a moment ago and was not tried again.
    #[error("the same wrong password again")]
    RepeatedWrong,
    /// Too many logins failed; nothing was asked of anybody, or nothing but who is meant.
    #[error("{0}")]
    Throttled(Refused),
    /// A program of the site refused it, or gave no answer; nothing was asked of anybody else.
    #[error("{0}")]
    Closed(Closed),
    /// The source or the state of the account refuses it whatever the password.
    #[error("{0}")]
    Refused(Refusal),
    /// The password is right, and good for nothing but being changed.
    #[error("the password must be changed")]
    MustChange,
    /// A request that only a ticket opens came without one that counts.
    #[error("no valid ticket")]
    TicketInvalid,
    /// It could not be found out; says nothing about the user or the password.
    #[error("{cause}")]
    Unavailable {
        /// What could not be reached, in the admin's words.
        cause: String,
    },
}

impl From<Unavailable> for Failure {
    fn from(error: Unavailable) -> Self {
        Self::Unavailable {
            cause: error.to_string(),
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Unavailable {
            cause: error.to_string(),
        }
    }
}
