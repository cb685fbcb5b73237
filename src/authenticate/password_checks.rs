//! Every password goes to the directory through here, and a wrong one goes there once.
//!
//! Directories lock accounts after a few failures, and X2Go Client repeats requests: after a broken connection,
//! on two connections at once, and with the password it keeps. One mistyped password must not count for many. Whom
//! the throttle refuses does not get here, and what comes of a check is counted here, whether or not the request
//! that began it still waits.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rand::RngCore;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};
use tracing::Instrument as _;
use zeroize::Zeroizing;

use super::accounts::Accounts;
use super::attempt::Attempt;
use super::check_times::CheckTimes;
use super::limits::Limits;
use super::mac::{KEY_BYTES, mac};
use super::throttle::{Beginning, Name, Pass, Refused, Throttle};
use super::wrong_passwords::{Mark, WrongPasswords};
use crate::directory::{AccountState, ChangeAnswer, Entry, PasswordAnswer, Refusal, Unavailable};
use crate::model::{Account, ClientAddress, Now, Password, Source, TypedName};
use crate::observe::Stage;

/// Whose password is checked.
#[derive(Clone)]
pub(super) enum Subject {
    /// A user of the directory.
    Known(Entry),
    /// A name that the directory does not have. It takes the same way, so that it takes the same time.
    Unknown(TypedName),
    /// A name that only a source could know that cannot be asked, and why. It takes the same way too, and counts
    /// against nobody: during an outage people with right passwords would fill the limits of their client.
    Unasked(TypedName, Unavailable),
}

impl Subject {
    /// What the throttle knows them by.
    fn name(&self, accounts: &Arc<dyn Accounts>) -> Name {
        match self {
            Self::Known(entry) => Name::Account(Account {
                source: accounts.source(),
                user: entry.user.clone(),
            }),
            Self::Unknown(name) | Self::Unasked(name, _) => Name::Unknown(name.folded()),
        }
    }
}

/// What came of a check.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Checked {
    /// The directory's answer.
    Answer(PasswordAnswer),
    /// The same password of the same user was not accepted a moment ago, and was not tried again.
    Repeated,
    /// Too many failed before; it was not tried.
    Throttled(Refused),
}

/// What came of a change.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum CheckedChange {
    /// The directory's answer.
    Answer(ChangeAnswer),
    /// Nothing was asked of the directory, as for a check that comes to this.
    Untried(Checked),
}

type Outcome = Result<PasswordAnswer, Unavailable>;

