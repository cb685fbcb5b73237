//! The id under which one decision stands in the logs.

use std::fmt;

/// A short random id, written with every decision, that a help desk can ask an admin to look up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DecisionId(u64);

/// Crockford's base 32: no `I`, `L`, `O` or `U`, so that an id read over the telephone arrives intact.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// Ten characters of five bits.
const DIGITS: u32 = 10;

impl DecisionId {
    /// An id from 50 of the bits given.
    pub fn from_random(bits: u64) -> Self {
        Self(bits & ((1 << (5 * DIGITS)) - 1))
    }
}

impl fmt::Display for DecisionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (0..DIGITS).rev().try_for_each(|place| {
            let digit = usize::try_from((self.0 >> (5 * place)) & 31).unwrap_or_default();
            write!(f, "{}", char::from(ALPHABET[digit]))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_ten_characters() {
        assert_eq!(DecisionId::from_random(0).to_string(), "0000000000");
        assert_eq!(DecisionId::from_random(u64::MAX).to_string(), "ZZZZZZZZZZ");
        assert_eq!(DecisionId::from_random(33).to_string(), "0000000011");
    }
}
