//! One request and its answer at a time over a connection: binds, changes of passwords, StartTLS and health probes. Searches, whose
//! answers have many parts, go through `ldap3` ([`super::relay`]).

use std::future::poll_fn;
use std::pin::Pin;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, ReadBuf};
use tokio::time::timeout;

use super::ber::Malformed;
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
        let sent = async {
            self.stream.write_all(&message).await?;
            self.stream.flush().await
        };
        if let Err(error) = sent.await {
            return Err(self.lost(operation, &error.to_string()));
        }
        loop {
            let length = self.receive(operation).await?;
            let message: Vec<u8> = self.received.drain(..length).collect();
            if let Some(ending) = self.ending(operation, &message)? {
                return Ok(ending);
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
            match self.stream.read_buf(&mut self.received).await {
                Ok(0) => return Err(self.lost(operation, "the server closed the connection")),
                Ok(_) => {}
                Err(error) => return Err(self.lost(operation, &error.to_string())),
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
            _ if message.id != self.last_id => {
                Err(self.lost(operation, "an answer to something else (malformed or forged)"))
            }
            Answer::Entry | Answer::Reference => Ok(None),
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
