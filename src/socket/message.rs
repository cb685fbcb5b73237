//! The form of requests and replies: a line of JSON with a version before anything else.
//!
//! ```text
//! {"version":1,"body":…}
//! ```

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::error::Category;

/// What every message begins with.
#[derive(Serialize, Deserialize)]
struct Envelope<T> {
    version: u32,
    body: T,
}

/// The version alone, which is read before anything that may have changed with it.
#[derive(Deserialize)]
struct Versioned {
    version: u32,
}

/// Why a message cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadMessage {
    /// It is of another version of this program.
    #[error(
        "it speaks version {theirs} of this protocol and this program {ours}; restart the daemon after an upgrade"
    )]
    Version {
        /// The version of the other side.
        theirs: u32,
        /// The version of this program.
        ours: u32,
    },
    /// It is no message.
    #[error("it is no message of this protocol: {0}")]
    Malformed(String),
}

/// The line of a message, with its end.
///
/// # Errors
/// The body is nothing that JSON has.
pub fn encode<T: Serialize>(version: u32, body: T) -> Result<Vec<u8>, serde_json::Error> {
    let mut line = serde_json::to_vec(&Envelope { version, body })?;
    line.push(b'\n');
    Ok(line)
}

/// The message of a line.
///
/// # Errors
/// It is of another version, or none.
pub fn decode<T: DeserializeOwned>(ours: u32, line: &[u8]) -> Result<T, BadMessage> {
    let malformed = |error: serde_json::Error| BadMessage::Malformed(fault(&error));
    let Versioned { version: theirs } = serde_json::from_slice(line).map_err(malformed)?;
    if theirs != ours {
        return Err(BadMessage::Version { theirs, ours });
    }
    let Envelope { body, .. } = serde_json::from_slice(line).map_err(malformed)?;
    Ok(body)
}

/// What is wrong, without a word of the message: there may be a password in it.
fn fault(error: &serde_json::Error) -> String {
    let what = match error.classify() {
        Category::Data => "something else belongs",
        Category::Io | Category::Syntax | Category::Eof => "this is not JSON",
    };
    format!("{what} at byte {}", error.column())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_one_line_and_read_back() {
        let body = "a\nb\"\u{2028}".to_owned();
        let line = encode(7, &body).unwrap();
        assert_eq!(line.iter().filter(|byte| **byte == b'\n').count(), 1);
        assert_eq!(decode::<String>(7, &line), Ok(body));
        assert_eq!(
            encode(1, "status").unwrap(),
            b"{\"version\":1,\"body\":\"status\"}\n"
        );
    }

    #[test]
    fn another_version_is_said_to_be_one_whatever_its_body_is() {
        let other = decode::<String>(1, b"{\"version\":2,\"body\":{\"new\":1},\"more\":2}");
        assert_eq!(other, Err(BadMessage::Version { theirs: 2, ours: 1 }));
        for bad in [&b""[..], b"{}", b"[1]", b"{\"version\":1,\"body\":1}", b"\xff"] {
            let read = decode::<String>(1, bad);
            assert!(matches!(read, Err(BadMessage::Malformed(_))), "{bad:?}");
        }
        let secret = decode::<u32>(1, b"{\"version\":1,\"body\":\"Secret\"}").unwrap_err();
        assert_eq!(
            secret.to_string(),
            "it is no message of this protocol: something else belongs at byte 28"
        );
    }
}
