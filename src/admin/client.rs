//! The command line's end of the socket. Blocks.

use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use super::message::{self, Answer, BadMessage, REPLY_BYTES_MAX, Reply, Request};

/// Longest wait for the reply: a little longer than the daemon takes for one.
const REPLY_TIMEOUT: Duration = Duration::from_secs(75);
/// Longest wait for the daemon to take the request.
const SEND_TIMEOUT: Duration = Duration::from_secs(5);

/// Asks the daemon at one socket.
#[derive(Debug)]
pub struct Client {
    path: PathBuf,
}

/// Why there is no answer, in the admin's words.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody listens.
    #[error("no daemon answers at {path}: {source}; is it running (systemctl status x2godirector)? Another socket is named with --socket", path = path.display())]
    NoDaemon {
        /// The socket.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The daemon broke off or was silent.
    #[error("the daemon at {path} did not answer: {source}", path = path.display())]
    NoReply {
        /// The socket.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The daemon says no.
    #[error("{0}")]
    Refused(String),
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
        let stream = UnixStream::connect(&self.path).map_err(|source| ClientError::NoDaemon {
            path: self.path.clone(),
            source,
        })?;
        let line = exchange(stream, request).map_err(|source| ClientError::NoReply {
            path: self.path.clone(),
            source,
        })?;
        match message::decode(&line)? {
            Reply::Answer(answer) => Ok(answer),
            Reply::Refused(why) => Err(ClientError::Refused(why)),
        }
    }
}

fn exchange(mut stream: UnixStream, request: &Request) -> io::Result<Vec<u8>> {
    stream.set_write_timeout(Some(SEND_TIMEOUT))?;
    stream.set_read_timeout(Some(REPLY_TIMEOUT))?;
    match stream.write_all(&message::encode(request)?) {
        // Who is not admitted is told so without having been listened to.
        Err(error) if error.kind() != ErrorKind::BrokenPipe => return Err(error),
        _ => {}
    }
    let mut line = Vec::new();
    let limit = u64::try_from(REPLY_BYTES_MAX).unwrap_or(u64::MAX);
    BufReader::new(stream.take(limit)).read_until(b'\n', &mut line)?;
    if line.is_empty() {
        return Err(ErrorKind::UnexpectedEof.into());
    }
    Ok(line)
}
