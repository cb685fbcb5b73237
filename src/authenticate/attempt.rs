//! One request's claim to be somebody.

use crate::model::{ClientAddress, Door, Now, Password, TicketText, TypedName};

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
}
