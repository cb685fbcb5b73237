//! How every reply of this front end is put together.

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use http::{Response, StatusCode};

/// A reply as the routes give it to the connection.
pub(super) type Reply = warp::reply::Response;

/// Plain text.
pub(super) const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

/// A reply that no cache keeps and no browser takes for anything else than `content_type`.
pub(super) fn reply(status: StatusCode, content_type: HeaderValue, body: impl Into<Bytes>) -> Reply {
    let mut reply = Response::new(body.into().into());
    *reply.status_mut() = status;
    let headers = reply.headers_mut();
    headers.insert(CONTENT_TYPE, content_type);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    reply
}

/// A status with its own words and nothing else: what went wrong is for the log.
pub(super) fn status(status: StatusCode) -> Reply {
    let words = status.canonical_reason().unwrap_or_default();
    reply(status, TEXT, format!("{words}\n"))
}

/// The refusal of a method, which names those that are taken.
pub(super) fn not_allowed(allowed: &'static str) -> Reply {
    let mut reply = status(StatusCode::METHOD_NOT_ALLOWED);
    reply
        .headers_mut()
        .insert(ALLOW, HeaderValue::from_static(allowed));
    reply
}
