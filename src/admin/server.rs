//! The daemon's end of the socket.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::admission::Admission;
use super::message::{self, REPLY_BYTES_MAX, REQUEST_BYTES_MAX, Reply, Request};
use super::operations::{Asker, Operations};
use super::socket::Socket;

/// Most connections at once; those beyond are closed.
const CONNECTIONS_MAX: usize = 32;
/// Longest wait for a request, and for the asker to take the reply.
const TRANSFER_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest wait for an answer: several reloads, one after the other.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);
/// Pause after a failed accept. Without file descriptors (EMFILE) it would fail again at once.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The admin socket in service. Dropping it ends every connection and removes the socket; an operation that has
/// begun goes on.
#[derive(Debug)]
pub struct Server {
    _accepting: JoinSet<()>,
    _socket: Socket,
}

/// What all connections share.
struct Desk<O> {
    admission: Admission,
    operations: Arc<O>,
}

impl Server {
    /// Serves the members of `group`, root and the daemon's own user. Must be called within a Tokio runtime.
    ///
    /// # Errors
    /// If the socket is not one that Tokio can use.
    pub fn start<O: Operations>(socket: Socket, group: String, operations: Arc<O>) -> io::Result<Self> {
        let listener = socket.listener()?;
        let desk = Arc::new(Desk {
            admission: Admission::new(group),
            operations,
        });
        let mut accepting = JoinSet::new();
        accepting.spawn(accept_all(listener, desk));
        Ok(Self {
            _accepting: accepting,
            _socket: socket,
        })
    }
}

async fn accept_all<O: Operations>(listener: UnixListener, desk: Arc<Desk<O>>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) if connections.len() < CONNECTIONS_MAX => {
                    connections.spawn(Arc::clone(&desk).serve(stream));
                }
                Ok(_) => tracing::warn!("the admin socket has all the connections that it may have"),
                Err(error) => {
                    tracing::warn!("cannot accept a connection at the admin socket: {error}");
                    sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
}

impl<O: Operations> Desk<O> {
    async fn serve(self: Arc<Self>, stream: UnixStream) {
        if let Err(error) = self.converse(stream).await {
            tracing::debug!("admin socket: {error}");
        }
    }

    async fn converse(&self, stream: UnixStream) -> io::Result<()> {
        let peer = stream.peer_cred()?;
        let mut stream = BufReader::new(stream);
        let reply = if self.admission.admits(&peer).await {
            let line = timeout(TRANSFER_TIMEOUT, read_line(&mut stream)).await??;
            match message::decode::<Request>(&line) {
                Ok(request) => self.answer(request, Asker { uid: peer.uid() }).await,
                Err(bad) => Reply::Refused(format!("the request was not understood: {bad}")),
            }
        } else {
            tracing::warn!(uid = peer.uid(), "refused at the admin socket");
            Reply::Refused(self.admission.refusal())
        };
        timeout(TRANSFER_TIMEOUT, stream.write_all(&bounded(&reply)?)).await??;
        timeout(TRANSFER_TIMEOUT, stream.shutdown()).await?
    }

    /// In a task of its own, so that an asker who hangs up does not end it half way.
    async fn answer(&self, request: Request, asker: Asker) -> Reply {
        let operations = Arc::clone(&self.operations);
        let work = tokio::spawn(async move { operations.answer(request, asker).await });
        match timeout(ANSWER_TIMEOUT, work).await {
            Ok(Ok(reply)) => reply,
            Ok(Err(_)) => Reply::Refused("the daemon failed; its log says more".to_owned()),
            Err(_) => Reply::Refused(format!(
                "no answer within {ANSWER_TIMEOUT:?}; it is still worked on"
            )),
        }
    }
}

/// The line of a request, without its end.
async fn read_line(stream: &mut BufReader<UnixStream>) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    let limit = u64::try_from(REQUEST_BYTES_MAX).unwrap_or(u64::MAX);
    stream.take(limit + 1).read_until(b'\n', &mut line).await?;
    match line.pop() {
        Some(b'\n') => Ok(line),
        _ if line.len() >= REQUEST_BYTES_MAX => Err(io::Error::other("the request is too long")),
        _ => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

/// The line of a reply, within its bound.
fn bounded(reply: &Reply) -> io::Result<Vec<u8>> {
    let line = message::encode(reply)?;
    if line.len() <= REPLY_BYTES_MAX {
        return Ok(line);
    }
    let refused = Reply::Refused(format!("the answer has more than {REPLY_BYTES_MAX} bytes"));
    Ok(message::encode(&refused)?)
}
