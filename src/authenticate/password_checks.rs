//! Every password goes to the directory through here, and a wrong one goes there once.
//!
//! Directories lock accounts after a few failures, and X2Go Client repeats requests: after a broken connection,
//! on two connections at once, and with the password it keeps. One mistyped password must not count for many.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rand::RngCore;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use zeroize::Zeroizing;

use super::accounts::Accounts;
use super::check_times::CheckTimes;
use super::mac::{KEY_BYTES, mac};
use super::wrong_passwords::{Mark, WrongPasswords};
use crate::directory::{ChangeAnswer, Entry, PasswordAnswer, Unavailable};
use crate::model::{ClientAddress, Now, Password, TypedName};

/// Whose password is checked.
pub(super) enum Subject {
    /// A user of the directory.
    Known(Entry),
    /// A name that the directory does not have. It takes the same way, so that it takes the same time.
    Unknown(TypedName),
}

/// What came of a check.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Checked {
    /// The directory's answer.
    Answer(PasswordAnswer),
    /// The same password of the same user was not accepted a moment ago, and was not tried again.
    Repeated,
}

/// What came of a change.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum CheckedChange {
    /// The directory's answer.
    Answer(ChangeAnswer),
    /// The old password was not accepted a moment ago, and was not tried again.
    Repeated,
}

type Outcome = Result<PasswordAnswer, Unavailable>;

/// The checks under way and the wrong passwords of the last 30 s. One for the life of the process: it outlasts
/// reloads of the configuration.
pub struct PasswordChecks {
    /// Made at the start, so that nothing in the table can be tested against guesses later.
    key: Zeroizing<[u8; KEY_BYTES]>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    wrong: WrongPasswords,
    times: CheckTimes,
    /// As many as binds are waited for, which the directory's deadlines bound.
    under_way: HashMap<Mark, watch::Receiver<Option<Outcome>>>,
}

impl PasswordChecks {
    /// Begins with a new key and no memory.
    pub fn new() -> Self {
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        rand::rng().fill_bytes(&mut *key);
        Self {
            key,
            state: Mutex::default(),
        }
    }

    /// Checks a password, unless the same one is being checked, whose answer then counts, or was wrong in the
    /// last 30 s. A check that has begun ends and is remembered even if the request that began it goes away.
    pub(super) async fn check(
        self: &Arc<Self>,
        accounts: &Arc<dyn Accounts>,
        subject: Subject,
        password: &Password,
        client: ClientAddress,
        now: Now,
    ) -> Result<Checked, Unavailable> {
        let mark = self.mark(accounts, &subject, password);
        let (begun_here, mut answer) = {
            let mut state = self.state();
            if state.wrong.remembers(&mark, now) {
                return Ok(Checked::Repeated);
            }
            match state.under_way.get(&mark) {
                Some(answer) => (false, answer.clone()),
                None => {
                    let (sender, answer) = watch::channel(None);
                    state.under_way.insert(mark, answer.clone());
                    let check = Check {
                        checks: Arc::clone(self),
                        mark,
                        client,
                        now,
                        outcome: ended_early(),
                        sender,
                    };
                    tokio::spawn(check.run(Arc::clone(accounts), subject, password.clone()));
                    (true, answer)
                }
            }
        };
        let outcome = match answer.wait_for(Option::is_some).await {
            Ok(outcome) => outcome.clone().unwrap_or_else(ended_early),
            Err(_) => ended_early(),
        };
        match outcome? {
            answer if begun_here || matches!(answer, PasswordAnswer::Accepted(_)) => {
                Ok(Checked::Answer(answer))
            }
            _ => Ok(Checked::Repeated),
        }
    }