/// The checks under way and the wrong passwords of the last 30 s. One for the life of the process: it outlasts
/// reloads of the configuration.
pub struct PasswordChecks {
    /// Made at the start, so that nothing in the table can be tested against guesses later.
    key: Zeroizing<[u8; KEY_BYTES]>,
    state: Mutex<State>,
    throttle: Arc<Throttle>,
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
        Self::throttled(Throttle::in_memory())
    }

    /// Begins with a new key and no memory but that of the throttle.
    pub fn throttled(throttle: Throttle) -> Self {
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        rand::rng().fill_bytes(&mut *key);
        Self {
            key,
            state: Mutex::default(),
            throttle: Arc::new(throttle),
        }
    }

    /// Whom it lets try, and whom not.
    pub fn throttle(&self) -> &Arc<Throttle> {
        &self.throttle
    }

    /// Checks a password, unless the throttle refuses, the same one is being checked, whose answer then counts, or
    /// it was wrong in the last 30 s. A check that has begun ends, is counted and is remembered even if the request
    /// that began it goes away. `sources` are all that the login may ask.
    pub(super) async fn check(
        self: &Arc<Self>,
        sources: &[Source],
        accounts: &Arc<dyn Accounts>,
        subject: Subject,
        password: &Password,
        attempt: &Attempt<'_>,
        limits: &Arc<Limits>,
    ) -> Result<Checked, Unavailable> {
        let mut ends = self.throttle.ends();
        let (begun_here, mut answer) = loop {
            match self.enter(sources, accounts, &subject, password, attempt, limits) {
                Entered::Done(checked) => return Ok(checked),
                Entered::Joined(answer) => break (false, answer),
                Entered::Begun(check, answer) => {
                    let run = check.run(Arc::clone(accounts), subject, password.clone());
                    tokio::spawn(run.in_current_span());
                    break (true, answer);
                }
                // The sender lives as long as `self`.
                Entered::Busy => {
                    let _throttle = attempt.stages.enter(Stage::Throttle);
                    drop(ends.changed().await);
                }
            }
        };
        let _bind = attempt.stages.enter(Stage::Bind);
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

    /// Changes a password from the first of two to the second, unless a check of the first would not be tried; while it
    /// is being checked, that answer is waited for. It is counted like a check. Whoever calls this sees to it that the
    /// future is not dropped.
    pub(super) async fn change(
        self: &Arc<Self>,
        sources: &[Source],
        accounts: &Arc<dyn Accounts>,
        entry: &Entry,
        (old, new): (&Password, &Password),
        attempt: &Attempt<'_>,
        limits: &Arc<Limits>,
    ) -> Result<CheckedChange, Unavailable> {
        let subject = Subject::Known(entry.clone());
        let mut ends = self.throttle.ends();
        let mut check = loop {
            match self.enter(sources, accounts, &subject, old, attempt, limits) {
                Entered::Done(checked) => return Ok(CheckedChange::Untried(checked)),
                // Whatever it is: a wrong one is in the table before it is told.
                Entered::Joined(mut answer) => drop(answer.wait_for(Option::is_some).await),
                Entered::Begun(check, _) => break check,
                // The sender lives as long as `self`.
                Entered::Busy => drop(ends.changed().await),
            }
        };
        let answer = accounts.change_password(entry, old, new, attempt.client).await;
        check.outcome = match &answer {
            Ok(ChangeAnswer::Wrong) => Ok(PasswordAnswer::Wrong),
            Ok(ChangeAnswer::Refused(refusal)) => Ok(PasswordAnswer::Refused(*refusal)),
            Ok(ChangeAnswer::Changed | ChangeAnswer::Rejected(_)) => {
                check.pass.count(true);
                Err(Unavailable {
                    cause: "the password was being changed".to_owned(),
                })
            }
            Err(unavailable) => Err(unavailable.clone()),
        };
        drop(check);
        answer.map(CheckedChange::Answer)
    }

    /// Prepares a check or joins one, if that may be.
    fn enter(
        self: &Arc<Self>,
        sources: &[Source],
        accounts: &Arc<dyn Accounts>,
        subject: &Subject,
        password: &Password,
        attempt: &Attempt<'_>,
        limits: &Arc<Limits>,
    ) -> Entered {
        let (client, now) = (attempt.client, attempt.now);
        let name = subject.name(accounts);
        let mark = self.mark(accounts, subject, password);
        let mut state = self.state();
        if let Some(refused) = self.throttle.refused(&name, client, limits, now) {
            return Entered::Done(Checked::Throttled(refused));
        }
        if state.wrong.remembers(&mark, now) {
            return Entered::Done(Checked::Repeated);
        }
        if let Some(answer) = state.under_way.get(&mark) {
            return Entered::Joined(answer.clone());
        }
        let pass = match self.throttle.begin(attempt.user, name, client, limits, now) {
            Beginning::Open(pass) => pass,
            Beginning::Busy => return Entered::Busy,
            Beginning::Refused(refused) => return Entered::Done(Checked::Throttled(refused)),
        };
        let (sender, answer) = watch::channel(None);
        state.under_way.insert(mark, answer.clone());
        drop(state);
        let check = Check {
            checks: Arc::clone(self),
            mark,
            sources: sources.to_vec(),
            client,
            now,
            pass,
            outcome: ended_early(),
            sender,
        };
        Entered::Begun(Box::new(check), answer)
    }

    /// As long as a check would take now: an answer that asked nobody must not show that by its time.
    pub(super) async fn take_the_time_of_one(&self, sources: &[Source]) {
        let typical = self.slowest(sources.iter());
        sleep(typical).await;
    }

    /// How long a failure takes at the slowest of these sources.
    fn slowest<'a>(&self, sources: impl Iterator<Item = &'a Source>) -> Duration {
        let state = self.state();
        sources
            .filter_map(|source| state.times.get(source))
            .map(CheckTimes::typical)
            .max()
            .unwrap_or_default()
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

    /// The time of the last change and the state of the account are part of it: what was checked before a change of
    /// either says nothing about after.
    fn mark(&self, accounts: &Arc<dyn Accounts>, subject: &Subject, password: &Password) -> Mark {
        let source = accounts.source().as_str().as_bytes();
        let password = password.expose().as_bytes();
        match subject {
            Subject::Known(entry) => {
                let changed = entry.password_changed.map(|at| at.unix_ms().to_be_bytes());
                let changed = changed.as_ref().map_or(&[][..], |bytes| &bytes[..]);
                let user = entry.user.as_str().as_bytes();
                let state = [entry.state as u8];
                mac(&self.key, &[b"known", source, user, changed, &state, password])
            }
            Subject::Unknown(name) | Subject::Unasked(name, _) => mac(
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

/// What became of a request for a check.
enum Entered {
    Done(Checked),
    Joined(watch::Receiver<Option<Outcome>>),
    /// It is to be run now.
    Begun(Box<Check>, watch::Receiver<Option<Outcome>>),
    /// Others under way decide whether it may begin.
    Busy,
}

fn ended_early() -> Outcome {
    Err(Unavailable {
        cause: "the check of the password ended early".to_owned(),
    })
}

/// The right password of an account that is closed is as good as a wrong one, in all that comes of it: else how long
/// the next answers take, or whom the throttle refuses, would tell that it was right.
fn unless_closed(answer: PasswordAnswer, state: AccountState) -> PasswordAnswer {
    match (answer, state) {
        (PasswordAnswer::Accepted(_), AccountState::Disabled) => PasswordAnswer::Refused(Refusal::Disabled),
        (PasswordAnswer::Accepted(_), AccountState::Expired) => PasswordAnswer::Refused(Refusal::Expired),
        (answer, _) => answer,
    }
}

/// One check under way. However it ends, it is taken off the list and those who wait get `outcome`.
struct Check {
    checks: Arc<PasswordChecks>,
    mark: Mark,
    /// All sources that the login may ask.
    sources: Vec<Source>,
    client: ClientAddress,
    now: Now,
    pass: Pass,
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
                let outcome = outcome.map(|answer| unless_closed(answer, entry.state));
                if let Ok(PasswordAnswer::Wrong | PasswordAnswer::Refused(_)) = outcome {
                    sleep_until(begun + least).await;
                }
                outcome
            }
            Subject::Unknown(_) => self.reject(&accounts, &password).await,
            Subject::Unasked(_, unavailable) => self.reject(&accounts, &password).await.and(Err(unavailable)),
        };
    }

    /// Takes the time of a check that fails.
    async fn reject(&self, accounts: &Arc<dyn Accounts>, password: &Password) -> Outcome {
        let begun = Instant::now();
        let least = self.typical(|_| true);
        let rejected = accounts.reject_password(password, self.client).await;
        if rejected.is_ok() {
            self.note(accounts.source(), |times| times.note_rejection(begun.elapsed()));
        }
        sleep_until(begun + least).await;
        rejected.map(|()| PasswordAnswer::Wrong)
    }

    /// How long a failure takes at the slowest of these sources. Each failure of a login that may ask two sources
    /// takes as long as at either, or its time would tell which of them has the name.
    fn typical(&self, of: impl Fn(Source) -> bool) -> Duration {
        self.checks
            .slowest(self.sources.iter().filter(|source| of(**source)))
    }

    fn note(&self, source: Source, note: impl FnOnce(&mut CheckTimes)) {
        note(self.checks.state().times.entry(source).or_default());
    }
}

impl Drop for Check {
    fn drop(&mut self) {
        match &self.outcome {
            Ok(PasswordAnswer::Accepted(_)) => self.pass.count(true),
            Ok(PasswordAnswer::Wrong | PasswordAnswer::Refused(_)) => self.pass.count(false),
            // Says nothing about the password.
            Err(_) => {}
        }
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
