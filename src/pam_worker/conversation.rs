//! What is answered when a PAM module asks: decided by how it asks, and by what was asked before. Pure.
//!
//! Nobody sits at the other end, so only a prompt for a password has an answer (like `sshd` with
//! `PasswordAuthentication`). Whatever else a module asks ends the transaction as "could not be found out",
//! and its words go to the log.

use std::time::Duration;

use super::limits::{FAIL_DELAY_MAX, LINES_MAX, TEXT_BYTES_MAX};
use crate::model::Password;

/// Most messages of one transaction. Linux-PAM allows 32 in one call; a module that goes on asking is broken.
const MESSAGES_MAX: usize = 64;

/// How a module speaks (the styles of pam_conv(3)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// A question whose answer is not shown.
    EchoOff,
    /// A question whose answer is shown.
    EchoOn,
    /// Something to tell the user.
    Tell,
    /// A style that is not of pam_conv(3).
    Unknown,
}

/// The passwords of a transaction.
#[derive(Debug)]
pub(super) enum Passwords {
    /// One that is to be checked.
    Check(Password),
    /// One that is to be checked and then replaced.
    Replace {
        /// The password until now.
        old: Password,
        /// The password from now on.
        new: Password,
    },
}

/// What the transaction is about to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// To learn whether the password is right.
    Proving,
    /// To change it; the old one was not asked for yet.
    Changing,
    /// To change it; the next question is for the new one.
    TakingNew,
}

/// A transaction's answers so far.
#[derive(Debug)]
pub(super) struct Conversation {
    passwords: Passwords,
    step: Step,
    messages: usize,
    said: Vec<String>,
    shown: bool,
    unanswered: Option<String>,
    delay: Duration,
}

/// There is no answer: `PAM_CONV_ERR`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NoAnswer;

impl Conversation {
    pub(super) fn new(passwords: Passwords) -> Self {
        Self {
            passwords,
            step: Step::Proving,
            messages: 0,
            said: Vec::new(),
            shown: false,
            unanswered: None,
            delay: Duration::ZERO,
        }
    }

    /// From now on the password is being changed (pam_chauthtok(3)).
    pub(super) fn begin_change(&mut self) {
        self.step = Step::Changing;
    }

    /// The answer to one message; none where none is wanted.
    ///
    /// # Errors
    /// The module asks what nobody can answer, or asks too much.
    pub(super) fn answer(&mut self, style: Style, text: &str) -> Result<Option<&Password>, NoAnswer> {
        self.messages += 1;
        if self.messages > MESSAGES_MAX {
            self.unanswered
                .get_or_insert_with(|| format!("more than {MESSAGES_MAX} messages"));
            return Err(NoAnswer);
        }
        match style {
            Style::Tell => {
                if self.said.len() < LINES_MAX {
                    self.said.push(line(text));
                }
                Ok(None)
            }
            Style::EchoOff => {
                self.shown = true;
                Ok(Some(self.password_for(text)))
            }
            Style::EchoOn | Style::Unknown => {
                self.unanswered.get_or_insert_with(|| line(text));
                Err(NoAnswer)
            }
        }
    }

    /// Which password a question is for. A module that changes a password asks for the current one at most
    /// once and first, and then for the new one, twice or until it is content; root may not be asked for the
    /// current one at all, which only the words of the question tell. A wrong guess changes nothing: the new
    /// password would not be confirmed, or the current one would be wrong.
    fn password_for(&mut self, question: &str) -> &Password {
        match &self.passwords {
            Passwords::Check(password) => password,
            Passwords::Replace { old, new } => {
                if self.step == Step::Proving {
                    return old;
                }
                let first = self.step == Step::Changing;
                self.step = Step::TakingNew;
                if first && !asks_for_new(question) {
                    old
                } else {
                    new
                }
            }
        }
    }

