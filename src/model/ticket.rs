//! The text of a ticket as a client shows it.

use super::{Invalid, Secret, bounded};

/// Longest ticket text taken, in bytes; ours have 64.
const TICKET_BYTES_MAX: usize = 128;

/// The text of a ticket (X2Go's AUTHID): it opens what its owner may open, so it is a secret.
#[derive(Debug, Clone)]
pub struct TicketText(Secret);

impl TicketText {
    /// Takes 1 to 128 lower-case hexadecimal digits. X2Go Client sends a ticket unencoded, and upper-case
    /// letters could spell one of its commands.
    ///
    /// # Errors
    /// Says which bound was crossed.
    pub fn new(text: Secret) -> Result<Self, Invalid> {
        let what = "ticket";
        bounded(what, text.expose(), TICKET_BYTES_MAX)?;
        if !text
            .expose()
            .bytes()
            .all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
        {
            return Err(Invalid::Character {
                what,
                allowed: "lower-case hexadecimal digits",
            });
        }
        Ok(Self(text))
    }

    /// The text of a new ticket: 32 random bytes as 64 digits.
    pub fn from_random(bytes: &[u8; 32]) -> Self {
        Self(Secret::hexadecimal(bytes))
    }

    /// The text itself, for the reply to its owner and for hashing.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_texts_are_texts_that_are_taken() {
        let mut bytes = [0; 32];
        bytes[..2].copy_from_slice(&[0x0f, 0xa0]);
        let text = TicketText::from_random(&bytes);
        assert!(text.expose().starts_with("0fa000"));
        assert_eq!(text.expose().len(), 64);
        assert!(TicketText::new(Secret::new(text.expose().to_owned())).is_ok());
    }

    #[test]
    fn words_of_the_protocol_are_no_tickets() {
        for bad in ["", "SUSPEND", "ABC", "12 3", "g", &"a".repeat(129)] {
            assert!(TicketText::new(Secret::new(bad.to_owned())).is_err(), "{bad}");
        }
    }
}
