//! What a host shows when it asks for keys.

use super::{Invalid, Secret};

/// Digits of a credential: 32 random bytes.
const DIGITS: usize = 64;

/// The secret by which an X2Go host is known when it asks which keys open an account.
#[derive(Debug, Clone)]
pub struct HostCredential(Secret);

impl HostCredential {
    /// Takes 64 lower-case hexadecimal digits.
    ///
    /// # Errors
    /// It is something else; never the text.
    pub fn new(text: Secret) -> Result<Self, Invalid> {
        let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if text.expose().len() != DIGITS || !text.expose().bytes().all(is_digit) {
            return Err(Invalid::Meaning {
                what: "host credential",
                why: "is no line of 64 lower-case hexadecimal digits, as `x2godirector host-credential add` prints it",
            });
        }
        Ok(Self(text))
    }

    /// A new one.
    pub fn from_random(bytes: &[u8; 32]) -> Self {
        Self(Secret::hexadecimal(bytes))
    }

    /// The text itself, for its host and for hashing.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_ones_are_taken_and_nothing_else_is() {
        let credential = HostCredential::from_random(&[0xa0; 32]);
        assert_eq!(format!("{credential:?}"), "HostCredential(…)");
        assert!(HostCredential::new(Secret::new(credential.expose().to_owned())).is_ok());
        for bad in [
            String::new(),
            "a0".repeat(31),
            "a0".repeat(33),
            "A0".repeat(32),
            "a ".repeat(32),
        ] {
            assert!(HostCredential::new(Secret::new(bad)).is_err());
        }
    }
}
