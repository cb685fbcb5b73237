//! Both ends of the admin socket, for `crate::fuzzing`.

use super::message::{Reply, Request, decode, encode};

/// What the command line asks. What is taken reads back.
pub fn request(bytes: &[u8]) -> bool {
    let Ok(request) = decode::<Request>(bytes) else {
        return false;
    };
    let sent = encode(&request).ok();
    assert_eq!(sent.map(|sent| decode(&sent)), Some(Ok(request)));
    true
}

/// What the daemon answers.
pub fn reply(bytes: &[u8]) -> bool {
    decode::<Reply>(bytes).is_ok()
}
