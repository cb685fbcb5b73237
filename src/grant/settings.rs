//! How keys are given.

use std::time::Duration;

use jiff::tz::TimeZone;

/// `[keys]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// How long a key opens its account: from the answer to a select until X2Go Client has logged in, with the
    /// questions it asks in between (which session, an unknown host key).
    pub lifetime: Duration,
    /// Whether a key counts only from the address that the select came from.
    pub from_client: bool,
    /// Whether clients that bring a public key of their own may have it placed.
    pub client_keys: bool,
    /// The time zone of hosts whose sshd does not know `Z` behind the end of a key, before OpenSSH 9.1; none for UTC
    /// with `Z`.
    pub expiry_zone: Option<TimeZone>,
    /// How many key pairs are kept ready.
    pub ready: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            lifetime: Duration::from_mins(2),
            from_client: false,
            client_keys: false,
            expiry_zone: None,
            ready: 32,
        }
    }
}
