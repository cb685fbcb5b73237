//! The daemon's end: who is let in, and how many at once.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Notify;
use tokio::task::{Id, JoinSet};
use tokio::time::{Instant, sleep, timeout};

use super::connection::Connection;
use super::file::Socket;

/// Pause after a failed accept. Without file descriptors (EMFILE) it would fail again at once.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How long a queue is empty that nothing comes to any more.
const QUEUE_PAUSE: Duration = Duration::from_millis(50);

/// How often the log says that somebody has too many connections: whoever opens them in a loop shall not fill it.
const SAY_EVERY: Duration = Duration::from_secs(60);

/// What stands behind a socket.
pub trait Desk: Send + Sync + 'static {
    /// What the socket is called in the log.
    const NAME: &'static str;

    /// Serves one connection to its end. An error says what ended it early.
    fn converse(&self, connection: Connection) -> impl Future<Output = io::Result<()>> + Send;
}

/// How many connections there may be at once; those beyond are closed.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Of all users together.
    pub connections: usize,
    /// Of one user.
    pub connections_per_user: usize,
}

/// A socket in service. Dropping it ends every connection and removes the socket.
#[derive(Debug)]
pub struct Server {
    accepting: JoinSet<()>,
    stop: Arc<Notify>,
    socket: Socket,
}

impl Server {
    /// Serves. Must be called within a Tokio runtime.
    ///
    /// # Errors
    /// If the socket is not one that Tokio can use.
    pub fn start<D: Desk>(socket: Socket, limits: Limits, desk: D) -> io::Result<Self> {
        let listener = socket.listener()?;
        let stop = Arc::new(Notify::new());
        let mut accepting = JoinSet::new();
        accepting.spawn(accept_all(listener, limits, Arc::new(desk), Arc::clone(&stop)));
        Ok(Self {
            accepting,
            stop,
            socket,
        })
    }

    /// Takes no further connection and waits for those that there are, at most so long; who has connected already and
    /// was not taken yet is one of them.
    pub async fn finish(mut self, limit: Duration) {
        self.socket.hide();
        self.stop.notify_one();
        // What is not done by then is cut off.
        let _ = timeout(limit, self.accepting.join_next()).await;
    }
}

