//! What goes over the socket.
//!
//! ```text
//! {"version":1,"body":{"words":["--user","bob","--task","listsessions"],"client":"192.0.2.7"}}
//! {"version":1,"body":"Access granted\n…"}
//! ```

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use zeroize::Zeroize;

use crate::socket::{self, BadMessage};

/// The version of these messages.
const VERSION: u32 = 1;
/// Longest request, in bytes: words of 16 KiB, each byte of them escaped.
pub(super) const REQUEST_BYTES_MAX: usize = 128 << 10;
/// Longest reply, in bytes: hundreds of profiles with icons.
pub(super) const REPLY_BYTES_MAX: usize = 16 << 20;

/// What somebody asks. It is wiped when dropped, as a new password may be among the words.
#[derive(Serialize, Deserialize)]
pub(super) struct Request {
    /// The words of the command line, without its program.
    pub(super) words: Vec<String>,
    /// Where the client is, as the front end was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) client: Option<IpAddr>,
}

impl Drop for Request {
    fn drop(&mut self) {
        self.words.zeroize();
    }
}

impl Request {
    /// The line of the request, with its end.
    pub(super) fn encode(&self) -> Result<Vec<u8>, serde_json::Error> {
        socket::encode(VERSION, self)
    }

    /// Reads a line.
    ///
    /// # Errors
    /// It is no request.
    pub(super) fn decode(line: &[u8]) -> Result<Self, BadMessage> {
        socket::decode(VERSION, line)
    }
}

/// The line of a reply, with its end.
pub(super) fn encode_reply(text: &str) -> Result<Vec<u8>, serde_json::Error> {
    socket::encode(VERSION, text)
}

/// The text of a reply.
///
/// # Errors
/// It is no reply.
pub(super) fn decode_reply(line: &[u8]) -> Result<String, BadMessage> {
    socket::decode(VERSION, line)
}
