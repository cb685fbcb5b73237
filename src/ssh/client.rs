//! The front end's end of the socket. Blocks.

use std::path::Path;
use std::time::Duration;

use super::message::{REPLY_BYTES_MAX, Request, decode_reply};
use crate::model::ClientAddress;
use crate::socket::{BadMessage, NoReply, Patience, exchange};

/// Longest wait for the reply: a little longer than the longest `request_timeout`.
const REPLY_TIMEOUT: Duration = Duration::from_secs(320);

/// Longest wait for a daemon that is being restarted: for its last requests (`drain_timeout`, 10 s unless the site says
/// otherwise), its start, and a machine that is busy with an upgrade.
const RESTART_WAIT: Duration = Duration::from_secs(30);

/// Why there is no answer, in the admin's words.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// There is no reply.
    #[error(transparent)]
    NoReply(#[from] NoReply),
    /// The request cannot be sent.
    #[error("the request cannot be written: {0}")]
    NotWritten(#[from] serde_json::Error),
    /// The reply cannot be read.
    #[error("the daemon's reply was not understood: {0}")]
    NotUnderstood(#[from] BadMessage),
}

/// Asks the daemon at this socket: the words of a command line without its program, and where the client is, as far
/// as is known. Gives the text for X2Go Client.
///
/// # Errors
/// Says why there is none.
pub fn ask(socket: &Path, words: Vec<String>, client: Option<ClientAddress>) -> Result<String, AskError> {
    let request = Request {
        words,
        client: client.map(ClientAddress::ip),
    };
    let patience = Patience::Restart(RESTART_WAIT);
    let line = exchange(
        socket,
        &request.encode()?,
        REPLY_BYTES_MAX,
        REPLY_TIMEOUT,
        patience,
    )?;
    Ok(decode_reply(&line)?)
}
