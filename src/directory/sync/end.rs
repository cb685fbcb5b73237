//! Why a synchronisation ended, and whether another attempt may go better. Pure.

use crate::directory::exchange::shortened;
use crate::directory::guard::{Answer, Message, Outcome};

/// Why a synchronisation ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::directory) enum End {
    /// Another attempt, soon, may go better.
    Again(String),
    /// The server, or what is in it, is not fit for it.
    Unfit(String),
}

/// How the server ended a search that should not end, or that should have gone well.
pub(super) fn refused(outcome: Outcome<'_>) -> End {
    let said = format!("code {} {}", outcome.code, shortened(outcome.text));
    match outcome.code {
        // RFC 4511 appendix A: unavailableCriticalExtension.
        12 => End::Unfit(
            "the server does not offer content synchronisation (RFC 4533) for group_base".to_owned(),
        ),
        // timeLimitExceeded, sizeLimitExceeded, adminLimitExceeded.
        3 | 4 | 11 => End::Unfit(format!(
            "{said}: raise the server's size and time limits for bind_dn"
        )),
        // success, busy, unavailable, unwillingToPerform, other, and e-syncRefreshRequired (RFC 4533 section 2.6).
        0 | 51 | 52 | 53 | 80 | 4096 => End::Again(said),
        _ => End::Unfit(said),
    }
}

/// What the server said without being asked.
pub(super) fn notice(message: &Message<'_>) -> End {
    match &message.answer {
        Answer::Extended(notice) if message.id == 0 => End::Again(format!(
            "the server ended the connection: {}",
            shortened(notice.text)
        )),
        _ => unasked(),
    }
}

/// A message that nobody waits for.
pub(super) fn unasked() -> End {
    End::Unfit("malformed answer: a message that answers nothing that was asked".to_owned())
}

/// An entry with groups below it has another name, or is gone.
pub(super) fn moved(what: &str) -> End {
    End::Again(format!(
        "{} was renamed or removed, and groups below it with it",
        shortened(what)
    ))
}
