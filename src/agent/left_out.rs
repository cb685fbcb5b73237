//! Lines that a host should not have listed.

use std::fmt;

/// How many lines of a user's sessions are not given on, by what is wrong with them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct LeftOut {
    /// Those of another user.
    pub of_others: usize,
    /// Those with control characters.
    pub with_control_characters: usize,
    /// Those with words of the broker protocol.
    pub with_protocol_words: usize,
    /// Those that cannot be read, and those of a session that stood there already.
    pub unreadable: usize,
}

impl LeftOut {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [
            (self.of_others, "of another user"),
            (self.with_control_characters, "with control characters"),
            (self.with_protocol_words, "with words of the broker protocol"),
            (self.unreadable, "that cannot be read or stand there twice"),
        ];
        let mut separator = "";
        for (count, what) in parts.into_iter().filter(|(count, _)| *count > 0) {
            let lines = if count == 1 { "line" } else { "lines" };
            write!(f, "{separator}{count} {lines} {what}")?;
            separator = ", ";
        }
        Ok(())
    }
}
