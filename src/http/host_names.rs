//! The names and addresses of this machine, for the certificate that it makes itself.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use nix::ifaddrs::getifaddrs;
use nix::unistd::gethostname;

/// What a client may call this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct HostNames {
    /// The full name first, then the short one and `localhost`.
    pub(super) names: Vec<String>,
    /// The addresses of its interfaces.
    pub(super) addresses: BTreeSet<IpAddr>,
}

impl HostNames {
    /// Asks the kernel and the files of the resolver, never the network: a name server that does not answer
    /// must not delay the start.
    pub(super) fn of_this_machine() -> Self {
        let host = gethostname()
            .ok()
            .and_then(|name| name.into_string().ok())
            .unwrap_or_default();
        let read = |path| std::fs::read_to_string(path).unwrap_or_default();
        Self {
            names: names(&host, &read("/etc/hosts"), &read("/etc/resolv.conf")),
            addresses: addresses(),
        }
    }
}

/// The full name is the host name if that has a domain, else the first name of its line in `hosts` (Debian's
/// installer writes `127.0.1.1 name.domain name`), else the host name in the domain of `resolv.conf`.
fn names(host: &str, hosts: &str, resolv_conf: &str) -> Vec<String> {
    let short = host.split('.').next().unwrap_or_default();
    let full = if host.contains('.') {
        Some(host.to_owned())
    } else {
        hosts_name(host, hosts).or_else(|| domain(resolv_conf).map(|domain| format!("{host}.{domain}")))
    };
    let mut names: Vec<String> = Vec::new();
    for name in full.iter().map(String::as_str).chain([host, short, "localhost"]) {
        let name = name.to_ascii_lowercase();
        if is_name(&name) && !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// The first name on the line of `hosts` that names `host`, if it has a domain.
fn hosts_name(host: &str, hosts: &str) -> Option<String> {
    hosts
        .lines()
        .map(|line| {
            line.split('#')
                .next()
                .unwrap_or_default()
                .split_whitespace()
                .skip(1)
        })
        .find(|names| names.clone().any(|name| name.eq_ignore_ascii_case(host)))
        .and_then(|mut names| names.next())
        .filter(|name| name.contains('.'))
        .map(str::to_owned)
}

/// The `domain` or the first `search` domain; the last line counts (resolv.conf(5)).
fn domain(resolv_conf: &str) -> Option<&str> {
    resolv_conf
        .lines()
        .rev()
        .map(str::split_whitespace)
        .find_map(|mut words| {
            matches!(words.next(), Some("domain" | "search"))
                .then(|| words.next())
                .flatten()
        })
        .map(|domain| domain.trim_end_matches('.'))
        .filter(|domain| !domain.is_empty())
}

/// Whether a certificate may hold it: a host name of RFC 1123.
fn is_name(name: &str) -> bool {
    name.len() <= 253
        && name.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && label
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        })
}

/// The addresses of the interfaces, without those that mean nothing to another machine without an interface
/// name (link-local IPv6), and with both of loopback.
fn addresses() -> BTreeSet<IpAddr> {
    let interfaces = getifaddrs().into_iter().flatten().filter_map(|interface| {
        let address = interface.address?;
        let v4 = address.as_sockaddr_in().map(|v4| IpAddr::V4(v4.ip()));
        v4.or_else(|| address.as_sockaddr_in6().map(|v6| IpAddr::V6(v6.ip())))
    });
    interfaces
        .filter(|address| match address {
            IpAddr::V4(_) => true,
            IpAddr::V6(v6) => !v6.is_unicast_link_local(),
        })
        .chain([Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_full_name_comes_first() {
        let plain = ["broker.example.org", "broker", "localhost"];
        assert_eq!(names("broker.example.org", "", ""), plain);
        assert_eq!(
            names(
                "broker",
                "127.0.0.1 localhost\n127.0.1.1\tBroker.example.org broker # us\n",
                ""
            ),
            plain
        );
        assert_eq!(
            names("broker", "", "nameserver 192.0.2.1\nsearch example.org lab\n"),
            plain
        );
    }

    #[test]
    fn without_a_domain_the_short_name_is_all() {
        assert_eq!(
            names("vm", "127.0.0.1 vm\n", "nameserver 192.0.2.1\n"),
            ["vm", "localhost"]
        );
        assert_eq!(names("", "", "search example.org"), ["localhost"]);
        assert_eq!(names("bad_name\n", "", ""), ["localhost"]);
    }

    #[test]
    fn loopback_is_always_among_the_addresses() {
        let found = addresses();
        assert!(found.contains(&"127.0.0.1".parse().unwrap()));
        assert!(found.contains(&"::1".parse().unwrap()));
    }
}
