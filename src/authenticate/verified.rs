//! Somebody who proved who they are.

use super::failure::Failure;
use crate::directory::Entry;
use crate::model::{Account, PasswordEnd, TicketText};
use crate::store::StoreError;

/// What somebody proved it with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// A ticket together with the password of its login.
    Ticket,
    /// A password that the directory accepted in this request.
    Password,
    /// The kernel's word about a process of this machine, and an account with its name and its user id.
    Peer,
    /// Nothing, where the configuration asks for nothing.
    Nothing,
}

impl Proof {
    /// The word for this proof in logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ticket => "ticket",
            Self::Password => "password",
            Self::Peer => "peer",
            Self::Nothing => "none",
        }
    }
}

/// Somebody who proved in this request who they are. Only this room makes one.
#[derive(Debug)]
pub struct Verified {
    account: Account,
    entry: Entry,
    proof: Proof,
    password_end: Option<PasswordEnd>,
    ticket: Result<Option<TicketText>, StoreError>,
}

impl Verified {
    pub(super) fn new(
        account: Account,
        entry: Entry,
        proof: Proof,
        password_end: Option<PasswordEnd>,
        ticket: Result<Option<TicketText>, StoreError>,
    ) -> Self {
        Self {
            account,
            entry,
            proof,
            password_end,
            ticket,
        }
    }

    /// The account, under its canonical name.
    pub fn account(&self) -> &Account {
        &self.account
    }

    /// Its entry, as found in this request.
    pub fn entry(&self) -> &Entry {
        &self.entry
    }

    /// What it was proven with.
    pub fn proof(&self) -> Proof {
        self.proof
    }

    /// When the password will do no longer, as the directory said when it last took it; none if it did not say.
    pub fn password_end(&self) -> Option<PasswordEnd> {
        self.password_end
    }

    /// The new ticket for the reply; none if the client keeps the one it has.
    ///
    /// # Errors
    /// A new ticket was due and could not be kept. The proof stands without it: a full disk costs the
    /// directory more binds and shuts nobody out. It belongs into the log.
    pub fn ticket(&self) -> Result<Option<&TicketText>, &StoreError> {
        self.ticket.as_ref().map(Option::as_ref)
    }
}

/// What came of a proof that succeeded.
#[derive(Debug)]
pub enum Proven {
    /// Somebody who may go on.
    Verified(Verified),
    /// Somebody who has to change their password before anything else.
    ChangeOnly(ChangeOnly),
}

impl Proven {
    /// Whoever may go on.
    ///
    /// # Errors
    /// [`Failure::MustChange`] for somebody who may not.
    pub fn verified(self) -> Result<Verified, Failure> {
        match self {
            Self::Verified(verified) => Ok(verified),
            Self::ChangeOnly(_) => Err(Failure::MustChange),
        }
    }

    /// The account, under its canonical name.
    pub fn account(&self) -> &Account {
        match self {
            Self::Verified(verified) => &verified.account,
            Self::ChangeOnly(known) => &known.account,
        }
    }

    /// The new ticket for the reply; none if the client keeps the one it has. That of [`Proven::ChangeOnly`] is good
    /// only for the change.
    ///
    /// # Errors
    /// As [`Verified::ticket`].
    pub fn ticket(&self) -> Result<Option<&TicketText>, &StoreError> {
        match self {
            Self::Verified(verified) => verified.ticket(),
            Self::ChangeOnly(known) => known.ticket.as_ref().map(Option::as_ref),
        }
    }

    /// What it was proven with.
    pub fn proof(&self) -> Proof {
        match self {
            Self::Verified(verified) => verified.proof,
            // A ticket never stands for a password that must be changed.
            Self::ChangeOnly(_) => Proof::Password,
        }
    }
}

/// Somebody who proved to have a password that is good for nothing but being changed. No identity can be made of it,
/// and so no offer.
#[derive(Debug)]
pub struct ChangeOnly {
    account: Account,
    here: bool,
    ticket: Result<Option<TicketText>, StoreError>,
}

impl ChangeOnly {
    pub(super) fn new(account: Account, here: bool, ticket: Result<Option<TicketText>, StoreError>) -> Self {
        Self {
            account,
            here,
            ticket,
        }
    }

    /// Whether the password can be changed through this broker.
    pub fn is_changed_here(&self) -> bool {
        self.here
    }
}
