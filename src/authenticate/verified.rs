//! Somebody who proved who they are.

use crate::directory::Entry;
use crate::model::{Account, TicketText};
use crate::store::StoreError;

/// What somebody proved it with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// A ticket together with the password of its login.
    Ticket,
    /// A password that the directory accepted in this request.
    Password,
    /// Nothing, where the configuration asks for nothing.
    Nothing,
}

impl Proof {
    /// The word for this proof in logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ticket => "ticket",
            Self::Password => "password",
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
    ticket: Result<Option<TicketText>, StoreError>,
}

impl Verified {
    pub(super) fn new(
        account: Account,
        entry: Entry,
        proof: Proof,
        ticket: Result<Option<TicketText>, StoreError>,
    ) -> Self {
        Self {
            account,
            entry,
            proof,
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

    /// The new ticket for the reply; none if the client keeps the one it has.
    ///
    /// # Errors
    /// A new ticket was due and could not be kept. The proof stands without it: a full disk costs the
    /// directory more binds and shuts nobody out. It belongs into the log.
    pub fn ticket(&self) -> Result<Option<&TicketText>, &StoreError> {
        self.ticket.as_ref().map(Option::as_ref)
    }
}
