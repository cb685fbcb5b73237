//! The end of whoever asks. Blocks.

use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::file::lock_of;

/// Longest wait for the daemon to take the request.
const SEND_TIMEOUT: Duration = Duration::from_secs(5);
/// Pause between two tries to reach a daemon that is being restarted.
const RETRY_EVERY: Duration = Duration::from_millis(100);
/// How often a connection may be closed unread. A restart does it once; more often it is a daemon that has no room.
const RESETS_MAX: u32 = 3;

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

/// How long a daemon is waited for that is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    /// Not at all.
    None,
    /// So long, if it looks as if it were being restarted. The time that its last requests take comes first.
    Restart(Duration),
}

/// Sends the line of a request, and gives that of the reply, with its end if it came whole. A daemon that is being
/// restarted gets it as often as it takes for one to read it; none reads it twice.
///
/// # Errors
/// Nobody listens, or no reply began within `reply_timeout`, which also bounds each pause within it.
pub fn exchange(
    path: &Path,
    request: &[u8],
    reply_bytes_max: usize,
    reply_timeout: Duration,
    patience: Patience,
) -> Result<Vec<u8>, NoReply> {
    let mut tries_left = match patience {
        Patience::None => 0,
        Patience::Restart(limit) => limit.as_millis() / RETRY_EVERY.as_millis(),
    };
    let mut resets_left = RESETS_MAX;
    // A folder that was just made has no lock yet, so what looks like a place without a daemon is looked at twice.
    let mut seemed_empty = false;
    loop {
        let no_reply = match try_exchange(path, request, reply_bytes_max, reply_timeout) {
            Ok(line) => return Ok(line),
            Err(error) => error,
        };
        if no_reply.is_reset() {
            resets_left = resets_left.saturating_sub(1);
        }
        let is_over = tries_left == 0 || resets_left == 0;
        let seems_empty = !may_come_back(path);
        if is_over || !no_reply.is_unread() || (seems_empty && seemed_empty) {
            return Err(no_reply);
        }
        seemed_empty = seems_empty;
        tries_left -= 1;
        pause();
    }
}

impl NoReply {
    /// Whether no daemon can have read the request.
    fn is_unread(&self) -> bool {
        match self {
            Self::NoDaemon { source, .. } => {
                matches!(source.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused)
            }
            Self::Silent { .. } => self.is_reset(),
        }
    }

    /// Whether the connection was closed with the request unread in it, as the kernel tells.
    fn is_reset(&self) -> bool {
        matches!(self, Self::Silent { source, .. } if source.kind() == ErrorKind::ConnectionReset)
    }
}

#[allow(
    clippy::disallowed_methods,
    reason = "for a program with one thread, which only asks"
)]
fn pause() {
    std::thread::sleep(RETRY_EVERY);
}

/// Whether a daemon that is not there has this socket at other times: its folder is gone while it is restarted, or has
/// the lock of its last run.
fn may_come_back(path: &Path) -> bool {
    lock_of(path).exists() || path.parent().is_some_and(|folder| !folder.exists())
}

fn try_exchange(
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
    let unread = match stream.write_all(request) {
        // Who may not ask may be told so without having been listened to.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => true,
        Err(error) => return Err(error),
        Ok(()) => false,
    };
    let mut line = Vec::new();
    let limit = u64::try_from(reply_bytes_max).unwrap_or(u64::MAX);
    BufReader::new(stream.take(limit)).read_until(b'\n', &mut line)?;
    if line.is_empty() {
        let ended = if unread {
            ErrorKind::ConnectionReset
        } else {
            ErrorKind::UnexpectedEof
        };
        return Err(ended.into());
    }
    Ok(line)
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;
    use std::thread;

    use super::*;
    use crate::socket::{Named, Socket};

    const NAMED: Named = Named {
        name: "test socket",
        setting: "[test] socket",
    };
    const LONG: Duration = Duration::from_secs(60);

    fn exchange_patiently(path: &Path) -> Result<Vec<u8>, NoReply> {
        exchange(path, b"one\n", 16, LONG, Patience::Restart(LONG))
    }

    /// Answers one request with its own line.
    fn echo(listener: &UnixListener) {
        let (stream, _) = listener.accept().unwrap();
        let mut line = Vec::new();
        let mut reader = BufReader::new(&stream);
        reader.read_until(b'\n', &mut line).unwrap();
        (&stream).write_all(&line).unwrap();
    }

    #[test]
    fn a_daemon_that_is_restarted_is_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run/sock");
        // The folder is not there at first, as where systemd takes it away with the daemon.
        let asked = thread::spawn({
            let path = path.clone();
            move || exchange_patiently(&path)
        });
        pause();
        // One that ends with a connection in its queue, if it has come so far.
        let first = Socket::bind(&path, NAMED).unwrap();
        pause();
        pause();
        drop(first);
        let second = UnixListener::bind(&path).unwrap();
        let answers = thread::spawn(move || echo(&second));
        assert_eq!(asked.join().unwrap().unwrap(), b"one\n");
        answers.join().unwrap();
    }

    #[test]
    fn a_daemon_that_was_never_there_and_one_that_read_the_request_are_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sock");
        assert!(matches!(exchange_patiently(&path), Err(NoReply::NoDaemon { .. })));

        let listener = UnixListener::bind(&path).unwrap();
        std::fs::write(lock_of(&path), "").unwrap();
        let dies = thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            BufReader::new(stream).read_line(&mut String::new()).unwrap();
        });
        assert!(matches!(exchange_patiently(&path), Err(NoReply::Silent { .. })));
        dies.join().unwrap();
    }
}
