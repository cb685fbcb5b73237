//! The door of X2Go hosts that ask which keys open an account there.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use http::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use tokio::time::{Instant, timeout_at};

use super::Operations;
use super::connection::Visit;
use super::reply::{self, Reply, TEXT};
use crate::wire::host_keys::{self, HostKeysRequest};

/// How long an answer may take: the program on the host waits no longer, and sshd behind it.
const PATIENCE: Duration = Duration::from_secs(2);

/// Answers one request. Whoever is no host of ours gets the same refusal whatever was wrong, and a host the same
/// empty answer for a user without keys and one who does not exist.
pub(super) async fn answer<O: Operations>(
    operations: Arc<O>,
    visit: Visit,
    headers: HeaderMap,
    body: Bytes,
) -> Reply {
    let address = visit.client;
    let values = headers.get_all(AUTHORIZATION).iter().map(HeaderValue::as_bytes);
    let request = match visit.body_fault {
        Some(fault) => Err(fault),
        None => HostKeysRequest::decode(values, &body),
    };
    let deadline = visit.deadline.min(Instant::now() + PATIENCE);
    match timeout_at(deadline, operations.host_keys(address, request)).await {
        Ok(Some(keys)) => reply::reply(StatusCode::OK, TEXT, host_keys::encode(&keys)),
        Ok(None) => reply::status(StatusCode::FORBIDDEN),
        Err(_) => reply::status(StatusCode::SERVICE_UNAVAILABLE),
    }
}
