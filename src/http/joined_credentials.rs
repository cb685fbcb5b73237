//! Credentials that came in several lines, joined before hyper reads them.
//!
//! UCCS clients (`remote-logon-config-agent`) break the Base64 of `Authorization: Basic` as mail does: a line feed
//! after every 76 characters (Python's `base64.encodebytes`), which they send as it is. From the second line on that
//! is no header line, and hyper refuses the request.
//!
//! What is joined would be refused otherwise, so no two readers of the same bytes, such as a proxy in front of us,
//! can have taken them for different requests: only the first head of a connection is looked at, only if it begins
//! `GET /uccs/`, only in a line `Authorization: Basic ` that is full, and only if the line after it has Base64 alone
//! and no colon. All other bytes pass as they are.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use zeroize::Zeroizing;

/// What the requests begin with that may have such credentials.
const OPENING: &[u8] = b"GET /uccs/";

/// What the line begins with that may go on in the next one, in lower case.
const HEADER: &[u8] = b"authorization: basic ";

/// Characters of a full line: Base64 of 57 bytes (`MAXLINESIZE` of Python's base64.py, and RFC 2045 section 6.8).
const LINE_CHARACTERS: usize = 76;

/// How many bytes are looked at in one go.
const CHUNK_BYTES: usize = 1024;

/// A stream whose first request has its credentials in one line; writing is left as it is.
#[derive(Debug)]
pub(super) struct JoinedCredentials<S> {
    stream: S,
    joiner: Joiner,
    /// What the joiner gave and hyper has not taken yet.
    joined: Zeroizing<Vec<u8>>,
    /// How much of that it has taken.
    taken: usize,
}

impl<S> JoinedCredentials<S> {
    /// A stream from its first byte on.
    pub(super) fn new(stream: S) -> Self {
        Self {
            stream,
            joiner: Joiner::new(),
            joined: Zeroizing::default(),
            taken: 0,
        }
    }

    /// Gives as much as fits of what is joined; whether there was anything.
    fn give(&mut self, buffer: &mut ReadBuf<'_>) -> bool {
        let rest = self.joined.get(self.taken..).unwrap_or_default();
        let count = rest.len().min(buffer.remaining());
        buffer.put_slice(rest.get(..count).unwrap_or_default());
        self.taken += count;
        if self.taken == self.joined.len() {
            self.joined.clear();
            self.taken = 0;
        }
        count > 0
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for JoinedCredentials<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            if buffer.remaining() == 0 || this.give(buffer) {
                return Poll::Ready(Ok(()));
            }
            if this.joiner.is_done() {
                return Pin::new(&mut this.stream).poll_read(context, buffer);
            }
            let mut chunk = Zeroizing::new([0; CHUNK_BYTES]);
            let mut chunk = ReadBuf::new(chunk.as_mut_slice());
            ready!(Pin::new(&mut this.stream).poll_read(context, &mut chunk))?;
            if chunk.filled().is_empty() {
                this.joiner.end(&mut this.joined);
            } else {
                this.joiner.join(chunk.filled(), &mut this.joined);
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for JoinedCredentials<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}

/// Where in the first head of a connection the next byte stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    /// So far it is the opening, this much of it.
    Opening(usize),
    /// In a line that passes.
    Line,
    /// So far the line is the header, this much of it; at 0 it has not begun.
    Header(usize),
    /// Behind this many characters of the credentials' last line.
    Credentials(usize),
    /// Behind the end of a full line of them, and perhaps in one more: what is held back will tell.
    NextLine,
    /// Behind everything that is looked at.
    Done,
}

/// Joins the lines of the credentials in bytes that come in pieces.
#[derive(Debug)]
pub(super) struct Joiner {
    at: At,
    /// A line feed, and what came behind it: at most a full line.
    held: Zeroizing<Vec<u8>>,
}

impl Joiner {
    pub(super) fn new() -> Self {
        Self {
            at: At::Opening(0),
            held: Zeroizing::default(),
        }
    }

    /// Whether all further bytes pass as they are.
    fn is_done(&self) -> bool {
        self.at == At::Done
    }

    /// Takes the next bytes and appends what may pass by now.
    pub(super) fn join(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        for (index, byte) in bytes.iter().enumerate() {
            if self.is_done() {
                out.extend_from_slice(bytes.get(index..).unwrap_or_default());
                return;
            }
            self.at = self.next(*byte, out);
        }
    }

    /// Takes the end of the stream.
    pub(super) fn end(&mut self, out: &mut Vec<u8>) {
        out.append(&mut self.held);
        self.at = At::Done;
    }

    /// Where the byte behind this one stands.
    fn next(&mut self, byte: u8, out: &mut Vec<u8>) -> At {
        if self.at == At::NextLine {
            return self.next_line(byte, out);
        }
        if self.at == At::Credentials(LINE_CHARACTERS) && byte == b'\n' {
            // Room for all that is ever held: a vector that grows leaves copies behind.
            self.held.reserve(1 + LINE_CHARACTERS);
            self.held.push(byte);
            return At::NextLine;
        }
        out.push(byte);
        match self.at {
            At::Opening(known) if OPENING.get(known) == Some(&byte) => match known + 1 {
                known if known == OPENING.len() => At::Line,
                known => At::Opening(known),
            },
            // An empty line ends the head.
            At::Opening(_) | At::Header(0) if byte == b'\r' || byte == b'\n' => At::Done,
            At::Opening(_) | At::Done => At::Done,
            _ if byte == b'\n' => At::Header(0),
            At::Header(known) if HEADER.get(known) == Some(&byte.to_ascii_lowercase()) => match known + 1 {
                known if known == HEADER.len() => At::Credentials(0),
                known => At::Header(known),
            },
            At::Credentials(count) if is_base64(byte) && count < LINE_CHARACTERS => {
                At::Credentials(count + 1)
            }
            At::Line | At::Header(_) | At::Credentials(_) | At::NextLine => At::Line,
        }
    }

    /// Where the byte behind this one stands, which is in the line after a full one.
    fn next_line(&mut self, byte: u8, out: &mut Vec<u8>) -> At {
        let characters = self.held.len() - 1;
        if is_base64(byte) && characters < LINE_CHARACTERS {
            self.held.push(byte);
            return At::NextLine;
        }
        if byte == b'\n' && characters > 0 {
            out.extend(self.held.drain(..).skip(1));
            self.at = At::Credentials(characters);
            return self.next(byte, out);
        }
        // The credentials ended with the line before.
        out.append(&mut self.held);
        out.push(byte);
        match (byte, characters) {
            (b'\r' | b'\n', _) => At::Done,
            _ => At::Line,
        }
    }
}

fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=')
}

#[cfg(test)]
mod tests;
