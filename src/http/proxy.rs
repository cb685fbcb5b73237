//! The PROXY protocol, versions 1 and 2, as HAProxy's `doc/proxy-protocol.txt` describes it: the header with
//! which a load balancer says whose connection it passes on.

use std::io;
use std::net::IpAddr;

use ppp::{v1, v2};
use tokio::io::{AsyncRead, AsyncReadExt};

/// What version 1 begins with.
const V1_SIGNATURE: &[u8] = b"PROXY ";

/// What version 2 begins with.
const V2_SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// Longest header of version 1, in bytes, line end included ("proxy-protocol.txt" section 2.1).
const V1_BYTES_MAX: usize = 107;

/// Longest header of version 2 taken, in bytes. The addresses need 52; the rest are extras (TLVs) such as
/// the client's certificate name, which are skipped.
const V2_BYTES_MAX: usize = 4096;

/// What every header of version 2 begins with: 12 bytes to know it by, two of kind, two of length.
const V2_PREAMBLE_BYTES: usize = 16;

/// Whose connection it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// A client's, from this address.
    Client(IpAddr),
    /// The proxy's own, such as a health check (`LOCAL`), or one whose client it does not know (`UNKNOWN`).
    Proxy,
}

/// Why there is no header to go by.
#[derive(Debug, thiserror::Error)]
pub(super) enum ProxyError {
    /// The connection ended or failed.
    #[error("the connection ended in the PROXY header: {0}")]
    Io(#[from] io::Error),
    /// Something else was sent.
    #[error("no PROXY header, or a malformed one, from a network of `proxy_protocol_from`")]
    Malformed,
    /// More than is taken.
    #[error("the PROXY header is longer than {V2_BYTES_MAX} bytes")]
    TooLong,
}

/// Reads the header and not one byte more: what follows belongs to TLS.
///
/// # Errors
/// If the stream does not begin with a well-formed header. The caller sets the deadline.
pub(super) async fn read<S: AsyncRead + Unpin>(stream: &mut S) -> Result<Origin, ProxyError> {
    // Both versions are told apart by, and are longer than, the 12 bytes with which version 2 begins: the
    // shortest header of version 1 is `PROXY UNKNOWN` and a line end.
    let mut header = vec![0; V2_SIGNATURE.len()];
    stream.read_exact(&mut header).await?;
    if header == V2_SIGNATURE {
        header.resize(V2_PREAMBLE_BYTES, 0);
        stream.read_exact(&mut header[V2_SIGNATURE.len()..]).await?;
        let length = u16::from_be_bytes([header[14], header[15]]);
        let whole = V2_PREAMBLE_BYTES + usize::from(length);
        if whole > V2_BYTES_MAX {
            return Err(ProxyError::TooLong);
        }
        header.resize(whole, 0);
        stream.read_exact(&mut header[V2_PREAMBLE_BYTES..]).await?;
        return v2_origin(&header);
    }
    if !header.starts_with(V1_SIGNATURE) {
        return Err(ProxyError::Malformed);
    }
    // The end of version 1 is known only when it is seen.
    while !header.ends_with(b"\r\n") {
        if header.len() == V1_BYTES_MAX {
            return Err(ProxyError::Malformed);
        }
        header.push(stream.read_u8().await?);
    }
    v1_origin(&header)
}

fn v1_origin(header: &[u8]) -> Result<Origin, ProxyError> {
    let header = v1::Header::try_from(header).map_err(|_| ProxyError::Malformed)?;
    Ok(match header.addresses {
        v1::Addresses::Tcp4(pair) => Origin::Client(pair.source_address.into()),
        v1::Addresses::Tcp6(pair) => Origin::Client(pair.source_address.into()),
        v1::Addresses::Unknown => Origin::Proxy,
    })
}

fn v2_origin(header: &[u8]) -> Result<Origin, ProxyError> {
    let header = v2::Header::try_from(header).map_err(|_| ProxyError::Malformed)?;
    Ok(match (header.command, header.addresses) {
        (v2::Command::Proxy, v2::Addresses::IPv4(pair)) => Origin::Client(pair.source_address.into()),
        (v2::Command::Proxy, v2::Addresses::IPv6(pair)) => Origin::Client(pair.source_address.into()),
        (v2::Command::Local, _) | (_, v2::Addresses::Unspecified | v2::Addresses::Unix(_)) => Origin::Proxy,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What `bytes` say, and what is left behind them.
    fn read_all(bytes: &[u8]) -> (Result<Origin, ProxyError>, Vec<u8>) {
        let mut rest = bytes;
        let origin = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap()
            .block_on(read(&mut rest));
        (origin, rest.to_vec())
    }

    fn v2(command: u8, family: u8, payload: &[u8]) -> Vec<u8> {
        let mut header = V2_SIGNATURE.to_vec();
        header.extend([command, family]);
        header.extend(u16::try_from(payload.len()).unwrap().to_be_bytes());
        header.extend(payload);
        header
    }

    const V4_PAIR: [u8; 12] = [192, 0, 2, 7, 10, 0, 0, 1, 0x12, 0x34, 0x20, 0xfb];

    #[test]
    fn version_1_names_the_client_and_leaves_the_rest() {
        let (origin, rest) = read_all(b"PROXY TCP4 192.0.2.7 10.0.0.1 4711 8443\r\n\x16\x03\x01");
        assert_eq!(origin.unwrap(), Origin::Client("192.0.2.7".parse().unwrap()));
        assert_eq!(rest, b"\x16\x03\x01");
        let (origin, _) = read_all(b"PROXY TCP6 2001:db8::7 2001:db8::1 4711 8443\r\n");
        assert_eq!(origin.unwrap(), Origin::Client("2001:db8::7".parse().unwrap()));
    }

    #[test]
    fn version_2_names_the_client_and_leaves_the_rest() {
        let mut bytes = v2(0x21, 0x11, &[&V4_PAIR[..], &[0x04, 0, 1, 42]].concat());
        bytes.extend(b"\x16\x03\x01");
        let (origin, rest) = read_all(&bytes);
        assert_eq!(origin.unwrap(), Origin::Client("192.0.2.7".parse().unwrap()));
        assert_eq!(rest, b"\x16\x03\x01");
    }

    #[test]
    fn a_proxys_own_connection_is_the_proxys() {
        for bytes in [
            b"PROXY UNKNOWN\r\n".to_vec(),
            b"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n".to_vec(),
            v2(0x20, 0x00, &[]),
            v2(0x20, 0x11, &V4_PAIR),
            v2(0x21, 0x00, &[]),
            v2(0x21, 0x31, &[0; 216]),
        ] {
            let (origin, rest) = read_all(&bytes);
            assert_eq!(origin.unwrap(), Origin::Proxy, "{bytes:?}");
            assert!(rest.is_empty());
        }
    }

    #[test]
    fn what_is_no_header_is_refused() {
        for bytes in [
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\x00\x00".to_vec(),
            b"POST /plain/ HTTP/1.1\r\n".to_vec(),
            b"PROXY TCP4 192.0.2.7\r\n".to_vec(),
            b"PROXY TCP4 lab.example 10.0.0.1 1 2\r\n".to_vec(),
            [b"PROXY TCP4 ".as_slice(), &[b'1'; 200]].concat(),
            v2(0x21, 0x11, &[192, 0, 2, 7]),
            v2(0x31, 0x11, &V4_PAIR),
            v2(0x21, 0x11, &[0; V2_BYTES_MAX]),
            b"PROXY".to_vec(),
            Vec::new(),
        ] {
            assert!(read_all(&bytes).0.is_err(), "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn bytes_of_any_kind_are_read_within_the_limits(
            prefix in prop_oneof![
                Just(Vec::new()), Just(b"PROXY ".to_vec()), Just(V2_SIGNATURE.to_vec())
            ],
            rest in proptest::collection::vec(any::<u8>(), 0..6000),
        ) {
            let bytes = [prefix, rest].concat();
            let (_, left) = read_all(&bytes);
            prop_assert!(bytes.len() - left.len() <= V2_BYTES_MAX);
        }

        #[test]
        fn every_address_is_read_back(client in any::<IpAddr>(), port in any::<u16>(), tail in any::<[u8; 8]>()) {
            let (word, server) = match client {
                IpAddr::V4(_) => ("TCP4", "10.0.0.1"),
                IpAddr::V6(_) => ("TCP6", "2001:db8::1"),
            };
            let mut bytes = format!("PROXY {word} {client} {server} {port} 8443\r\n").into_bytes();
            bytes.extend(tail);
            let (origin, rest) = read_all(&bytes);
            prop_assert_eq!(origin.unwrap(), Origin::Client(client));
            prop_assert_eq!(rest, tail);
        }
    }
}
