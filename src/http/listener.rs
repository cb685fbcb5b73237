//! Sockets that listen, and the loop that takes connections from one.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::pin::pin;
use std::sync::Arc;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::{JoinError, JoinSet};

use super::connection::Gate;
use super::limits::{ACCEPT_PAUSE, BACKLOG};
use super::stop::Stop;
use crate::model::ClientAddress;

/// An address on which the broker cannot listen.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {source}")]
pub struct BindError {
    /// The address.
    pub address: SocketAddr,
    /// What the system says.
    pub source: io::Error,
}

/// Listens on all of these addresses. `[::]` takes IPv4 connections too, unless `0.0.0.0` with the same port
/// is among the addresses; on a machine without IPv6 it is `0.0.0.0`.
///
/// # Errors
/// Names the first address on which it cannot.
pub fn bind(addresses: &[SocketAddr]) -> Result<Vec<TcpListener>, BindError> {
    addresses
        .iter()
        .map(|&address| {
            let any_v4 = SocketAddr::from((Ipv4Addr::UNSPECIFIED, address.port()));
            let result = match bind_one(address, addresses.contains(&any_v4)) {
                Err(error) if is_any_v6(address) && is_without_v6(&error) => bind_one(any_v4, false),
                result => result,
            };
            result.map_err(|source| BindError { address, source })
        })
        .collect()
}

fn bind_one(address: SocketAddr, only_v6: bool) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(only_v6)?;
    }
    // A restart need not wait for the connections of the process before it.
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

fn is_any_v6(address: SocketAddr) -> bool {
    address.is_ipv6() && address.ip().is_unspecified()
}

fn is_without_v6(error: &io::Error) -> bool {
    use nix::errno::Errno;
    [Errno::EAFNOSUPPORT, Errno::EADDRNOTAVAIL]
        .iter()
        .any(|errno| error.raw_os_error() == Some(*errno as i32))
}

/// Takes connections until `stop` says so, then closes the socket and waits for the connections to end.
/// Dropping the future ends them at once.
pub(super) async fn accept_all(
    listener: tokio::net::TcpListener,
    gate: Arc<Gate>,
    slots: Arc<Semaphore>,
    stop: Stop,
) {
    let mut connections = JoinSet::new();
    let mut stopped = pin!(stop.clone().given());
    loop {
        tokio::select! {
            () = stopped.as_mut() => break,
            Some(ended) = connections.join_next() => note(ended),
            accepted = accept(&listener, &slots) => {
                let Some((tcp, remote, slot)) = accepted else { continue };
                connections.spawn(Arc::clone(&gate).serve(tcp, remote, slot, stop.clone()));
            }
        }
    }
    drop(listener);
    while let Some(ended) = connections.join_next().await {
        note(ended);
    }
}

/// The next connection and its slot. The slot comes first, so that while all are taken the others wait in the
/// kernel's queue and cost nothing.
async fn accept(
    listener: &tokio::net::TcpListener,
    slots: &Arc<Semaphore>,
) -> Option<(tokio::net::TcpStream, ClientAddress, OwnedSemaphorePermit)> {
    let slot = Arc::clone(slots).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((tcp, remote)) => {
            // Replies are small and whole; waiting to fill a packet only delays them.
            if let Err(error) = tcp.set_nodelay(true) {
                tracing::debug!("cannot set TCP_NODELAY: {error}");
            }
            Some((tcp, ClientAddress::new(remote.ip()), slot))
        }
        // The peer has gone before it was its turn.
        Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => None,
        Err(error) => {
            tracing::warn!("cannot accept a connection: {error}");
            tokio::time::sleep(ACCEPT_PAUSE).await;
            None
        }
    }
}

fn note(ended: Result<(), JoinError>) {
    if let Err(failed) = ended {
        tracing::error!("a connection ended badly: {failed}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_v6_and_any_v4_may_share_a_port() {
        let port = bind(&["0.0.0.0:0".parse().unwrap()]).unwrap()[0]
            .local_addr()
            .unwrap()
            .port();
        let both = [
            SocketAddr::from(([0, 0, 0, 0], port)),
            SocketAddr::from(([0u16; 8], port)),
        ];
        assert_eq!(bind(&both).unwrap().len(), 2);
    }

    #[test]
    fn an_address_in_use_is_named() {
        let taken = bind(&["127.0.0.1:0".parse().unwrap()]).unwrap();
        let address = taken[0].local_addr().unwrap();
        let error = bind(&[address]).unwrap_err().to_string();
        assert!(error.contains(&address.to_string()), "{error}");
    }
}
