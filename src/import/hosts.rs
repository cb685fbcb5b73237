//! The hosts of a profile: `host = name, name (address), name (address:port)`.

use std::collections::HashSet;
use std::net::Ipv6Addr;

use super::file::File;
use super::note::Notes;
use super::sent;
use super::unique::legal;
use crate::model::{HostAddress, HostName};

/// Stands where a profile has no host that a client could dial (RFC 2606 keeps `.invalid` for this).
const NO_HOST: &str = "missing.invalid";

/// A server as the client dials it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Host {
    /// The name in `conf.d`.
    pub(super) name: HostName,
    /// What the client dials, if that is not the name.
    pub(super) address: Option<HostAddress>,
}

/// The servers of a farm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hosts {
    /// At least one, in the order of the old file.
    pub(super) hosts: Vec<Host>,
    /// The SSH port of all of them.
    pub(super) port: u16,
}

/// One host of the list, and its port.
type Dialled = (Host, u16);

/// Reads the list of hosts. `line` is where it stands, if it was written.
pub(super) fn read(
    file: &File,
    notes: &mut Notes,
    items: &[String],
    line: Option<usize>,
    default_port: u16,
) -> Hosts {
    let mut found: Vec<Dialled> = Vec::new();
    let mut names = HashSet::new();
    for item in items.iter().filter(|item| !item.is_empty()) {
        let remarks = &mut Vec::new();
        let host = host(item, default_port, remarks);
        for remark in remarks {
            file.remark(notes, line, format!("host `{item}`: {remark}"));
        }
        let Some(host) = host else { continue };
        let first_port = found.first().map_or(host.1, |(_, port)| *port);
        if host.1 != first_port {
            let message = format!(
                "host `{item}` was left out: its port is not {first_port}, and all hosts of a farm share one; \
                 make a farm and a profile of its own"
            );
            file.remark(notes, line, message);
        } else if names.insert(host.0.name.as_str().to_lowercase()) {
            found.push(host);
        } else {
            let message =
                format!("host `{item}` stands here twice; give it a `weight` if it should get more");
            file.remark(notes, line, message);
        }
    }
    if items.iter().any(|item| item == "localhost") {
        let message = "`localhost` is the broker's own machine for x2gobroker and the user's for X2Go Client; \
                       write the name of the server";
        file.remark(notes, line, message);
    }
    let port = found.first().map_or(default_port, |(_, port)| *port);
    let mut hosts: Vec<Host> = found.into_iter().map(|(host, _)| host).collect();
    if hosts.is_empty() {
        let message = format!("no host is left; {NO_HOST} stands for it until you write one");
        file.remark(notes, line, message);
        hosts.extend(named(NO_HOST));
    }
    Hosts { hosts, port }
}

/// A host that is dialled by its name.
fn named(name: &str) -> Option<Host> {
    let address = HostAddress::new(name).ok()?;
    let name = HostName::new(&legal(name)).ok()?;
    Some(Host {
        address: (name.as_str() != address.as_str()).then_some(address),
        name,
    })
}

fn host(item: &str, default_port: u16, remarks: &mut Vec<String>) -> Option<Dialled> {
    let Some((name, inside)) = item.split_once(" (").and_then(|(name, rest)| {
        let inside = rest.strip_suffix(')')?;
        Some((name, inside))
    }) else {
        return bare(item, default_port, remarks);
    };
    let (address, port) = split_port(inside);
    let port = match port.map(sent::port) {
        None => default_port,
        Some(Some(port)) => port,
        Some(None) => {
            remarks.push(format!(
                "its port is not a number from 1 to 65535; {default_port} was taken"
            ));
            default_port
        }
    };
    let Ok(host_name) = HostName::new(&legal(name)) else {
        return None;
    };
    match HostAddress::new(address) {
        Ok(address) => {
            let address = (host_name.as_str() != address.as_str()).then_some(address);
            let name = host_name;
            Some((Host { name, address }, port))
        }
        Err(why) => {
            remarks.push(format!("{why}; its name is dialled instead, which DNS must know"));
            let host = named(name);
            if host.is_none() {
                remarks.push("it was left out, since its name is no DNS name".to_owned());
            }
            Some((host?, port))
        }
    }
}

/// A host without an address of its own.
fn bare(item: &str, default_port: u16, remarks: &mut Vec<String>) -> Option<Dialled> {
    let (name, port) = split_port(item);
    let port = match port {
        None => default_port,
        Some(text) => {
            remarks.push(
                "was taken for a name and a port; x2gobroker knows only `name (address:port)`".to_owned(),
            );
            sent::port(text).unwrap_or(default_port)
        }
    };
    match HostAddress::new(name) {
        Ok(_) => named(name).map(|host| (host, port)),
        Err(why) => {
            remarks.push(format!("was left out: {why}"));
            None
        }
    }
}

/// Address and port; an IPv6 address has a port only behind brackets.
fn split_port(text: &str) -> (&str, Option<&str>) {
    let text = text.trim();
    if text.parse::<Ipv6Addr>().is_ok() || text.ends_with(']') {
        return (text, None);
    }
    match text.rsplit_once(':') {
        Some((address, port)) => (address, Some(port)),
        None => (text, None),
    }
}

#[cfg(test)]
mod tests {
    use super::super::ini::Ini;
    use super::*;

    fn read_list(list: &str) -> (Vec<String>, Vec<String>) {
        let file = File::new("f", Ini::default());
        let mut notes = Notes::default();
        let items: Vec<String> = list.split(',').map(|item| item.trim().to_owned()).collect();
        let read = read(&file, &mut notes, &items, Some(1), 22);
        let hosts = read.hosts.iter().map(|host| {
            let address = host.address.as_ref().map_or("", HostAddress::as_str);
            format!("{}@{address}:{}", host.name, read.port)
        });
        let notes = notes.into_sorted().iter().map(ToString::to_string).collect();
        (hosts.collect(), notes)
    }

    #[test]
    fn names_addresses_and_ports() {
        let (hosts, notes) = read_list("s-E1 (10.0.2.11:2222), s-E2 (s2.example.org:2222)");
        assert_eq!(hosts, ["s-E1@10.0.2.11:2222", "s-E2@s2.example.org:2222"]);
        assert!(notes.is_empty());
        assert_eq!(read_list("a.example.org, b").0, ["a.example.org@:22", "b@:22"]);
    }

    #[test]
    fn hosts_that_no_client_can_dial_are_told() {
        let (hosts, notes) = read_list("six (2001:db8::1), seven ([2001:db8::2]:22), 2001:db8::3");
        assert_eq!(hosts, ["six@:22", "seven@:22"]);
        assert_eq!(notes.len(), 3);
        let (hosts, notes) = read_list("::1");
        assert_eq!(hosts, ["missing.invalid@:22"]);
        assert_eq!(notes.len(), 2);
    }

    #[test]
    fn other_ports_and_doubles_are_told() {
        let (hosts, notes) = read_list("a, b (b:99), a, c:22");
        assert_eq!(hosts, ["a@:22", "c@:22"]);
        assert_eq!(notes.len(), 3, "{notes:?}");
    }
}
