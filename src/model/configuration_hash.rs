//! Which configuration something was decided under.

use std::fmt;

/// How many bytes of the digest are kept: two configurations of one site do not share 48 bits by chance.
const BYTES: usize = 6;

/// A short name for one reading of the configuration: equal if its files and variables were, different
/// otherwise. It hides nothing and proves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ConfigurationHash([u8; BYTES]);

impl ConfigurationHash {
    /// The first bytes of a SHA-256 digest.
    pub fn from_digest(digest: [u8; 32]) -> Self {
        let mut bytes = [0; BYTES];
        for (to, from) in bytes.iter_mut().zip(digest) {
            *to = from;
        }
        Self(bytes)
    }
}

impl fmt::Display for ConfigurationHash {
    /// Twelve hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
