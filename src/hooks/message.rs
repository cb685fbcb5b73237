//! What goes over the socket: one question and one answer for each connection.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Longest question, in bytes: 4,000 groups fit.
pub(super) const QUESTION_BYTES_MAX: usize = 512 << 10;
/// Longest answer of a program, in bytes.
pub(super) const OUTPUT_BYTES_MAX: usize = 64 << 10;
/// Longest message of the worker: an answer, of which every byte may need six as JSON.
pub(super) const TOLD_BYTES_MAX: usize = 6 * OUTPUT_BYTES_MAX + 1024;

/// What the daemon asks the worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// Whose program is meant: a word of [`super::Moment`].
    pub moment: String,
    /// What the program reads.
    pub input: String,
}

/// What the worker tells the daemon.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Told {
    /// What the program wrote, not looked at yet.
    Wrote(String),
    /// Why there is nothing.
    Failed(String),
}

impl Asked {
    pub(super) fn encode(&self) -> Vec<u8> {
        encode(self)
    }

    /// # Errors
    /// It is no such message.
    pub fn decode(bytes: &[u8]) -> Result<Self, String> {
        decode(bytes)
    }
}

impl Told {
    pub(super) fn encode(&self) -> Vec<u8> {
        encode(self)
    }

    /// # Errors
    /// It is no such message.
    pub fn decode(bytes: &[u8]) -> Result<Self, String> {
        decode(bytes)
    }
}

/// Strings alone: nothing in them can fail to be written.
fn encode(message: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(message).unwrap_or_default()
}

fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    serde_json::from_slice(bytes).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_answer_fits_whatever_it_is_made_of() {
        let worst = Told::Wrote("\u{1}".repeat(OUTPUT_BYTES_MAX)).encode();
        assert!(worst.len() <= TOLD_BYTES_MAX);
        assert!(matches!(Told::decode(&worst), Ok(Told::Wrote(text)) if text.len() == OUTPUT_BYTES_MAX));
    }
}
