//! Sockets on which systemd listens for the broker (sd_listen_fds(3)): taken over, and held against `listen`.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use listenfd::ListenFd;
use socket2::SockRef;

use super::listener;

/// What was handed over, in the order of the unit. Most often nothing.
#[derive(Debug, Default)]
pub struct Activated(Vec<TcpListener>);

/// A socket that was handed over, as far as `listen` says anything of it.
#[derive(Debug, Clone, Copy)]
struct Handed {
    address: SocketAddr,
    /// Takes no IPv4 connections (ipv6(7), `IPV6_V6ONLY`).
    only_v6: bool,
}

/// Addresses as they are listed to an admin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addresses(Vec<SocketAddr>);

/// Why the sockets that were handed over are not served.
#[derive(Debug, thiserror::Error)]
pub enum ActivationError {
    /// What was handed over is nothing that TCP connections come from.
    #[error(
        "systemd handed over something that is no listening TCP socket ({source}): its unit must have \
         ListenStream= with an address or a port, and Accept=no"
    )]
    NoListener {
        /// What the system says.
        source: io::Error,
    },
    /// The unit and the configuration name different addresses.
    #[error(
        "systemd listens on {sockets} for the broker, but `listen` in [server] names {listen}: write the same into both. \
         The socket unit is changed with `systemctl edit x2godirector.socket` (an empty ListenStream= first, then one \
         for each address) and `systemctl restart x2godirector.socket`"
    )]
    Differs {
        /// What the unit names.
        sockets: Addresses,
        /// What the configuration names.
        listen: Addresses,
    },
    /// The unit keeps IPv4 out where the configuration does not.
    #[error(
        "systemd listens on {address} for the broker without IPv4, but for `listen` in [server] it takes IPv4 too, unless \
         0.0.0.0:{port} is named beside it: set BindIPv6Only=both in the socket unit, or name 0.0.0.0:{port} in both",
        port = address.port()
    )]
    OnlyV6 {
        /// The address of both.
        address: SocketAddr,
    },
}

impl Activated {
    /// Takes what systemd handed to this process, and the variables that say so, so that no program started later takes
    /// itself for meant. To be called before there are other threads: the environment is changed.
    ///
    /// # Errors
    /// Something is no TCP socket that listens.
    pub fn from_environment() -> Result<Self, ActivationError> {
        let mut handed = ListenFd::from_env();
        let mut sockets = Vec::new();
        for at in 0..handed.len() {
            let taken = handed.take_tcp_listener(at);
            let Some(socket) = taken.map_err(|source| ActivationError::NoListener { source })? else {
                continue;
            };
            match SockRef::from(&socket).is_listener() {
                Ok(true) => sockets.push(socket),
                Ok(false) => {
                    let source = io::Error::other("it does not listen");
                    return Err(ActivationError::NoListener { source });
                }
                Err(source) => return Err(ActivationError::NoListener { source }),
            }
        }
        Ok(Self(sockets))
    }

    /// Whether nothing was handed over: then the broker listens by itself.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The sockets, if they are those of `listen` and no others.
    ///
    /// # Errors
    /// Names what both say.
    pub fn for_addresses(self, listen: &[SocketAddr]) -> Result<Vec<TcpListener>, ActivationError> {
        let handed = self
            .0
            .iter()
            .map(Handed::of)
            .collect::<io::Result<Vec<_>>>()
            .map_err(|source| ActivationError::NoListener { source })?;
        compare(listen, &handed, listener::has_v6())?;
        Ok(self.0)
    }
}

impl Handed {
    fn of(socket: &TcpListener) -> io::Result<Self> {
        let address = socket.local_addr()?;
        let only_v6 = address.is_ipv6() && SockRef::from(socket).only_v6()?;
        Ok(Self { address, only_v6 })
    }

    /// Whether this is the socket of an address of the configuration. Port 0 stands for any.
    fn serves(&self, listen: SocketAddr, has_v6: bool) -> bool {
        let same_port = listen.port() == 0 || listen.port() == self.address.port();
        let is_same = listen.ip().to_canonical() == self.address.ip().to_canonical();
        // As where the broker listens by itself.
        let is_in_place =
            !has_v6 && listener::is_any_v6(listen) && self.address.ip() == Ipv4Addr::UNSPECIFIED;
        same_port && (is_same || is_in_place)
    }
}

