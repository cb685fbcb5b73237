//! The daemon's end of the socket.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use tokio::net::unix::UCred;
use tokio::time::timeout;
use zeroize::Zeroizing;

use super::message::{self, REPLY_BYTES_MAX, REQUEST_BYTES_MAX};
use super::settings::{Forced, SOCKET};
use crate::broker::{Broker, Caller, Sender, TurnedAway};
use crate::model::ClientAddress;
use crate::socket::{self, Connection, Limits, Lookups, Peer, Server, Socket};
use crate::wire::{Reply, Request, Task, ssh};

/// Connections at once. X2Go Client has one command run at a time, besides an event now and then.
const LIMITS: Limits = Limits {
    connections: 256,
    connections_per_user: 4,
};

/// What all connections share.
struct Desk {
    broker: Arc<Broker>,
    forced: Forced,
    lookups: Lookups,
}

/// Serves the users of this machine. Each request has as long for its answer as the configuration says. Must be called
/// within a Tokio runtime.
///
/// # Errors
/// If the socket is not one that Tokio can use.
pub fn start(socket: Socket, forced: Forced, broker: Arc<Broker>) -> io::Result<Server> {
    let desk = Desk {
        broker,
        forced,
        lookups: Lookups::default(),
    };
    Server::start(socket, LIMITS, desk)
}

impl socket::Desk for Desk {
    const NAME: &'static str = SOCKET.name;

    async fn converse(&self, mut connection: Connection) -> io::Result<()> {
        let line = Zeroizing::new(connection.request(REQUEST_BYTES_MAX).await?);
        let reply = self.answer(connection.peer(), &line).await;
        connection.reply(&encoded(&reply)?).await
    }
}

impl Desk {
    async fn answer(&self, peer: &UCred, line: &[u8]) -> Reply {
        let uid = peer.uid();
        let asked = match message::Request::decode(line) {
            Ok(asked) => asked,
            Err(bad) => {
                return self
                    .turn_away(uid, None, &TurnedAway::Message(bad.to_string()))
                    .await;
            }
        };
        let request = match ssh::decode(&asked.words) {
            Ok(request) => request,
            Err(bad) => return self.turn_away(uid, bad.task, &bad.into()).await,
        };
        let client = asked.client;
        drop(asked);
        let task = request.task();
        match self.caller(peer, client).await {
            Ok(caller) => self.operate(caller, request).await,
            Err(why) => self.turn_away(uid, Some(task), &why).await,
        }
    }

    async fn turn_away(&self, uid: u32, task: Option<Task>, why: &TurnedAway) -> Reply {
        self.broker.turned_away(Sender::process(uid), task, why).await;
        task.map_or(Reply::Refused, Task::refusal)
    }

    /// Who it is, and where they sit, if that is to be believed.
    async fn caller(&self, connected: &UCred, claimed: Option<IpAddr>) -> Result<Caller, TurnedAway> {
        let peer = self.lookups.peer(connected).await;
        let peer = peer.map_err(|error| TurnedAway::Unknown(error.to_string()))?;
        let peer = peer.ok_or(TurnedAway::Nameless)?;
        let believed = match claimed {
            Some(claimed) if self.is_forced(&peer).await => Some(ClientAddress::new(claimed)),
            _ => None,
        };
        Ok(Caller::Peer {
            peer,
            address: believed,
        })
    }

    /// Whether a user can run nothing but the front end. What cannot be found out speaks against it.
    async fn is_forced(&self, peer: &Peer) -> bool {
        match &self.forced {
            Forced::Nobody => false,
            Forced::Everybody => true,
            Forced::Groups(groups) => {
                let listed = self.lookups.is_listed(peer, groups).await;
                listed.unwrap_or_else(|error| {
                    tracing::warn!(uid = peer.uid(), "where the client is remains unknown: {error}");
                    false
                })
            }
        }
    }

    /// In a task of its own, so that somebody who hangs up does not end it half way.
    async fn operate(&self, caller: Caller, request: Request) -> Reply {
        let task = request.task();
        let (broker, limit) = (Arc::clone(&self.broker), self.broker.snapshot().request_timeout);
        let work = tokio::spawn(async move { timeout(limit, broker.answer(caller, request)).await });
        match work.await {
            Ok(Ok(reply)) => reply,
            // The broker has said in the log that it was too slow, or that it panicked.
            Ok(Err(_)) | Err(_) => task.refusal(),
        }
    }
}

/// The line of a reply, within its bound.
fn encoded(reply: &Reply) -> io::Result<Zeroizing<Vec<u8>>> {
    let text = ssh::encode(reply);
    let line = Zeroizing::new(message::encode_reply(
        std::str::from_utf8(&text).map_err(io::Error::other)?,
    )?);
    if line.len() > REPLY_BYTES_MAX {
        return Err(io::Error::other(format!(
            "the answer has more than {REPLY_BYTES_MAX} bytes"
        )));
    }
    Ok(line)
}
