//! The daemon's end of the socket.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::unix::UCred;
use tokio::time::timeout;
use zeroize::Zeroizing;

use super::message::{self, REPLY_BYTES_MAX, REQUEST_BYTES_MAX};
use super::settings::{Forced, SOCKET};
use crate::broker::{Broker, Caller};
use crate::model::ClientAddress;
use crate::socket::{self, Connection, Limits, Lookups, Peer, Server, Socket};
use crate::wire::{Reply, Request, ssh};

/// Connections at once. X2Go Client has one command run at a time, besides an event now and then.
const LIMITS: Limits = Limits {
    connections: 256,
    connections_per_user: 4,
};

/// What all connections share.
struct Desk {
    broker: Arc<Broker>,
    forced: Forced,
    request_timeout: Duration,
    lookups: Lookups,
}

/// Serves the users of this machine. Each request has `request_timeout` for its answer. Must be called within a Tokio
/// runtime.
///
/// # Errors
/// If the socket is not one that Tokio can use.
pub fn start(
    socket: Socket,
    forced: Forced,
    request_timeout: Duration,
    broker: Arc<Broker>,
) -> io::Result<Server> {
    let desk = Desk {
        broker,
        forced,
        request_timeout,
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
                tracing::info!(uid, "bad request at the {}: {bad}", SOCKET.name);
                return Reply::Refused;
            }
        };
        let request = match ssh::decode(&asked.words) {
            Ok(request) => request,
            Err(bad) => {
                tracing::info!(uid, "bad request at the {}: {bad}", SOCKET.name);
                return bad.refusal();
            }
        };
        let client = asked.client;
        drop(asked);
        let task = request.task();
        match self.caller(peer, client).await {
            Ok(caller) => self.operate(caller, request).await,
            Err(why) => {
                tracing::warn!(uid, task = task.as_str(), "refused at the {}: {why}", SOCKET.name);
                task.refusal()
            }
        }
    }

    /// Who it is, and where they sit, if that is to be believed.
    async fn caller(&self, connected: &UCred, claimed: Option<IpAddr>) -> Result<Caller, String> {
        let peer = self.lookups.peer(connected).await;
        let peer = peer.map_err(|error| error.to_string())?;
        let peer = peer.ok_or("this machine has no user with that uid")?;
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
        let (uid, task) = (caller.uid(), request.task());
        let (broker, limit) = (Arc::clone(&self.broker), self.request_timeout);
        let work = tokio::spawn(async move { timeout(limit, broker.answer(caller, request)).await });
        match work.await {
            Ok(Ok(reply)) => reply,
            Ok(Err(_)) => {
                tracing::warn!(
                    uid,
                    task = task.as_str(),
                    "refused: no answer within `request_timeout`"
                );
                task.refusal()
            }
            // Without the words of the panic, in which a word of the request might stand.
            Err(_) => {
                tracing::error!(
                    uid,
                    task = task.as_str(),
                    "refused: the operation panicked or was cut off"
                );
                task.refusal()
            }
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
