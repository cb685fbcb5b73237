//! What `[authentication]` says, already checked.

use std::time::Duration;

use crate::model::Source;

/// The settings of the login path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The methods in the order they are asked.
    pub methods: Vec<Source>,
    /// How long after its login a ticket ends whatever happens.
    pub ticket_lifetime: Duration,
    /// How long a ticket lasts without being used.
    pub ticket_idle: Duration,
    /// Whether a ticket counts only from the client network it was issued to.
    pub bind_ticket_to_client: bool,
}
