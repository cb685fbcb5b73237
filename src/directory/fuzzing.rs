//! What a directory server says, for `crate::fuzzing`.

use super::active_directory::sid::Sid;
use super::entry::PasswordAnswer;
use super::guard::{self, Answer};
use super::policy::{self, Remark};
use super::sync::value;
use super::{range, verdict};

/// A message of the server, as the guard takes it, and what it then says of a password.
pub fn message(bytes: &[u8]) -> bool {
    let length = guard::message_length(bytes);
    let Ok(message) = guard::message(bytes) else {
        return false;
    };
    assert_eq!(length, Ok(Some(bytes.len())), "the length that is waited for");
    if let Answer::Bind(outcome) = message.answer {
        let _ = Remark::of(&message.controls).on_bind(outcome.code);
        let _ = verdict::on_bind(outcome.code, outcome.text);
    }
    true
}

/// The value of a password policy control.
pub fn password_policy(bytes: &[u8]) -> bool {
    let Ok(remark) = policy::response(bytes) else {
        return false;
    };
    for code in [0, 19, 49, 53] {
        let _ = remark.on_bind(code);
    }
    true
}

/// The words of a server beside the code of a bind. True for a sub-code of an Active Directory that is more than
/// a wrong password.
pub fn bind_text(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    for code in 0..100 {
        let _ = verdict::on_bind(code, &text);
    }
    verdict::on_bind(49, &text) != Ok(PasswordAnswer::Wrong)
}

/// Names and values of an Active Directory that are parsed: security identifiers and pieces of long attributes.
pub fn domain_value(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let piece = range::piece(&text);
    let sids = [Sid::from_bytes(bytes), Sid::from_text(&text)];
    for sid in sids.iter().flatten() {
        let _ = sid.filter();
    }
    piece.is_some() || sids.iter().any(Option::is_some)
}

/// The values of content synchronisation: the state of an entry, and what the server tells between entries.
pub fn sync_value(bytes: &[u8]) -> bool {
    value::state(bytes).is_ok() || value::info(bytes).is_ok()
}
