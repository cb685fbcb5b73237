//! Sockets that listen, and the loop that takes connections from one.

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
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
#[error(
    "cannot listen on {address}, which is in {setting}: {}",
    advice(address, source)
)]
pub struct BindError {
    /// The address.
    pub address: SocketAddr,
    /// The setting that has it.
    pub setting: &'static str,
    /// What the system says.
    pub source: io::Error,
}

/// What is wrong, and what to do.
fn advice(address: &SocketAddr, error: &io::Error) -> String {
    let port = address.port();
    match error.kind() {
        ErrorKind::AddrInUse => format!(
            "another program listens there (`ss -ltnp 'sport = :{port}'` says which); stop it, or name another address. \
             If it is systemd, for x2godirector.socket, then start the broker with `systemctl start x2godirector`"
        ),
        ErrorKind::AddrNotAvailable => {
            "this machine has no such address (`ip address` lists those that it has)".to_owned()
        }
        ErrorKind::PermissionDenied => format!(
            "{error}; for a port below 1024 let systemd listen (x2godirector.socket), or give the service CAP_NET_BIND_SERVICE"
        ),
        _ => error.to_string(),
    }
}

/// Listens on all of these addresses of a setting. `[::]` takes IPv4 connections too, unless `0.0.0.0` with the same
/// port is among the addresses; on a machine without IPv6 it is `0.0.0.0`.
///
/// # Errors
/// Names the first address on which it cannot.
pub fn bind(addresses: &[SocketAddr], setting: &'static str) -> Result<Vec<TcpListener>, BindError> {
    addresses
        .iter()
        .map(|&address| {
            let any_v4 = SocketAddr::from((Ipv4Addr::UNSPECIFIED, address.port()));
            let result = match bind_one(address, addresses.contains(&any_v4)) {
                Err(error) if is_any_v6(address) && is_without_v6(&error) => bind_one(any_v4, false),
                result => result,
            };
            result.map_err(|source| BindError {
                address,
                setting,
                source,
            })
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

/// Whether this is `[::]`.
pub(super) fn is_any_v6(address: SocketAddr) -> bool {
    address.is_ipv6() && address.ip().is_unspecified()
}

/// Whether this machine has IPv6.
pub(super) fn has_v6() -> bool {
    let any_port = SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0));
    !bind_one(any_port, true).is_err_and(|error| is_without_v6(&error))
}

fn is_without_v6(error: &io::Error) -> bool {
    use nix::errno::Errno;
    [Errno::EAFNOSUPPORT, Errno::EADDRNOTAVAIL]
        .iter()
        .any(|errno| error.raw_os_error() == Some(*errno as i32))
}

/// Takes connections until `stop` says so, then closes the socket and waits for the connections to end. Those that the
/// kernel still holds in its queue are left there: where systemd has the socket open too, the next daemon takes them.
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

    const SETTING: &str = "`listen`";

    #[test]
    fn any_v6_and_any_v4_may_share_a_port() {
        let port = bind(&["0.0.0.0:0".parse().unwrap()], SETTING).unwrap()[0]
            .local_addr()
            .unwrap()
            .port();
        let both = [
            SocketAddr::from(([0, 0, 0, 0], port)),
            SocketAddr::from(([0u16; 8], port)),
        ];
        assert_eq!(bind(&both, SETTING).unwrap().len(), 2);
    }

    #[test]
    fn an_address_in_use_is_named_with_what_to_do() {
        let taken = bind(&["127.0.0.1:0".parse().unwrap()], SETTING).unwrap();
        let address = taken[0].local_addr().unwrap();
        let error = bind(&[address], SETTING).unwrap_err().to_string();
        assert!(
            error.starts_with(&format!(
                "cannot listen on {address}, which is in `listen`: another program"
            )),
            "{error}"
        );
        assert!(error.contains(&format!("sport = :{}", address.port())), "{error}");
        assert!(error.contains("systemctl start x2godirector"), "{error}");
    }

    #[test]
    fn an_address_of_another_machine_is_said_to_be_none_of_this() {
        // Reserved for documentation (RFC 5737).
        let error = bind(&["192.0.2.1:0".parse().unwrap()], SETTING).unwrap_err();
        assert!(error.to_string().contains("has no such address"), "{error}");
    }
}
