//! Every password goes to the directory through here, and a wrong one goes there once.
//!
//! Directories lock accounts after a few failures, and X2Go Client repeats requests: after a broken connection,
//! on two connections at once, and with the password it keeps. One mistyped password must not count for many.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rand::RngCore;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use zeroize::Zeroizing;

use super::accounts::Accounts;
use super::chain::Chain;
use super::check_times::CheckTimes;
use super::mac::{KEY_BYTES, mac};
use super::wrong_passwords::{Mark, WrongPasswords};
use crate::directory::{Entry, PasswordAnswer, Unavailable};
use crate::model::{ClientAddress, Now, Password, Source, TypedName};

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
    times: HashMap<Source, CheckTimes>,
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
        chain: &Chain,
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
                        sources: chain.sources(),
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
    /// All sources that the login may ask.
    sources: Vec<Source>,
    client: ClientAddress,
    now: Now,
    outcome: Outcome,
    sender: watch::Sender<Option<Outcome>>,
}

impl Check {
    async fn run(mut self, accounts: Arc<dyn Accounts>, subject: Subject, password: Password) {
        let begun = Instant::now();
        let own = accounts.source();
        self.outcome = match subject {
            Subject::Known(entry) => {
                let least = self.typical(|source| source != own);
                let outcome = accounts.check_password(&entry, &password, self.client).await;
                if let Ok(PasswordAnswer::Accepted(_) | PasswordAnswer::Wrong) = outcome {
                    self.note(own, |times| times.note(begun.elapsed()));
                }
                if let Ok(PasswordAnswer::Wrong | PasswordAnswer::Refused(_)) = outcome {
                    sleep_until(begun + least).await;
                }
                outcome
            }
            Subject::Unknown(_) => {
                let least = self.typical(|_| true);
                let rejected = accounts.reject_password(&password, self.client).await;
                if rejected.is_ok() {
                    self.note(own, |times| times.note_rejection(begun.elapsed()));
                }
                sleep_until(begun + least).await;
                rejected.map(|()| PasswordAnswer::Wrong)
            }
        };
    }

    /// How long a failure takes at the slowest of these sources. Each failure of a login that may ask two sources
    /// takes as long as at either, or its time would tell which of them has the name.
    fn typical(&self, of: impl Fn(Source) -> bool) -> Duration {
        let state = self.checks.state();
        let sources = self.sources.iter().filter(|source| of(**source));
        sources
            .filter_map(|source| state.times.get(source))
            .map(CheckTimes::typical)
            .max()
            .unwrap_or_default()
    }

    fn note(&self, source: Source, note: impl FnOnce(&mut CheckTimes)) {
        note(self.checks.state().times.entry(source).or_default());
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