    /// Changes a password from the first of two to the second, unless the first was wrong in the last 30 s; while it
    /// is being checked, that answer is waited for. Whoever calls this sees to it that the future is not dropped.
    pub(super) async fn change(
        self: &Arc<Self>,
        accounts: &Arc<dyn Accounts>,
        entry: &Entry,
        (old, new): (&Password, &Password),
        client: ClientAddress,
        now: Now,
    ) -> Result<CheckedChange, Unavailable> {
        let mark = self.mark(accounts, &Subject::Known(entry.clone()), old);
        let sender = loop {
            let mut under_way = {
                let mut state = self.state();
                if state.wrong.remembers(&mark, now) {
                    return Ok(CheckedChange::Repeated);
                }
                match state.under_way.get(&mark) {
                    Some(answer) => answer.clone(),
                    None => {
                        let (sender, answer) = watch::channel(None);
                        state.under_way.insert(mark, answer);
                        break sender;
                    }
                }
            };
            // Whatever it is: a wrong one is in the table before it is told.
            let _ = under_way.wait_for(Option::is_some).await;
        };
        let mut check = Check {
            checks: Arc::clone(self),
            mark,
            client,
            now,
            outcome: ended_early(),
            sender,
        };
        let answer = accounts.change_password(entry, old, new, client).await;
        check.outcome = match &answer {
            Ok(ChangeAnswer::Wrong) => Ok(PasswordAnswer::Wrong),
            Ok(ChangeAnswer::Refused(refusal)) => Ok(PasswordAnswer::Refused(*refusal)),
            Ok(ChangeAnswer::Changed | ChangeAnswer::Rejected(_)) => Err(Unavailable {
                cause: "the password was being changed".to_owned(),
            }),
            Err(unavailable) => Err(unavailable.clone()),
        };
        drop(check);
        answer.map(CheckedChange::Answer)
    }

    /// Notes that the first of two passwords is wrong from now on, and the second right, whatever was wrong before.
    pub(super) fn note_change(
        &self,
        accounts: &Arc<dyn Accounts>,
        entry: &Entry,
        (old, new): (&Password, &Password),
        now: Now,
    ) {
        let subject = Subject::Known(entry.clone());
        let (old, new) = (
            self.mark(accounts, &subject, old),
            self.mark(accounts, &subject, new),
        );
        let mut state = self.state();
        state.wrong.remember(old, now);
        state.wrong.forget(&new);
    }

    /// The time of the last change is part of it: what was checked before a change says nothing about after.
    fn mark(&self, accounts: &Arc<dyn Accounts>, subject: &Subject, password: &Password) -> Mark {
        let source = accounts.source().as_str().as_bytes();
        let password = password.expose().as_bytes();
        match subject {
            Subject::Known(entry) => {
                let changed = entry.password_changed.map(|at| at.unix_ms().to_be_bytes());
                let changed = changed.as_ref().map_or(&[][..], |bytes| &bytes[..]);
                let user = entry.user.as_str().as_bytes();
                mac(&self.key, &[b"known", source, user, changed, password])
            }
            Subject::Unknown(name) => mac(
                &self.key,
                &[b"unknown", source, name.folded().as_bytes(), password],
            ),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for PasswordChecks {
    fn default() -> Self {
        Self::new()
    }
}

fn ended_early() -> Outcome {
    Err(Unavailable {
        cause: "the check of the password ended early".to_owned(),
    })
}

/// One check under way. However it ends, it is taken off the list and those who wait get `outcome`.
struct Check {
    checks: Arc<PasswordChecks>,
    mark: Mark,
    client: ClientAddress,
    now: Now,
    outcome: Outcome,
    sender: watch::Sender<Option<Outcome>>,
}

impl Check {
    async fn run(mut self, accounts: Arc<dyn Accounts>, subject: Subject, password: Password) {
        let begun = Instant::now();
        self.outcome = match subject {
            Subject::Known(entry) => {
                let outcome = accounts.check_password(&entry, &password, self.client).await;
                if let Ok(PasswordAnswer::Accepted(_) | PasswordAnswer::Wrong) = outcome {
                    self.checks.state().times.note(begun.elapsed());
                }
                outcome
            }
            Subject::Unknown(_) => {
                let least = self.checks.state().times.typical();
                let rejected = accounts.reject_password(&password).await;
                sleep_until(begun + least).await;
                rejected.map(|()| PasswordAnswer::Wrong)
            }
        };
    }
}

impl Drop for Check {
    fn drop(&mut self) {
        let mut state = self.checks.state();
        // A refused account is remembered like a wrong password: else its answers would take longer than those
        // for a name that does not exist. What is right is never in the table: it would not have been tried.
        if let Ok(PasswordAnswer::Wrong | PasswordAnswer::Refused(_)) = self.outcome {
            state.wrong.remember(self.mark, self.now);
        }
        state.under_way.remove(&self.mark);
        drop(state);
        self.sender.send_replace(Some(self.outcome.clone()));
    }
}
