//! One request and its answer at a time over a connection.
//!
//! Not through `ldap3`'s client, which trusts what a server sends and takes nothing but a socket: its own tasks
//! and the second socket in front of them, behind which its input could be checked, cost more than the search.

use std::future::poll_fn;
use std::pin::Pin;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, ReadBuf};
use tokio::time::timeout;

use super::dial::Stream;
use super::guard::{self, Answer, Malformed};
use super::request::Request;
use super::search::{ENTRIES_MAX, Found};
use super::settings::Server;
use super::trouble::Trouble;

/// How the server ended an operation.
pub(super) struct Ending {
    /// The result code (RFC 4511 appendix A).
    pub code: u32,
    /// The server's words for the admin, cut to [`TEXT_CHARS_MAX`].
    pub text: String,
}

/// All of an answer.
pub(super) struct Reply {
    /// The entries before its end, of a search.
    pub found: Vec<Found>,
    /// Its end.
    pub ending: Ending,
    /// What asks for the next page; empty if there is none.
    pub cookie: Vec<u8>,
}

/// Bytes read at once.
const READ_BYTES: usize = 8 * 1024;
/// Most characters of a server's words that go into a message.
const TEXT_CHARS_MAX: usize = 200;

/// A connection that carries one operation at a time.
pub(super) struct Exchange {
    server: Server,
    stream: Box<dyn Stream>,
    received: Vec<u8>,
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
            stream,
            received: Vec::new(),
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
    pub async fn ask(&mut self, operation: &str, request: &Request) -> Result<Reply, Trouble> {
        if !self.settled {
            return Err(self.lost(operation, "an earlier operation failed"));
        }
        self.settled = false;
        let limit = self.limit;
        let reply = timeout(limit, self.talk(operation, request))
            .await
            .unwrap_or_else(|_| Err(Trouble::silent(&self.server, operation, limit)))?;
        self.settled = true;
        if self.received.is_empty() {
            self.received.shrink_to(READ_BYTES);
        }
        Ok(reply)
    }

    async fn talk(&mut self, operation: &str, request: &Request) -> Result<Reply, Trouble> {
        self.last_id = self.last_id % 0x7fff_fffe + 1;
        let message = request.message(self.last_id);
        let sent = async {
            self.stream.write_all(&message).await?;
            self.stream.flush().await
        };
        if let Err(error) = sent.await {
            return Err(self.lost(operation, &error.to_string()));
        }
        let mut found = Vec::new();
        loop {
            let length = self.receive(operation).await?;
            let message = self.received.get(..length).unwrap_or_default();
            let ended = self.read(operation, request, message, &mut found)?;
            self.received.drain(..length);
            if let Some((ending, cookie)) = ended {
                return Ok(Reply {
                    found,
                    ending,
                    cookie,
                });
            }
        }
    }

    /// Reads until a whole message is there, and says how long it is.
    async fn receive(&mut self, operation: &str) -> Result<usize, Trouble> {
        loop {
            match guard::message_length(&self.received) {
                Ok(Some(length)) if length <= self.received.len() => return Ok(length),
                Ok(_) => {}
                Err(malformed) => return Err(self.malformed(operation, malformed)),
            }
            self.received.reserve(READ_BYTES);
            match self.stream.read_buf(&mut self.received).await {
                Ok(0) => return Err(self.lost(operation, "the server closed the connection")),
                Ok(_) => {}
                Err(error) => return Err(self.lost(operation, &error.to_string())),
            }
        }
    }

    /// Takes one message of the answer: an entry, which goes to `found`, or its end with the cookie.
    fn read(
        &self,
        operation: &str,
        request: &Request,
        message: &[u8],
        found: &mut Vec<Found>,
    ) -> Result<Option<(Ending, Vec<u8>)>, Trouble> {
        let message = guard::message(message).map_err(|malformed| self.malformed(operation, malformed))?;
        match message.answer {
            Answer::Extended(notice) if message.id == 0 => {
                let why = format!("the server ended the connection: {}", shortened(notice.text));
                Err(self.lost(operation, &why))
            }
            answer if message.id != self.last_id || !request.allows(&answer) => {
                Err(self.lost(operation, "an answer to something else (malformed or forged)"))
            }
            Answer::Entry(_) if found.len() == ENTRIES_MAX => {
                Err(self.lost(operation, &format!("more than {ENTRIES_MAX} entries")))
            }
            Answer::Entry(entry) => {
                found.push(Found::from(entry));
                Ok(None)
            }
            Answer::Reference => Ok(None),
            Answer::Bind(outcome) | Answer::Done(outcome) | Answer::Extended(outcome) => {
                let ending = Ending {
                    code: outcome.code,
                    text: shortened(outcome.text),
                };
                Ok(Some((ending, message.cookie.to_vec())))
            }
        }
    }

    /// Whether another request may be sent: nothing is owed, and the server neither closed the connection nor
    /// said anything unasked.
    pub async fn is_usable(&mut self) -> bool {
        let mut byte = [0];
        let quiet = poll_fn(|context| {
            let mut unasked = ReadBuf::new(&mut byte);
            let read = Pin::new(&mut self.stream).poll_read(context, &mut unasked);
            std::task::Poll::Ready(read.is_pending())
        });
        self.settled && self.received.is_empty() && quiet.await
    }

    /// The stream below, for another protocol.
    ///
    /// # Errors
    /// The server sent more than it was asked for: what came before the protection must not count after it.
    pub fn into_stream(self) -> Result<Box<dyn Stream>, Trouble> {
        if self.settled && self.received.is_empty() {
            Ok(self.stream)
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
