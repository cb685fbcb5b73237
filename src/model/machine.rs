//! What a host is reached under, whatever its farms call it.

use std::fmt;

use super::HostAddress;

/// An SSH server: a DNS name in lower case (RFC 4343) or an IPv4 address, and a port.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Machine {
    address: String,
    port: u16,
}

impl Machine {
    /// The machine at this address and port.
    pub fn new(address: &HostAddress, port: u16) -> Self {
        Self {
            address: address.as_str().to_ascii_lowercase(),
            port,
        }
    }

    /// The name or address.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.address, self.port)
    }
}
