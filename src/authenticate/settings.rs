//! What `[authentication]` says, already checked.

use std::sync::Arc;
use std::time::Duration;

use super::limits::Limits;

/// A way of proving a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// A bind at the LDAP directory (RFC 4513 section 5.1).
    Ldap,
    /// The PAM service of this host.
    Pam,
    /// None at all: every name is taken for what it says. Stands alone.
    Unproven,
}

impl Method {
    /// The method of that name in conf.d.
    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "ldap" => Some(Self::Ldap),
            "pam" => Some(Self::Pam),
            "none" => Some(Self::Unproven),
            _ => None,
        }
    }
}

/// The settings of the login path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The methods in the order they are asked.
    pub methods: Vec<Method>,
    /// How long after its login a ticket ends whatever happens.
    pub ticket_lifetime: Duration,
    /// How long a ticket lasts without being used.
    pub ticket_idle: Duration,
    /// Whether a ticket counts only from the client network it was issued to.
    pub bind_ticket_to_client: bool,
    /// Whom the throttle refuses.
    pub throttle: Arc<Limits>,
}

impl Settings {
    /// Whether nobody proves anything.
    pub fn is_unproven(&self) -> bool {
        self.methods.contains(&Method::Unproven)
    }
}
