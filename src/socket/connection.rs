//! One connection: a line in, a line out.

use std::io::{self, ErrorKind};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::UCred;
use tokio::time::timeout;

/// Longest wait for a whole request, and for the asker to take the reply.
const TRANSFER_TIMEOUT: Duration = Duration::from_secs(5);

/// A connection of a process of this machine.
#[derive(Debug)]
pub struct Connection {
    stream: BufReader<UnixStream>,
    peer: UCred,
}

impl Connection {
    pub(super) fn new(stream: UnixStream, peer: UCred) -> Self {
        Self {
            stream: BufReader::new(stream),
            peer,
        }
    }

    /// Who connected, as the kernel says (unix(7), `SO_PEERCRED`).
    pub fn peer(&self) -> &UCred {
        &self.peer
    }

    /// The line of the request, without its end.
    ///
    /// # Errors
    /// It is longer than that, or did not come whole and in time.
    pub async fn request(&mut self, bytes_max: usize) -> io::Result<Vec<u8>> {
        timeout(TRANSFER_TIMEOUT, self.read_line(bytes_max)).await?
    }

    /// Sends the reply and ends the connection.
    ///
    /// # Errors
    /// It was not taken in time.
    pub async fn reply(mut self, line: &[u8]) -> io::Result<()> {
        let sent = async {
            self.stream.write_all(line).await?;
            self.stream.shutdown().await
        };
        timeout(TRANSFER_TIMEOUT, sent).await?
    }

    async fn read_line(&mut self, bytes_max: usize) -> io::Result<Vec<u8>> {
        let mut line = Vec::new();
        let limit = u64::try_from(bytes_max).unwrap_or(u64::MAX);
        let mut limited = (&mut self.stream).take(limit.saturating_add(1));
        limited.read_until(b'\n', &mut line).await?;
        match line.pop() {
            Some(b'\n') => Ok(line),
            _ if line.len() >= bytes_max => Err(io::Error::other("the request is too long")),
            _ => Err(ErrorKind::UnexpectedEof.into()),
        }
    }
}
