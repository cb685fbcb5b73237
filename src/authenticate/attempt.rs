//! One request's claim to be somebody.

use super::gate::Gate;
use crate::model::{ClientAddress, Door, Network, Now, Password, TicketText, TypedName};
use crate::observe::Stages;

/// What a request shows, and where and when it came in.
#[derive(Debug, Clone, Copy)]
pub struct Attempt<'a> {
    /// The name as typed.
    pub user: &'a TypedName,
    /// The password; an empty one is none.
    pub password: Option<&'a Password>,
    /// The ticket. X2Go Client keeps its ticket over a logout, so it may be another user's.
    pub ticket: Option<&'a TicketText>,
    /// The front end.
    pub door: Door,
    /// The client.
    pub client: ClientAddress,
    /// When the request came in.
    pub now: Now,
    /// Where it is noted how long what takes.
    pub stages: &'a Stages,
    /// Who has a say before the password is checked.
    pub gate: Option<&'a dyn Gate>,
}

impl<'a> Attempt<'a> {
    /// What makes a ticket count beside its own text: the password of its login, and nothing at the JSON door, whose
    /// clients forget the password once they have a ticket. None if it is not there. A password at the JSON door is
    /// to be checked, whatever ticket comes with it: somebody's own ticket must not carry guesses at another's past
    /// the throttle.
    pub(super) fn beside_ticket(&self) -> Option<&'a [u8]> {
        match self.door {
            Door::Json if self.password.is_some() => None,
            Door::Plain if self.password.is_none() => None,
            // Nobody is given a ticket there.
            Door::Ssh | Door::Uccs => None,
            Door::Json | Door::Plain => Some(self.kept_beside_ticket()),
        }
    }

    /// The same for the ticket that this attempt gets.
    pub(super) fn kept_beside_ticket(&self) -> &'a [u8] {
        match (self.door, self.password) {
            (Door::Plain, Some(password)) => password.expose().as_bytes(),
            (Door::Json | Door::Plain | Door::Ssh | Door::Uccs, _) => &[],
        }
    }

    /// The network that a ticket of this attempt is bound to. One that counts without a password always is, whatever
    /// the settings say.
    pub(super) fn ticket_network(&self, bound: bool) -> Option<Network> {
        (bound || self.door == Door::Json).then(|| self.client.network())
    }
}
