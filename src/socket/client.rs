//! The end of whoever asks. Blocks.

use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Longest wait for the daemon to take the request.
const SEND_TIMEOUT: Duration = Duration::from_secs(5);

/// Why there is no reply.
#[derive(Debug, thiserror::Error)]
pub enum NoReply {
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
    Silent {
        /// The socket.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

/// Sends the line of a request, and gives that of the reply, with its end if it came whole.
///
/// # Errors
/// Nobody listens, or no reply began within `reply_timeout`, which also bounds each pause within it.
pub fn exchange(
    path: &Path,
    request: &[u8],
    reply_bytes_max: usize,
    reply_timeout: Duration,
) -> Result<Vec<u8>, NoReply> {
    let stream = UnixStream::connect(path).map_err(|source| NoReply::NoDaemon {
        path: path.to_owned(),
        source,
    })?;
    ask(stream, request, reply_bytes_max, reply_timeout).map_err(|source| NoReply::Silent {
        path: path.to_owned(),
        source,
    })
}

fn ask(
    mut stream: UnixStream,
    request: &[u8],
    reply_bytes_max: usize,
    reply_timeout: Duration,
) -> io::Result<Vec<u8>> {
    stream.set_write_timeout(Some(SEND_TIMEOUT))?;
    stream.set_read_timeout(Some(reply_timeout))?;
    match stream.write_all(request) {
        // Who may not ask may be told so without having been listened to.
        Err(error) if error.kind() != ErrorKind::BrokenPipe => return Err(error),
        _ => {}
    }
    let mut line = Vec::new();
    let limit = u64::try_from(reply_bytes_max).unwrap_or(u64::MAX);
    BufReader::new(stream.take(limit)).read_until(b'\n', &mut line)?;
    if line.is_empty() {
        return Err(ErrorKind::UnexpectedEof.into());
    }
    Ok(line)
}
