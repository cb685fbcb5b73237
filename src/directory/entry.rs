//! What the directory answers.

use crate::model::{Attributes, Dn, Now, UserName};

/// The entry of one user.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Its distinguished name, as the server gave it.
    pub dn: Dn,
    /// The canonical name.
    pub user: UserName,
    /// Whether the account may be used.
    pub state: AccountState,
    /// When the password was last changed, where the directory says so.
    pub password_changed: Option<Now>,
    /// All attributes that were asked for, by name in lower case.
    pub attributes: Attributes,
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

/// What a bind said about a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BindAnswer {
    /// It is right.
    Accepted,
    /// It is wrong, or the entry takes no password (RFC 4511 code 49 tells no difference).
    Wrong,
    /// The server refuses this account whatever the password (RFC 4511 codes 19, 50, 53 and the like).
    Refused,
}

/// The directory could not be asked, or did not answer in full. Never mixed up with an answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("directory unavailable: {cause}")]
pub struct Unavailable {
    /// The cause in the admin's words: which server, which operation, what happened.
    pub cause: String,
}
