//! Whole messages over a connection: cut out of what comes in, and not yet looked into.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, ReadBuf};

use super::guard;
use super::stream::Stream;

/// A connection on which messages go both ways.
pub(super) struct Frames {
    stream: Box<dyn Stream>,
    received: BytesMut,
}

impl Frames {
    /// Messages over `stream`.
    pub fn new(stream: Box<dyn Stream>) -> Self {
        Self {
            stream,
            received: BytesMut::new(),
        }
    }

    /// Sends bytes that are a message. Waits as long as the server takes to read them.
    ///
    /// # Errors
    /// The connection ended.
    pub async fn send(&mut self, message: &[u8]) -> Result<(), String> {
        let sent = async {
            self.stream.write_all(message).await?;
            self.stream.flush().await
        };
        sent.await.map_err(|error| error.to_string())
    }

    /// The next message as it came, of at most [`guard::MESSAGE_BYTES_MAX`]. Nothing is lost if this future is
    /// dropped early.
    ///
    /// # Errors
    /// The connection ended, or what came cannot be a message.
    pub async fn receive(&mut self) -> Result<Bytes, String> {
        loop {
            let length = guard::message_length(&self.received).map_err(|malformed| malformed.to_string())?;
            if let Some(length) = length.filter(|length| *length <= self.received.len()) {
                return Ok(self.received.split_to(length).freeze());
            }
            match self.stream.read_buf(&mut self.received).await {
                Ok(0) => return Err("the server closed the connection".to_owned()),
                Ok(_) => {}
                Err(error) => return Err(error.to_string()),
            }
        }
    }

    /// Whether everything that came was taken.
    pub fn is_empty(&self) -> bool {
        self.received.is_empty()
    }

    /// Whether the other side neither closed the connection nor said anything that was not taken.
    pub async fn is_quiet(&mut self) -> bool {
        let mut byte = [0];
        let quiet = poll_fn(|context| {
            let mut unasked = ReadBuf::new(&mut byte);
            let read = Pin::new(&mut self.stream).poll_read(context, &mut unasked);
            Poll::Ready(read.is_pending())
        });
        quiet.await && self.received.is_empty()
    }

    /// The stream below, for another protocol.
    pub fn into_stream(self) -> Box<dyn Stream> {
        self.stream
    }
}
