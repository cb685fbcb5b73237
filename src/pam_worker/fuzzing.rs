//! The decoders of both ends of the worker's socket, for `crate::fuzzing`.

use super::message::{Reply, Request};

/// What a client sends to the worker, and the worker to one of its processes. What is taken reads back.
pub fn request(bytes: &[u8]) -> bool {
    let Ok(request) = Request::decode(bytes) else {
        return false;
    };
    let sent = request.encode();
    let again = Request::decode(&sent).map(|request| request.encode());
    assert_eq!(again, Ok(sent));
    true
}

/// What a process answers the worker, and the worker a client. What is taken reads back.
pub fn reply(bytes: &[u8]) -> bool {
    let Ok(reply) = Reply::decode(bytes) else {
        return false;
    };
    assert_eq!(Reply::decode(&reply.encode()), Ok(reply));
    true
}
