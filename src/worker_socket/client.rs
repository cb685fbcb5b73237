//! The daemon's end: one question and its answer on a connection of its own, over a restart of the worker.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::net::UnixStream;
use tokio::time::{Instant, sleep};
use zeroize::Zeroizing;

use super::frame;

/// How long a worker is waited for that answered a moment ago and is not there now: it is being restarted. One that is
/// gone for longer keeps nobody waiting.
const RESTART_WAIT: Duration = Duration::from_secs(10);
/// Pause between two tries.
const RETRY_EVERY: Duration = Duration::from_millis(50);

/// Asks the worker at a socket.
#[derive(Debug)]
pub struct Client {
    socket: PathBuf,
    /// When it last answered.
    answered: Mutex<Option<Instant>>,
}

/// There is no answer.
#[derive(Debug, thiserror::Error)]
#[error("{}: {source}{}", socket.display(), if *taken { " (the worker ended the connection)" } else { "" })]
pub struct NoAnswer {
    socket: PathBuf,
    /// Whether the worker may have taken the question. If not, it can be asked again.
    pub taken: bool,
    source: io::Error,
}

impl Client {
    /// Asks at this socket, where nobody need listen yet.
    pub fn new(socket: PathBuf) -> Self {
        Self {
            socket,
            answered: Mutex::new(None),
        }
    }

    /// Where it asks.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Asks, and again for a while if the worker that answered last is gone and cannot have taken the question. `taken`
    /// says from the moment when it may have, for a caller that waits no longer.
    ///
    /// # Errors
    /// There is no answer.
    pub async fn ask(
        &self,
        question: &[u8],
        answer_bytes_max: usize,
        taken: &mut bool,
    ) -> Result<Zeroizing<Vec<u8>>, NoAnswer> {
        loop {
            let error = match self.ask_once(question, answer_bytes_max, taken).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            if error.taken || !is_absence(&error.source) || !self.may_come_back() {
                return Err(error);
            }
            sleep(RETRY_EVERY).await;
        }
    }

    /// Asks, if somebody listens.
    ///
    /// # Errors
    /// There is no answer.
    pub async fn ask_once(
        &self,
        question: &[u8],
        answer_bytes_max: usize,
        taken: &mut bool,
    ) -> Result<Zeroizing<Vec<u8>>, NoAnswer> {
        let answer = exchange(&self.socket, question, answer_bytes_max, taken).await;
        let mut answered = self.answered.lock().unwrap_or_else(PoisonError::into_inner);
        if answer.is_ok() {
            *answered = Some(Instant::now());
        }
        drop(answered);
        answer.map_err(|source| NoAnswer {
            socket: self.socket.clone(),
            taken: *taken,
            source,
        })
    }

    fn may_come_back(&self) -> bool {
        let answered = self.answered.lock().unwrap_or_else(PoisonError::into_inner);
        answered.is_some_and(|moment| moment.elapsed() < RESTART_WAIT)
    }
}

/// One question and its answer. A worker takes a question only as a whole, so one that could not be sent was not taken,
/// and neither was one whose connection is reset: the kernel resets a connection of which something was never read.
async fn exchange(
    socket: &Path,
    question: &[u8],
    answer_bytes_max: usize,
    taken: &mut bool,
) -> io::Result<Zeroizing<Vec<u8>>> {
    *taken = false;
    let mut stream = UnixStream::connect(socket).await?;
    *taken = true;
    if let Err(error) = frame::write(&mut stream, question).await {
        *taken = false;
        return Err(error);
    }
    let answer = frame::read(&mut stream, answer_bytes_max).await;
    if let Err(error) = &answer {
        *taken = error.kind() != ErrorKind::ConnectionReset;
    }
    answer
}

/// Whether nobody listens, or whoever did is gone.
fn is_absence(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::NotFound
            | ErrorKind::ConnectionRefused
            | ErrorKind::ConnectionReset
            | ErrorKind::BrokenPipe
            | ErrorKind::WouldBlock
    )
}

#[cfg(test)]
mod tests {
    use tokio::net::UnixListener;

    use super::*;

    async fn answer(listener: &UnixListener) {
        let (mut stream, _) = listener.accept().await.unwrap();
        let question = frame::read(&mut stream, 16).await.unwrap();
        frame::write(&mut stream, &question).await.unwrap();
    }

    #[tokio::test]
    async fn a_restart_is_waited_for_and_an_absence_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let client = Client::new(folder.path().join("sock"));
        let mut taken = true;
        let absent = client.ask(b"one", 16, &mut taken).await.unwrap_err();
        assert!(!absent.taken && !taken, "{absent}");

        let listener = UnixListener::bind(client.socket()).unwrap();
        let (asked, ()) = tokio::join!(client.ask(b"two", 16, &mut taken), answer(&listener));
        assert_eq!(*asked.unwrap(), b"two");
        // In the queue of a worker that stops, and then nowhere.
        let restart = async {
            sleep(RETRY_EVERY).await;
            drop(listener);
            sleep(RETRY_EVERY * 2).await;
            std::fs::remove_file(client.socket()).unwrap();
            sleep(RETRY_EVERY * 2).await;
            answer(&UnixListener::bind(client.socket()).unwrap()).await;
        };
        let (asked, ()) = tokio::join!(client.ask(b"three", 16, &mut taken), restart);
        assert_eq!(*asked.unwrap(), b"three");
    }

    #[tokio::test]
    async fn a_question_that_was_taken_is_not_asked_again() {
        let folder = tempfile::tempdir().unwrap();
        let client = Client::new(folder.path().join("sock"));
        let listener = UnixListener::bind(client.socket()).unwrap();
        let mut taken = false;
        let (asked, ()) = tokio::join!(client.ask(b"one", 16, &mut taken), answer(&listener));
        asked.unwrap();
        let dies = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            frame::read(&mut stream, 16).await.unwrap();
        };
        let (asked, ()) = tokio::join!(client.ask(b"two", 16, &mut taken), dies);
        assert!(asked.unwrap_err().taken && taken);
    }
}
