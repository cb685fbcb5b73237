//! Names of farms and hosts, and the addresses that clients dial.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use super::{Invalid, bounded};

/// Longest name of a farm or a host in conf.d, in bytes.
const LABEL_BYTES_MAX: usize = 64;
/// Longest DNS name in text form, in bytes (RFC 1035 section 2.3.4).
const DNS_NAME_BYTES_MAX: usize = 253;

fn label(what: &'static str, text: &str) -> Result<String, Invalid> {
    bounded(what, text, LABEL_BYTES_MAX)?;
    if !text
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
    {
        return Err(Invalid::Character {
            what,
            allowed: "letters, digits, `.`, `_` and `-`",
        });
    }
    Ok(text.to_owned())
}

/// The name of a farm: `[farm.NAME]`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
pub struct FarmName(String);

impl FarmName {
    /// Takes 1 to 64 letters, digits, `.`, `_` and `-`.
    ///
    /// # Errors
    /// Says which bound was crossed.
    pub fn new(text: &str) -> Result<Self, Invalid> {
        label("farm name", text).map(Self)
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for FarmName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The name of a host within its farm: `[farm.NAME.hosts.HOST]`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HostName(String);

impl HostName {
    /// Takes 1 to 64 letters, digits, `.`, `_` and `-`.
    ///
    /// # Errors
    /// Says which bound was crossed.
    pub fn new(text: &str) -> Result<Self, Invalid> {
        label("host name", text).map(Self)
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where a client dials a host: a DNS name or an IPv4 address. X2Go Client splits the SERVER line at `:`, so
/// an IPv6 literal cannot be told to it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HostAddress(String);

impl HostAddress {
    /// Takes a DNS name (letters, digits, `.`, `_`, `-`; at most 253 bytes) or an IPv4 address.
    ///
    /// # Errors
    /// Says which bound was crossed.
    pub fn new(text: &str) -> Result<Self, Invalid> {
        let what = "host address";
        bounded(what, text, DNS_NAME_BYTES_MAX)?;
        if text.trim_matches(['[', ']']).parse::<Ipv6Addr>().is_ok() {
            return Err(Invalid::Meaning {
                what,
                why: "is an IPv6 address, which X2Go Client cannot dial; write a DNS name that has it",
            });
        }
        if !text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
            || text.starts_with('-')
        {
            return Err(Invalid::Character {
                what,
                allowed: "a DNS name or an IPv4 address",
            });
        }
        let numeric = text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        if numeric && text.parse::<Ipv4Addr>().is_err() {
            return Err(Invalid::Meaning {
                what,
                why: "is not a whole IPv4 address; write it like 10.0.2.11",
            });
        }
        Ok(Self(text.to_owned()))
    }

    /// The address as the client is told it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for HostAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_addresses_are_what_a_client_can_dial() {
        for good in ["ts01", "ts01.example.org", "10.0.2.11", "x2go_lab-1"] {
            assert!(HostAddress::new(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "::1",
            "[2001:db8::1]",
            "ts01:22",
            "10.0.2",
            "a b",
            "-oProxyCommand=x",
            "a\nb",
            "!ts01",
        ] {
            assert!(HostAddress::new(bad).is_err(), "{bad}");
        }
    }
}
