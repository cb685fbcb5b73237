//! The command line's end of the socket. Blocks.

use std::path::PathBuf;
use std::time::Duration;

use super::message::{self, Answer, REPLY_BYTES_MAX, Reply, Request};
use crate::socket::{BadMessage, NoReply, Patience, exchange};

/// Longest wait for the reply: a little longer than the daemon takes for one.
const REPLY_TIMEOUT: Duration = Duration::from_secs(75);

/// Asks the daemon at one socket.
#[derive(Debug)]
pub struct Client {
    path: PathBuf,
}

/// Why there is no answer, in the admin's words.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// There is no reply.
    #[error(transparent)]
    NoReply(#[from] NoReply),
    /// The daemon says no.
    #[error("{0}")]
    Refused(String),
    /// The request cannot be sent.
    #[error("the request cannot be written: {0}")]
    NotWritten(#[from] serde_json::Error),
    /// The reply cannot be read.
    #[error("the daemon's reply was not understood: {0}")]
    NotUnderstood(#[from] BadMessage),
}

impl Client {
    /// Asks at this socket.
    pub fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// Asks, and waits for the answer.
    ///
    /// # Errors
    /// Says why there is none.
    pub fn ask(&self, request: &Request) -> Result<Answer, ClientError> {
        let request = message::encode(request)?;
        let line = exchange(
            &self.path,
            &request,
            REPLY_BYTES_MAX,
            REPLY_TIMEOUT,
            Patience::None,
        )?;
        match message::decode(&line)? {
            Reply::Answer(answer) => Ok(answer),
            Reply::Refused(why) => Err(ClientError::Refused(why)),
        }
    }
}