async fn accept_all<D: Desk>(listener: UnixListener, limits: Limits, desk: Arc<D>, stop: Arc<Notify>) {
    let mut seats = Seats::new(limits);
    loop {
        tokio::select! {
            () = stop.notified() => break,
            () = seats.left(), if !seats.is_empty() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => seats.take(stream, &desk),
                Err(error) => {
                    tracing::warn!("cannot accept a connection at the {}: {error}", D::NAME);
                    sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
    // Nobody else can connect any more.
    while let Ok(Ok((stream, _))) = timeout(QUEUE_PAUSE, listener.accept()).await {
        seats.take(stream, &desk);
    }
    drop(listener);
    while !seats.is_empty() {
        seats.left().await;
    }
}

/// The connections that there are, each with its user.
struct Seats {
    limits: Limits,
    taken: JoinSet<()>,
    users: HashMap<Id, u32>,
    /// When it was last said that there was no room.
    said: Option<Instant>,
}

impl Seats {
    fn new(limits: Limits) -> Self {
        Self {
            limits,
            taken: JoinSet::new(),
            users: HashMap::new(),
            said: None,
        }
    }

    fn is_empty(&self) -> bool {
        self.taken.is_empty()
    }

    /// Waits until a connection ends.
    async fn left(&mut self) {
        let id = match self.taken.join_next_with_id().await {
            Some(Ok((id, ()))) => id,
            Some(Err(error)) => error.id(),
            None => return,
        };
        self.users.remove(&id);
    }

    /// Serves a connection, if there is room for it.
    fn take<D: Desk>(&mut self, stream: UnixStream, desk: &Arc<D>) {
        let peer = match stream.peer_cred() {
            Ok(peer) => peer,
            Err(error) => return tracing::debug!("{}: {error}", D::NAME),
        };
        let uid = peer.uid();
        let of_user = self.users.values().filter(|user| **user == uid).count();
        if self.taken.len() >= self.limits.connections || of_user >= self.limits.connections_per_user {
            if self.said.is_none_or(|said| said.elapsed() >= SAY_EVERY) {
                tracing::warn!(uid, "the {} has all the connections that it may have", D::NAME);
                self.said = Some(Instant::now());
            }
            return;
        }
        let desk = Arc::clone(desk);
        let serving = self.taken.spawn(async move {
            if let Err(error) = desk.converse(Connection::new(stream, peer)).await {
                tracing::debug!("{}: {error}", D::NAME);
            }
        });
        self.users.insert(serving.id(), uid);
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;
    use crate::observe::Captured;
    use crate::socket::file::Named;

    const NAMED: Named = Named {
        name: "test socket",
        setting: "[test] socket",
    };

    struct Echo;

    impl Desk for Echo {
        const NAME: &'static str = "test socket";

        async fn converse(&self, mut connection: Connection) -> io::Result<()> {
            let line = connection.request(8).await?;
            assert_ne!(line, b"panic");
            connection.reply(&line).await
        }
    }

    fn serve(folder: &tempfile::TempDir, connections_per_user: usize) -> Server {
        let socket = Socket::bind(&folder.path().join("sock"), NAMED).unwrap();
        let limits = Limits {
            connections: 10,
            connections_per_user,
        };
        Server::start(socket, limits, Echo).unwrap()
    }

    async fn connect(folder: &tempfile::TempDir) -> UnixStream {
        UnixStream::connect(folder.path().join("sock")).await.unwrap()
    }

    async fn answer(mut stream: UnixStream, line: &[u8]) -> Vec<u8> {
        let mut answer = Vec::new();
        let _ = stream.write_all(line).await;
        let _ = stream.read_to_end(&mut answer).await;
        answer
    }

    #[tokio::test]
    async fn one_line_comes_back_and_a_panic_is_one_connection() {
        let folder = tempfile::tempdir().unwrap();
        let _server = serve(&folder, 10);
        assert_eq!(
            answer(connect(&folder).await, b"12345678\nmore").await,
            b"12345678"
        );
        assert_eq!(answer(connect(&folder).await, b"123456789\n").await, b"");
        assert_eq!(answer(connect(&folder).await, b"panic\n").await, b"");
        assert_eq!(answer(connect(&folder).await, b"on\n").await, b"on");
    }

    #[tokio::test]
    async fn a_user_has_so_many_connections_and_no_more() {
        let (log, _guard) = Captured::begin();
        let folder = tempfile::tempdir().unwrap();
        let _server = serve(&folder, 2);
        let (first, second) = (connect(&folder).await, connect(&folder).await);
        for _ in 0..20 {
            assert_eq!(answer(connect(&folder).await, b"third\n").await, b"");
        }
        assert_eq!(log.lines("all the connections that it may have"), 1);
        assert_eq!(answer(first, b"first\n").await, b"first");
        assert_eq!(answer(second, b"second\n").await, b"second");
        // Whoever has left makes room, once the server has seen it.
        let again = async {
            while answer(connect(&folder).await, b"again\n").await != b"again" {
                tokio::task::yield_now().await;
            }
        };
        timeout(Duration::from_secs(20), again).await.unwrap();
    }

    #[tokio::test]
    async fn an_orderly_end_waits_for_those_who_are_there() {
        let folder = tempfile::tempdir().unwrap();
        let server = serve(&folder, 10);
        let there = connect(&folder).await;
        // A round trip behind it in the queue shows that the first one was taken.
        assert_eq!(answer(connect(&folder).await, b"now\n").await, b"now");
        let ending = tokio::spawn(server.finish(Duration::from_secs(20)));
        assert_eq!(answer(there, b"there\n").await, b"there");
        ending.await.unwrap();
        assert!(!folder.path().join("sock").exists());
    }
}