    /// A module wants failures to be held back this long.
    pub(super) fn hold_back(&mut self, delay: Duration) {
        self.delay = self.delay.max(delay.min(FAIL_DELAY_MAX));
    }

    /// How long failures are to be held back.
    pub(super) fn delay(&self) -> Duration {
        self.delay
    }

    /// Whether a module was given a password.
    pub(super) fn shown(&self) -> bool {
        self.shown
    }

    /// What a module asked that nobody could answer.
    pub(super) fn unanswered(&self) -> Option<&str> {
        self.unanswered.as_deref()
    }

    /// What modules told the user, without a question.
    pub(super) fn said(&self) -> &[String] {
        &self.said
    }
}

/// Whether a question is for the new password, in the words of Linux-PAM (`New password:`, `Retype new …`) in
/// the C locale, which the worker's processes run in.
fn asks_for_new(question: &str) -> bool {
    let question = question.to_ascii_lowercase();
    question.contains("new") || question.contains("retype")
}

/// A module's words as one bounded line for the log.
fn line(text: &str) -> String {
    let words = text.trim().chars().map(|c| if c.is_control() { ' ' } else { c });
    words
        .take(TEXT_BYTES_MAX / char::MAX.len_utf8())
        .collect::<String>()
        .trim()
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Secret;

    fn password(text: &str) -> Password {
        Password::new(Secret::new(text.into())).unwrap()
    }

    fn answers(passwords: Passwords, questions: &[&str]) -> Vec<String> {
        let mut conversation = Conversation::new(passwords);
        let mut asked = |question: &str| {
            let answer = conversation.answer(Style::EchoOff, question).unwrap();
            answer.unwrap().expose().to_owned()
        };
        let proven = asked("Password: ");
        assert_eq!(proven, "old");
        conversation.begin_change();
        let mut asked = |question: &&str| {
            let answer = conversation.answer(Style::EchoOff, question).unwrap();
            answer.unwrap().expose().to_owned()
        };
        questions.iter().map(&mut asked).collect()
    }

    fn replace() -> Passwords {
        Passwords::Replace {
            old: password("old"),
            new: password("new"),
        }
    }

    #[test]
    fn the_current_password_is_answered_once_and_first() {
        let asked = ["Current password: ", "New password: ", "Retype new password: "];
        assert_eq!(answers(replace(), &asked), ["old", "new", "new"]);
        // Without words to go by.
        assert_eq!(answers(replace(), &["?", "?", "?"]), ["old", "new", "new"]);
        // As root, pam_unix does not ask for it; pam_pwquality asks again.
        let asked = ["New password: ", "Retype new password: ", "New password: "];
        assert_eq!(answers(replace(), &asked), ["new", "new", "new"]);
    }

    #[test]
    fn only_questions_for_a_password_have_an_answer() {
        for style in [Style::EchoOn, Style::Unknown] {
            let mut conversation = Conversation::new(Passwords::Check(password("x")));
            assert_eq!(
                conversation
                    .answer(style, "Passcode or\noption (1-3): ")
                    .map(|_| ()),
                Err(NoAnswer)
            );
            assert_eq!(conversation.unanswered(), Some("Passcode or option (1-3):"));
            assert!(!conversation.shown());
        }
    }

    #[test]
    fn what_modules_say_and_ask_is_bounded() {
        let mut conversation = Conversation::new(Passwords::Check(password("x")));
        for _ in 0..MESSAGES_MAX {
            assert_eq!(
                conversation.answer(Style::Tell, &"ü".repeat(5000)).map(|_| ()),
                Ok(())
            );
        }
        assert_eq!(conversation.said().len(), LINES_MAX);
        assert!(
            conversation
                .said()
                .iter()
                .all(|line| line.len() <= TEXT_BYTES_MAX)
        );
        assert!(conversation.answer(Style::EchoOff, "Password: ").is_err());
        conversation.hold_back(Duration::from_hours(1));
        assert_eq!(conversation.delay(), FAIL_DELAY_MAX);
    }
}
