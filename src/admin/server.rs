//! The daemon's end of the socket.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use super::admission::Admission;
use super::message::{self, REPLY_BYTES_MAX, REQUEST_BYTES_MAX, Reply, Request};
use super::operations::{Asker, Operations};
use crate::socket::{self, Connection, Limits, Server, Socket};

/// Connections at once. Those who may ask are few, and root among them.
const LIMITS: Limits = Limits {
    connections: 32,
    connections_per_user: 32,
};
/// Longest wait for an answer: several reloads, one after the other.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);

/// What all connections share.
struct Desk<O> {
    admission: Admission,
    operations: Arc<O>,
}

/// Serves the members of `group`, root and the daemon's own user. An operation that has begun goes on when the
/// server is dropped. Must be called within a Tokio runtime.
///
/// # Errors
/// If the socket is not one that Tokio can use.
pub fn start<O: Operations>(socket: Socket, group: String, operations: Arc<O>) -> io::Result<Server> {
    let desk = Desk {
        admission: Admission::new(group),
        operations,
    };
    Server::start(socket, LIMITS, desk)
}

impl<O: Operations> socket::Desk for Desk<O> {
    const NAME: &'static str = super::SOCKET.name;

    async fn converse(&self, mut connection: Connection) -> io::Result<()> {
        let uid = connection.peer().uid();
        let reply = if self.admission.admits(connection.peer()).await {
            let line = connection.request(REQUEST_BYTES_MAX).await?;
            match message::decode::<Request>(&line) {
                Ok(request) => self.answer(request, Asker { uid }).await,
                Err(bad) => Reply::Refused(format!("the request was not understood: {bad}")),
            }
        } else {
            self.operations.turned_away(Asker { uid });
            Reply::Refused(self.admission.refusal())
        };
        connection.reply(&bounded(&reply)?).await
    }
}

impl<O: Operations> Desk<O> {
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

/// The line of a reply, within its bound.
fn bounded(reply: &Reply) -> io::Result<Vec<u8>> {
    let line = message::encode(reply)?;
    if line.len() <= REPLY_BYTES_MAX {
        return Ok(line);
    }
    let refused = Reply::Refused(format!("the answer has more than {REPLY_BYTES_MAX} bytes"));
    Ok(message::encode(&refused)?)
}
