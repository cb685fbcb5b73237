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

    /// The text itself, for the reply to its owner and for hashing.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}
