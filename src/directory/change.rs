//! Changing a password as its owner: a bind with the old password and, on the same connection, the change.

use std::sync::atomic::{AtomicBool, Ordering};

use super::Directory;
use super::entry::{Entry, PasswordAnswer, PasswordState, Refusal, Unavailable};
use super::exchange::Ending;
use super::policy::Complaint;
use super::request::Request;
use super::settings::Schema;
use super::trouble::Trouble;
use crate::model::Password;

/// What a source said to a new password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChangeAnswer {
    /// It holds now, and the old one does not.
    Changed,
    /// The old one is wrong; nothing was changed.
    Wrong,
    /// The source refuses this account whatever the password.
    Refused(Refusal),
    /// The old one is right, and the new one is not taken.
    Rejected(Rejection),
}

/// Why a new password is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// It is the old one.
    #[error("the new password is the old one")]
    Same,
    /// It has too few characters.
    #[error("the new password is too short for the directory's policy")]
    TooShort,
    /// It has too many.
    #[error("the new password is too long for the directory's policy")]
    TooLong,
    /// It is too simple.
    #[error("the new password is too simple for the directory's policy")]
    Quality,
    /// It was used before.
    #[error("the new password was used before")]
    InHistory,
    /// The old one was changed too lately.
    #[error("the password was changed too lately to be changed again")]
    TooYoung,
    /// Users may not change their passwords.
    #[error("the directory does not let users change their passwords")]
    NotAllowed,
    /// It must be changed by another way, or by an administrator.
    #[error(
        "the password has expired and the directory takes no change from its user any more: an administrator has to \
         set a new one, or the user to change it where the directory's own logins are"
    )]
    Elsewhere,
    /// The source has words of its own for it.
    #[error("{0}")]
    Said(String),
}

/// What came of the two steps at one server.
pub(super) struct Steps {
    /// The end of the bind with the old password.
    pub bind: Ending,
    /// The end of the change; none if the bind said that there is nothing to be tried.
    pub change: Option<Ending>,
}

/// Whether a request to change a password has left this machine. From then on no other server is asked: the old
/// password may be the old one no longer.
#[derive(Default)]
pub(super) struct Sent(AtomicBool);

impl Sent {
    /// It leaves now.
    pub(super) fn note(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    /// Whether it has left.
    pub(super) fn happened(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }

    /// What went wrong after it had left, which no other server can put right.
    pub(super) fn unanswered(cause: &str) -> Trouble {
        Trouble::Final(format!(
            "{cause}; the change of the password had been sent and may have been made"
        ))
    }
}

impl Directory {
    /// Changes the password of the entry as its owner, with one bind: by the password modify operation (RFC 3062), in
    /// an Active Directory by its `unicodePwd`. The server's password policy decides what is
    /// taken. Another server is asked only if the first one failed before the change was sent.
    ///
    /// # Errors
    /// No server could answer. The cause says so where the change may have been made all the same.
    pub async fn change_password(
        &self,
        entry: &Entry,
        old: &Password,
        new: &Password,
    ) -> Result<ChangeAnswer, Unavailable> {
        let dn = entry.dn()?;
        let bind = Request::user_bind(dn.as_str(), old.expose());
        let change = match self.inner.schema {
            Schema::Rfc2307 | Schema::Rfc2307bis => Request::password_modify(old.expose(), new.expose()),
            Schema::ActiveDirectory => {
                Request::unicode_password_change(dn.as_str(), old.expose(), new.expose())
            }
        };
        let go_on = |ending: &Ending| {
            let answer = super::bind_answer(dn, ending);
            matches!(answer, Ok(PasswordAnswer::Accepted(state)) if state != PasswordState::MustChangeElsewhere)
        };
        let steps = self.inner.servers.change(&bind, &change, go_on).await?;
        match steps.change {
            Some(ending) => judge(&ending, old, new).map_err(|why| Unavailable {
                cause: format!("change of the password of {dn}: {why}"),
            }),
            None => Ok(match super::bind_answer(dn, &steps.bind)? {
                PasswordAnswer::Wrong => ChangeAnswer::Wrong,
                PasswordAnswer::Refused(refusal) => ChangeAnswer::Refused(refusal),
                PasswordAnswer::Accepted(_) => ChangeAnswer::Rejected(Rejection::Elsewhere),
            }),
        }
    }
}

/// What the end of a change means. An error is one of the server's making, not of the password's.
fn judge(ending: &Ending, old: &Password, new: &Password) -> Result<ChangeAnswer, String> {
    let said = || {
        let text = &ending.text;
        // A server that quotes a password in its words must not bring it into a log.
        let quotes = [old, new].iter().any(|password| text.contains(password.expose()));
        let text = if quotes { "(its words are not shown)" } else { text };
        format!("code {} {text}", ending.code)
    };
    let rejection = match (ending.code, ending.remark.complaint) {
        (0, _) => return Ok(ChangeAnswer::Changed),
        (_, Some(Complaint::TooShort)) => Rejection::TooShort,
        (_, Some(Complaint::TooLong)) => Rejection::TooLong,
        (_, Some(Complaint::Quality)) => Rejection::Quality,
        (_, Some(Complaint::InHistory)) => Rejection::InHistory,
        (_, Some(Complaint::TooYoung)) => Rejection::TooYoung,
        (_, Some(Complaint::ChangeNotAllowed)) => Rejection::NotAllowed,
        // constraintViolation, insufficientAccessRights, unwillingToPerform.
        (19 | 50 | 53, _) => Rejection::Said(format!("the directory refuses the new password: {}", said())),
        // referral.
        (10, _) => {
            return Err(
                "this server only has a copy; name one that can be written to first in `urls`".to_owned(),
            );
        }
        // strongerAuthRequired, confidentialityRequired.
        (8 | 13, _) => return Err(format!("{}; it wants TLS: use ldaps:// or start_tls", said())),
        _ => return Err(said()),
    };
    Ok(ChangeAnswer::Rejected(rejection))
}

#[cfg(test)]
mod tests {
    use super::super::policy::Remark;
    use super::*;
    use crate::model::Secret;

    fn judged(code: u32, text: &str, complaint: Option<Complaint>) -> Result<ChangeAnswer, String> {
        let ending = Ending {
            code,
            text: text.to_owned(),
            remark: Remark {
                complaint,
                ..Remark::default()
            },
        };
        let password = |text: &str| Password::new(Secret::new(text.to_owned())).unwrap();
        judge(&ending, &password("apple"), &password("avocado"))
    }

    #[test]
    fn the_policy_says_why_and_else_the_server_does() {
        let rejected = |rejection| Ok(ChangeAnswer::Rejected(rejection));
        assert_eq!(judged(0, "", None), Ok(ChangeAnswer::Changed));
        assert_eq!(
            judged(19, "Password is in history", Some(Complaint::InHistory)),
            rejected(Rejection::InHistory)
        );
        assert_eq!(
            judged(53, "not today", None),
            rejected(Rejection::Said(
                "the directory refuses the new password: code 53 not today".to_owned()
            ))
        );
        assert!(judged(10, "", None).unwrap_err().contains("copy"));
        assert!(judged(13, "", None).unwrap_err().contains("start_tls"));
    }

    #[test]
    fn words_that_quote_a_password_are_not_shown() {
        for quoted in ["`avocado` is a fruit", "apple was better"] {
            let Ok(ChangeAnswer::Rejected(Rejection::Said(words))) = judged(19, quoted, None) else {
                panic!("{quoted}");
            };
            assert!(!words.contains("avocado") && !words.contains("apple"), "{words}");
        }
    }
}
