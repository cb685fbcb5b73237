//! What the rules see of a request.

use crate::model::{ClientAddress, Now};

/// What the rules see of a request besides the person who makes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Context {
    /// Where the client is. Nothing means unknown, which never helps: an allow rule with `clients` does not
    /// match, a deny rule with `clients` does.
    pub client: Option<ClientAddress>,
    /// When it comes. Nothing means unknown, which never helps either: an allow rule with `hours` does not
    /// match, a deny rule with `hours` does.
    pub now: Option<Now>,
}
