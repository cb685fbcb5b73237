//! What proxies put before and into a request, for `crate::fuzzing`.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use http::{HeaderMap, HeaderValue};

use super::joined_credentials::Joiner;
use super::{forwarded, proxy, uccs};
use crate::model::ClientAddress;

/// The header with which a connection begins that comes through a load balancer.
pub fn proxy_header(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    let read = pin!(proxy::read(&mut rest));
    match read.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(read) => read.is_ok(),
        Poll::Pending => unreachable!("bytes in memory are never waited for"),
    }
}

/// `X-Forwarded-For`, from peers that are all believed.
pub fn forwarded_for(bytes: &[u8]) -> bool {
    let Ok(value) = HeaderValue::from_bytes(bytes) else {
        return false;
    };
    let everybody: Vec<_> = ["0.0.0.0/0", "::/0"]
        .iter()
        .filter_map(|network| network.parse().ok())
        .collect();
    let peer = ClientAddress::new([192, 0, 2, 1].into());
    let headers = HeaderMap::from_iter([(http::HeaderName::from_static("x-forwarded-for"), value)]);
    forwarded::client(peer, &headers, &everybody) != peer
}

/// The path below the door of greeters.
pub fn uccs_path(bytes: &[u8]) -> bool {
    uccs::Place::of(&String::from_utf8_lossy(bytes)).is_some()
}

/// The first bytes of a connection, in which credentials of several lines are joined: whether any were.
pub fn joined_credentials(bytes: &[u8]) -> bool {
    let (mut joiner, mut joined) = (Joiner::new(), Vec::new());
    joiner.join(bytes, &mut joined);
    joiner.end(&mut joined);
    joined != bytes
}