/// Holds the addresses of the configuration against the sockets: each has the other, one for one.
fn compare(listen: &[SocketAddr], handed: &[Handed], has_v6: bool) -> Result<(), ActivationError> {
    let mut rest = handed.to_vec();
    // Whoever takes any port comes last.
    let mut ordered = listen.to_vec();
    ordered.sort_by_key(|address| address.port() == 0);
    for address in ordered {
        let Some(at) = rest.iter().position(|socket| socket.serves(address, has_v6)) else {
            return Err(differs(listen, handed));
        };
        let socket = rest.swap_remove(at);
        let any_v4 = SocketAddr::from((Ipv4Addr::UNSPECIFIED, address.port()));
        if listener::is_any_v6(address) && socket.only_v6 && !listen.contains(&any_v4) {
            return Err(ActivationError::OnlyV6 {
                address: socket.address,
            });
        }
    }
    if rest.is_empty() {
        Ok(())
    } else {
        Err(differs(listen, handed))
    }
}

fn differs(listen: &[SocketAddr], handed: &[Handed]) -> ActivationError {
    ActivationError::Differs {
        sockets: Addresses(handed.iter().map(|socket| socket.address).collect()),
        listen: Addresses(listen.to_vec()),
    }
}

impl fmt::Display for Addresses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, address) in self.0.iter().enumerate() {
            let between = if at == 0 { "" } else { ", " };
            write!(f, "{between}{address}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(texts: &[&str]) -> Vec<SocketAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    fn handed(texts: &[&str]) -> Vec<Handed> {
        let of = |address| Handed {
            address,
            only_v6: false,
        };
        addresses(texts).into_iter().map(of).collect()
    }

    fn agree(listen: &[&str], sockets: &[&str]) -> bool {
        compare(&addresses(listen), &handed(sockets), true).is_ok()
    }

    #[test]
    fn each_address_has_its_socket_and_each_socket_its_address() {
        assert!(agree(&["[::]:8443"], &["[::]:8443"]));
        assert!(agree(
            &["127.0.0.1:1", "[::1]:2", "127.0.0.1:3"],
            &["127.0.0.1:3", "127.0.0.1:1", "[::1]:2"]
        ));
        assert!(
            !agree(&["127.0.0.1:1", "[::1]:2"], &["127.0.0.1:1"]),
            "one too few"
        );
        assert!(
            !agree(&["127.0.0.1:1"], &["127.0.0.1:1", "[::1]:2"]),
            "one too many"
        );
        assert!(!agree(&["127.0.0.1:1"], &["127.0.0.1:2"]));
        assert!(!agree(&["127.0.0.1:1"], &["0.0.0.0:1"]), "more of the world");
        assert!(!agree(&["0.0.0.0:1"], &["[::]:1"]));
        assert!(agree(&["[::ffff:127.0.0.1]:1"], &["127.0.0.1:1"]));
    }

    #[test]
    fn port_0_takes_what_no_other_address_needs() {
        assert!(agree(
            &["127.0.0.1:0", "127.0.0.1:1"],
            &["127.0.0.1:1", "127.0.0.1:9"]
        ));
        assert!(!agree(&["127.0.0.1:0"], &["127.0.0.2:9"]));
    }

    #[test]
    fn any_v6_means_what_it_means_where_the_broker_listens_by_itself() {
        let only_v6 = [Handed {
            address: "[::]:1".parse().unwrap(),
            only_v6: true,
        }];
        let without_v4 = compare(&addresses(&["[::]:1"]), &only_v6, true);
        assert!(
            matches!(without_v4, Err(ActivationError::OnlyV6 { .. })),
            "{without_v4:?}"
        );
        let both = [&only_v6[..], &handed(&["0.0.0.0:1"])].concat();
        assert!(compare(&addresses(&["[::]:1", "0.0.0.0:1"]), &both, true).is_ok());
        // Without IPv6 on the machine.
        let any_v4 = handed(&["0.0.0.0:1"]);
        assert!(compare(&addresses(&["[::]:1"]), &any_v4, true).is_err());
        assert!(compare(&addresses(&["[::]:1"]), &any_v4, false).is_ok());
    }

    #[test]
    fn what_differs_is_told_with_both_sides() {
        let error = compare(
            &addresses(&["[::]:8443", "[::1]:2"]),
            &handed(&["0.0.0.0:443"]),
            true,
        );
        let text = error.unwrap_err().to_string();
        assert!(
            text.contains("listens on 0.0.0.0:443 for") && text.contains("names [::]:8443, [::1]:2:"),
            "{text}"
        );
    }
}
