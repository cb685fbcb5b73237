//! Where the client of an SSH connection is.

use std::net::IpAddr;

use crate::model::ClientAddress;

/// The client's address in `SSH_CONNECTION` (ssh(1), ENVIRONMENT): the first of its four words. None if it is no
/// address, as for one with a zone (`fe80::1%eth0`), which no rule could mean.
pub fn client_address(ssh_connection: &str) -> Option<ClientAddress> {
    let address: IpAddr = ssh_connection.split(' ').next()?.parse().ok()?;
    Some(ClientAddress::new(address))
}
