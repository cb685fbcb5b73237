//! What the directory answers.

use std::time::Duration;

use crate::model::{Attributes, Dn, Now, UserName};
use crate::pam_worker::Refusal as PamRefusal;

/// The entry of one user.
#[derive(Debug, Clone)]
pub struct Entry {
    /// What the source knows the entry by.
    pub key: Key,
    /// The canonical name.
    pub user: UserName,
    /// Whether the account may be used.
    pub state: AccountState,
    /// When the password was last changed, where the directory says so.
    pub password_changed: Option<Now>,
    /// How long the password will do, where the entry says so.
    pub password_expires_in: Option<Duration>,
    /// All attributes that were asked for, by name in lower case.
    pub attributes: Attributes,
}

/// What a source knows an entry by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Key {
    /// The distinguished name, as the LDAP server gave it.
    Dn(Dn),
    /// The numeric user id of an account of this host (`getpwnam(3)`).
    Uid(u32),
    /// Nothing: the name stands for itself, and no source was asked.
    Unproven,
}

impl Entry {
    /// The distinguished name.
    ///
    /// # Errors
    /// The entry is of a source that has none.
    pub(super) fn dn(&self) -> Result<&Dn, Unavailable> {
        match &self.key {
            Key::Dn(dn) => Ok(dn),
            Key::Uid(uid) => Err(Unavailable {
                cause: format!("the account with uid {uid} is none of the LDAP directory"),
            }),
            Key::Unproven => Err(Unavailable {
                cause: "the account is none of the LDAP directory".to_owned(),
            }),
        }
    }
}

/// Whether an account may be used, from the attributes of its entry alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountState {
    /// Nothing speaks against it.
    Active,
    /// Locked after failures; it may open again by itself, which the server knows and we do not.
    Locked,
    /// Disabled by an administrator.
    Disabled,
    /// Past the end of its life.
    Expired,
}

/// What a source said about a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PasswordAnswer {
    /// It is right.
    Accepted(PasswordState),
    /// It is wrong, or the entry takes no password (RFC 4511 code 49 tells no difference).
    Wrong,
    /// The source refuses this account whatever the password.
    Refused(Refusal),
}

/// How long a password that is right will do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PasswordState {
    /// As long as is known.
    Valid,
    /// It expires in this time.
    Expires(Duration),
    /// It has expired, and still counts for this many logins.
    Grace(u32),
    /// It is good for nothing but being changed: expired, or set by an administrator.
    MustChange,
    /// The same, but the source does not let its owner change it by the way it is asked: the owner has to change it
    /// elsewhere, or an administrator to set another.
    MustChangeElsewhere,
}

/// Why a source refuses an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Locked after failures: whether the password was right cannot be known.
    #[error("account locked")]
    Locked,
    /// Disabled by an administrator.
    #[error("account disabled")]
    Disabled,
    /// Past the end of its life.
    #[error("account expired")]
    Expired,
    /// May not log in at this time.
    #[error("account may not log in at this hour")]
    Hours,
    /// May not log in from here.
    #[error("account may not log in from this workstation")]
    Workstation,
    /// PAM refuses it.
    #[error("{0}")]
    Pam(PamRefusal),
    /// The source gives no other reason (RFC 4511 codes 19, 50, 53 and the like).
    #[error("account refused by the directory")]
    Unsaid,
}

/// The directory could not be asked, or did not answer in full. Never mixed up with an answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("directory unavailable: {cause}")]
pub struct Unavailable {
    /// The cause in the admin's words: which server, which operation, what happened.
    pub cause: String,
}
