//! One request and its answer at a time over a connection: binds, changes of passwords, StartTLS and health probes.
//! Searches, whose answers have many parts, go through `ldap3` ([`super::relay`]).

use std::time::Duration;

use tokio::time::timeout;

use super::ber::Malformed;
use super::frames::Frames;
use super::guard::{self, Answer};
use super::policy::Remark;
use super::request::Request;
use super::settings::Server;
use super::stream::Stream;
use super::trouble::Trouble;

/// How the server ended an operation.
pub(super) struct Ending {
    /// The result code (RFC 4511 appendix A).
    pub code: u32,
    /// The server's words for the admin, cut to [`TEXT_CHARS_MAX`].
    pub text: String,
    /// What it said about the password.
    pub remark: Remark,
}

/// What is wrong with an answer that nobody waits for.
const UNASKED: &str = "an answer to something else (malformed or forged)";
/// Most characters of a server's words that go into a message.
const TEXT_CHARS_MAX: usize = 200;

/// A connection that carries one operation at a time.
pub(super) struct Exchange {
    server: Server,
    frames: Frames,
    limit: Duration,
    last_id: u32,
    /// Nothing is owed: every request got its answer, and none failed.
    settled: bool,
}

impl Exchange {
    /// Operations over `stream`, each answered within `limit`.
    pub fn new(server: Server, stream: Box<dyn Stream>, limit: Duration) -> Self {
        Self {
            server,
            frames: Frames::new(stream),
            limit,
            last_id: 0,
            settled: true,
        }
    }

    /// Sends the request and waits for the end of its answer. `operation` names it in errors. After an error,
    /// or if this future is dropped early, the connection is not [usable](Self::is_usable) any more.
    ///
    /// # Errors
    /// The connection failed, the answer was malformed, or it did not come in time.
    pub async fn ask(&mut self, operation: &str, request: &Request) -> Result<Ending, Trouble> {
        if !self.settled {
            return Err(self.lost(operation, "an earlier operation failed"));
        }
        self.settled = false;
        let limit = self.limit;
        let ending = timeout(limit, self.talk(operation, request))
            .await
            .unwrap_or_else(|_| Err(Trouble::silent(&self.server, operation, limit)))?;
        self.settled = true;
        Ok(ending)
    }

    async fn talk(&mut self, operation: &str, request: &Request) -> Result<Ending, Trouble> {
        self.last_id = self.last_id % 0x7fff_fffe + 1;
        let message = request.message(self.last_id);
        self.frames
            .send(&message)
            .await
            .map_err(|why| self.lost(operation, &why))?;
        loop {
            let message = self
                .frames
                .receive()
                .await
                .map_err(|why| self.lost(operation, &why))?;
            if let Some(ending) = self.ending(operation, &message)? {
                return Ok(ending);
            }
        }
    }

    /// What the message ends the operation with, if it does.
    fn ending(&self, operation: &str, message: &[u8]) -> Result<Option<Ending>, Trouble> {
        let message = guard::message(message).map_err(|malformed| self.malformed(operation, malformed))?;
        match message.answer {
            Answer::Extended(notice) if message.id == 0 => {
                let why = format!("the server ended the connection: {}", shortened(notice.text));
                Err(self.lost(operation, &why))
            }
            Answer::Sync(_) => Err(self.lost(operation, UNASKED)),
            _ if message.id != self.last_id => Err(self.lost(operation, UNASKED)),
            Answer::Entry(_) | Answer::Reference => Ok(None),
            Answer::Bind(outcome)
            | Answer::Done(outcome)
            | Answer::Modified(outcome)
            | Answer::Extended(outcome) => Ok(Some(Ending {
                code: outcome.code,
                text: shortened(outcome.text),
                remark: Remark::of(&message.controls),
            })),
        }
    }

    /// Whether another request may be sent: nothing is owed, and the server neither closed the connection nor
    /// said anything unasked.
    pub async fn is_usable(&mut self) -> bool {
        self.settled && self.frames.is_quiet().await
    }

    /// The stream below, for another protocol.
    ///
    /// # Errors
    /// The server sent more than it was asked for: what came before the protection must not count after it.
    pub fn into_stream(self) -> Result<Box<dyn Stream>, Trouble> {
        self.into_frames().map(Frames::into_stream)
    }

    /// The messages below, for operations whose answers have many parts.
    ///
    /// # Errors
    /// The server sent more than it was asked for.
    pub fn into_frames(self) -> Result<Frames, Trouble> {
        if self.settled && self.frames.is_empty() {
            Ok(self.frames)
        } else {
            Err(self.lost("connect", "the server sent more than it was asked for"))
        }
    }

    fn malformed(&self, operation: &str, malformed: Malformed) -> Trouble {
        self.lost(operation, &malformed.to_string())
    }

    fn lost(&self, operation: &str, why: &str) -> Trouble {
        Trouble::Lost(format!("{}: {operation}: {why}", self.server))
    }
}

/// A server's words, short and on one line.
pub(super) fn shortened(text: &str) -> String {
    text.chars()
        .take(TEXT_CHARS_MAX)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}
