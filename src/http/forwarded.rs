//! Who the client is when proxies stand between: `X-Forwarded-For`, believed as far as the hops are.

use std::net::{IpAddr, SocketAddr};

use http::HeaderMap;
use http::header::HeaderName;

use crate::model::{ClientAddress, Network};

/// The header that each proxy appends the address of its own client to.
const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The address of the client: the peer itself, unless it is in `believed`; then the hop that it names, unless
/// that one is in `believed` too, and so on from the right to the left. What stands left of the first hop
/// that is not believed, anybody may have written. A hop that is not an address ends the walk at the hop
/// that wrote it.
pub(super) fn client(peer: ClientAddress, headers: &HeaderMap, believed: &[Network]) -> ClientAddress {
    // Several lines of one header are one list (RFC 9110 section 5.3).
    let hops = headers
        .get_all(X_FORWARDED_FOR)
        .iter()
        .rev()
        .flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b','));
    let mut client = peer;
    for hop in hops {
        if !believed.iter().any(|network| network.contains(client)) {
            break;
        }
        match address(hop) {
            Some(address) => client = address,
            None => break,
        }
    }
    client
}

/// Reads one hop. Some proxies write the port too, and then brackets around an IPv6 address.
fn address(hop: &[u8]) -> Option<ClientAddress> {
    let text = std::str::from_utf8(hop).ok()?.trim_ascii();
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let ip = bare
        .unwrap_or(text)
        .parse::<IpAddr>()
        .or_else(|_| text.parse::<SocketAddr>().map(|with_port| with_port.ip()))
        .ok()?;
    Some(ClientAddress::new(ip))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn seen(peer: &str, lines: &[&[u8]]) -> String {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(X_FORWARDED_FOR, HeaderValue::from_bytes(line).unwrap());
        }
        let believed = ["127.0.0.0/8".parse().unwrap(), "2001:db8:1::/48".parse().unwrap()];
        client(ClientAddress::new(peer.parse().unwrap()), &headers, &believed).to_string()
    }

    #[test]
    fn the_walk_goes_from_the_right_to_the_first_hop_not_believed() {
        assert_eq!(seen("127.0.0.1", &[b"9.9.9.9, 10.0.0.7, 127.0.0.5"]), "10.0.0.7");
        assert_eq!(
            seen("127.0.0.1", &[b"9.9.9.9", b"10.0.0.7, 127.0.0.5"]),
            "10.0.0.7"
        );
        assert_eq!(seen("127.0.0.1", &[b"10.0.0.7", b"2001:db8:1::1"]), "10.0.0.7");
    }

    #[test]
    fn a_peer_that_is_not_believed_is_the_client() {
        assert_eq!(seen("192.0.2.1", &[b"9.9.9.9"]), "192.0.2.1");
    }

    #[test]
    fn without_the_header_the_peer_is_the_client() {
        assert_eq!(seen("127.0.0.1", &[]), "127.0.0.1");
    }

    #[test]
    fn a_list_of_believed_hops_alone_ends_at_the_leftmost() {
        assert_eq!(seen("127.0.0.1", &[b"127.0.0.9,127.0.0.8"]), "127.0.0.9");
    }

    #[test]
    fn a_hop_that_is_no_address_ends_the_walk_at_the_one_who_wrote_it() {
        assert_eq!(seen("127.0.0.1", &[b"9.9.9.9, unknown, 127.0.0.5"]), "127.0.0.5");
        assert_eq!(seen("127.0.0.1", &[b"9.9.9.9, "]), "127.0.0.1");
        assert_eq!(seen("127.0.0.1", &[b"9.9.9.9, \xff\xfe"]), "127.0.0.1");
        assert_eq!(seen("127.0.0.1", &[b""]), "127.0.0.1");
    }

    #[test]
    fn ports_brackets_and_mapped_addresses_are_read() {
        assert_eq!(seen("127.0.0.1", &[b"10.0.0.7:4711"]), "10.0.0.7");
        assert_eq!(seen("127.0.0.1", &[b"[2001:db8::7]:4711"]), "2001:db8::7");
        assert_eq!(seen("127.0.0.1", &[b"[2001:db8::7]"]), "2001:db8::7");
        assert_eq!(seen("127.0.0.1", &[b"::ffff:10.0.0.7"]), "10.0.0.7");
    }

    proptest! {
        /// Whatever a client writes, the hop that a believed proxy appended behind it decides.
        #[test]
        fn nothing_left_of_the_clients_own_address_counts(claim in "[ -~]{0,80}") {
            let line = format!("{claim}, 203.0.113.5, 127.0.0.5");
            prop_assert_eq!(seen("127.0.0.1", &[line.as_bytes()]), "203.0.113.5");
        }
    }
}
