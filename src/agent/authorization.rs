//! What a host needs so that the broker may run its agent: a line of keys for the agents' account, and the commands that
//! put it there. Pure, but for asking which addresses this machine is seen under.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

use super::Settings;
use super::broker_key::public_line;
use crate::model::{Machine, Network, PublicKey};

/// Longest wait for the addresses of a name, and for each connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// What the commands do. It runs as root; the file is written by the account itself, so that nothing there can lead root
/// anywhere else. A line with the same key is replaced.
const COMMANDS: &str = r#"set -eu
home=$(getent passwd {user} | cut -d: -f6)
if [ -z "$home" ] || [ ! -x {command} ]; then
    echo 'the agent {command} or its account {user} is not there: apt-get install x2gobroker-agent sudo' >&2
    exit 1
fi
command -v sudo >/dev/null || echo 'the agent does nothing for users without sudo: apt-get install sudo' >&2
runuser -u {user} -- sh -euc '
    umask 077
    mkdir -p "$1/.ssh"
    touch "$1/.ssh/authorized_keys"
    grep -vF "$2" "$1/.ssh/authorized_keys" >"$1/.ssh/authorized_keys.new" || [ $? -eq 1 ]
    printf "%s\n" "$3" >>"$1/.ssh/authorized_keys.new"
    mv "$1/.ssh/authorized_keys.new" "$1/.ssh/authorized_keys"
' sh "$home" '{key}' '{line}'
"#;

/// The line that lets the key run the agent and nothing else, from these networks (sshd(8), AUTHORIZED_KEYS FILE
/// FORMAT). The agent takes what it was asked from `SSH_ORIGINAL_COMMAND`.
pub fn line(key: &PublicKey, from: &[Network], settings: &Settings) -> String {
    let from: Vec<String> = from.iter().map(Network::to_string).collect();
    format!(
        "restrict,from=\"{}\",command=\"{}\" {}",
        from.join(","),
        settings.command,
        public_line(key)
    )
}

/// Commands for a shell of root on the host that put the line into the keys of the agents' account.
pub fn commands(key: &PublicKey, line: &str, settings: &Settings) -> String {
    COMMANDS
        .replace("{user}", &settings.user)
        .replace("{command}", &settings.command)
        .replace("{key}", &key.to_string())
        .replace("{line}", line)
}

/// The addresses of this machine that a host sees, tried on each address that the host has.
///
/// # Errors
/// None of them takes a connection.
pub async fn seen_as(machine: &Machine) -> Result<Vec<Network>, String> {
    let late = |_| format!("it took longer than {CONNECT_TIMEOUT:?}");
    let asked = lookup_host((machine.address(), machine.port()));
    let found = timeout(CONNECT_TIMEOUT, asked).await.map_err(late)?;
    let found = found.map_err(|error| format!("{machine}: {error}"))?;
    let mut own = BTreeSet::new();
    let mut trouble = "it has no address".to_owned();
    for address in found {
        match timeout(CONNECT_TIMEOUT, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => own.extend(stream.local_addr().map(|own| own.ip().to_canonical())),
            Ok(Err(error)) => trouble = error.to_string(),
            Err(elapsed) => trouble = late(elapsed),
        }
    }
    let networks: Vec<Network> = own.iter().filter_map(only).collect();
    if networks.is_empty() {
        return Err(format!("{machine} takes no connection: {trouble}"));
    }
    Ok(networks)
}

fn only(address: &IpAddr) -> Option<Network> {
    address.to_string().parse().ok()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f";

    #[test]
    fn the_line_holds_the_key_to_the_agent_and_to_the_broker() {
        let key = PublicKey::parse(KEY).unwrap();
        let from = ["10.0.0.5", "2001:db8::/64"].map(|text| text.parse().unwrap());
        let settings = Settings::beside(Path::new("/s"));
        let line = line(&key, &from, &settings);
        assert_eq!(
            line,
            format!(
                "restrict,from=\"10.0.0.5/32,2001:db8::/64\",command=\"/usr/lib/x2go/x2gobroker-agent\" {KEY} x2godirector"
            )
        );
        let commands = commands(&key, &line, &settings);
        assert!(!commands.contains(['{', '}']), "{commands}");
        assert!(
            commands.ends_with(&format!("' sh \"$home\" '{KEY}' '{line}'\n")),
            "{commands}"
        );
    }

    #[tokio::test]
    async fn this_machine_is_seen_under_its_own_address() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = crate::model::HostAddress::new("127.0.0.1").unwrap();
        let machine = Machine::new(&address, listener.local_addr().unwrap().port());
        let seen: Vec<_> = seen_as(&machine)
            .await
            .unwrap()
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(seen, ["127.0.0.1/32"]);
    }
}
