//! The plain-text protocol of X2Go Client.

use bytes::Bytes;

use super::{BadRequest, Reply, Request};

/// Reads the form body of one request.
///
/// # Errors
/// Says what is wrong, for the log.
pub fn decode(_body: &[u8]) -> Result<Request, BadRequest> {
    Err(BadRequest::UnknownTask)
}

/// Writes a reply: the HTTP status and the body.
pub fn encode(_reply: &Reply) -> (u16, Bytes) {
    (200, Bytes::new())
}
