//! Both ends of the SSH socket, for `crate::fuzzing`.

use super::message::{Request, decode_reply};

/// What the front end asks. What is taken reads back.
pub fn request(bytes: &[u8]) -> bool {
    let Ok(request) = Request::decode(bytes) else {
        return false;
    };
    let sent = request.encode().unwrap_or_default();
    let again =
        Request::decode(&sent).map(|again| again.words == request.words && again.client == request.client);
    assert_eq!(again, Ok(true));
    true
}

/// What the daemon answers.
pub fn reply(bytes: &[u8]) -> bool {
    decode_reply(bytes).is_ok()
}
