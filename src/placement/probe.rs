//! Asking a host whether it takes connections: opens one to its SSH port and closes it.

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpStream, lookup_host};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::model::Machine;

/// Longest wait for the name of a host to be resolved.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(1);
/// Longest wait for a connection: one lost SYN is sent again after 1 s (RFC 6298 section 2).
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// Longest a probe that has begun can take.
pub(super) const PROBE_TIMEOUT: Duration = LOOKUP_TIMEOUT.saturating_add(CONNECT_TIMEOUT);
/// Probes at a time.
const PROBES_MAX: usize = 64;
/// Lookups at a time. The system's resolver cannot be interrupted: each one holds a thread of the runtime's
/// blocking pool, which others need too, for as long as it likes.
const LOOKUPS_MAX: usize = 8;
/// Addresses of one name that are tried.
const ADDRESSES_MAX: usize = 4;

/// Why a probe did not reach a machine.
#[derive(Debug, thiserror::Error)]
pub(super) enum Silence {
    /// Its name was never resolved.
    #[error("its name cannot be resolved: {0}")]
    Name(io::Error),
    /// It cannot be connected to.
    #[error("no connection: {0}")]
    Connection(io::Error),
    /// The broker lacks something for it (file descriptors, memory): says nothing of the machine.
    #[error("could not be tried: {0}")]
    NotTried(io::Error),
}

/// Makes probes, not too many at a time.
#[derive(Debug)]
pub(super) struct Prober {
    probes: Semaphore,
    lookups: Arc<Semaphore>,
}

impl Prober {
    pub fn new() -> Self {
        Self {
            probes: Semaphore::new(PROBES_MAX),
            lookups: Arc::new(Semaphore::new(LOOKUPS_MAX)),
        }
    }

    /// Connects to one of the machine's addresses. `known` are those of the last lookup that succeeded: they
    /// serve while the resolver does not, for a name server that is down does not take the hosts down.
    ///
    /// # Errors
    /// Says why there is no connection.
    pub async fn probe(&self, machine: &Machine, known: &mut Vec<SocketAddr>) -> Result<(), Silence> {
        let _turn = self.probes.acquire().await;
        match self.addresses(machine).await {
            Ok(addresses) => *known = addresses,
            Err(error) if known.is_empty() => return Err(Silence::Name(error)),
            Err(_) => {}
        }
        timeout(CONNECT_TIMEOUT, connect(known))
            .await
            .unwrap_or_else(|_| Err(ErrorKind::TimedOut.into()))
            .map_err(|error| {
                if speaks_of_the_machine(&error) {
                    Silence::Connection(error)
                } else {
                    Silence::NotTried(error)
                }
            })
    }

    async fn addresses(&self, machine: &Machine) -> io::Result<Vec<SocketAddr>> {
        if let Ok(address) = machine.address().parse::<Ipv4Addr>() {
            return Ok(vec![(address, machine.port()).into()]);
        }
        let resolved = async {
            let turn = Arc::clone(&self.lookups).acquire_owned().await;
            let (name, port) = (machine.address().to_owned(), machine.port());
            // In a task of its own, so that its turn ends with the lookup and not with our patience.
            let lookup = tokio::spawn(async move {
                let _turn = turn;
                lookup_host((name, port)).await.map(|found| found.collect())
            });
            let mut found: Vec<_> = lookup.await.map_err(io::Error::other)??;
            found.truncate(ADDRESSES_MAX);
            Ok(found)
        };
        timeout(LOOKUP_TIMEOUT, resolved)
            .await
            .unwrap_or_else(|_| Err(ErrorKind::TimedOut.into()))
    }
}

/// Connects to all addresses at once, so that a dead one hides none; the first connection is enough.
async fn connect(addresses: &[SocketAddr]) -> io::Result<()> {
    let mut attempts: JoinSet<_> = addresses.iter().copied().map(TcpStream::connect).collect();
    let mut failure = ErrorKind::AddrNotAvailable.into();
    while let Some(attempt) = attempts.join_next().await {
        match attempt {
            Ok(Ok(_connection)) => return Ok(()),
            Ok(Err(error)) => failure = error,
            Err(error) => failure = io::Error::other(error),
        }
    }
    Err(failure)
}

/// Whether an error of `connect(2)` is the machine's or the network's answer and not the lack of something
/// here.
fn speaks_of_the_machine(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ConnectionRefused
            | ErrorKind::ConnectionReset
            | ErrorKind::ConnectionAborted
            | ErrorKind::HostUnreachable
            | ErrorKind::NetworkUnreachable
            | ErrorKind::NetworkDown
            | ErrorKind::PermissionDenied
            | ErrorKind::TimedOut
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::HostAddress;

    #[tokio::test]
    async fn known_addresses_serve_while_the_resolver_does_not() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let machine = Machine::new(&HostAddress::new("ghost.invalid").unwrap(), 22);
        let prober = Prober::new();
        let unresolved = prober.probe(&machine, &mut Vec::new()).await;
        assert!(matches!(unresolved, Err(Silence::Name(_))), "{unresolved:?}");
        let mut known = vec![listener.local_addr().unwrap()];
        prober.probe(&machine, &mut known).await.unwrap();
    }

    #[tokio::test]
    async fn one_address_that_answers_is_enough() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let live = listener.local_addr().unwrap();
        // Bound but not listening: refuses.
        let held = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        held.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())
            .unwrap();
        let dead = held.local_addr().unwrap().as_socket().unwrap();
        connect(&[dead, live]).await.unwrap();
        let refused = connect(&[dead]).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    }

    #[test]
    fn a_broker_out_of_file_descriptors_says_nothing_of_a_machine() {
        const EMFILE: i32 = 24;
        const EHOSTUNREACH: i32 = 113;
        assert!(!speaks_of_the_machine(&io::Error::from_raw_os_error(EMFILE)));
        assert!(speaks_of_the_machine(&io::Error::from_raw_os_error(EHOSTUNREACH)));
    }
}
