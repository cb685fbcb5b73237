//! What a session database was asked about users lately: each question once, however many wait for its answer.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use crate::model::{Session, SessionUser};

/// How long an answer serves those who ask the same.
const FRESH: Duration = Duration::from_secs(5);
/// How long sessions that were found are remembered for reports.
const REMEMBERED: Duration = Duration::from_mins(15);
/// Most users of whom something is remembered at a time. About those beyond it nobody is asked.
const USERS_MAX: usize = 16_384;

/// The sessions of a user in a session database.
#[derive(Debug, Default, PartialEq)]
pub(super) struct UserSessions {
    /// Those on hosts that are known, each with the number of its host.
    pub on_hosts: Vec<(usize, Session)>,
    /// Whether there are or may be others: on hosts that nobody configured, or told of in a way that cannot be read.
    pub elsewhere: bool,
}

/// How far a question is.
#[derive(Debug, Clone)]
pub(super) enum Progress {
    /// It was asked.
    UnderWay,
    /// Nobody could tell.
    Unknown,
    /// This is the answer.
    Known(Arc<UserSessions>),
}

/// A question that was asked, and its answer as soon as there is one.
#[derive(Debug)]
pub(super) struct Flight(watch::Receiver<Progress>);

impl Flight {
    /// The answer, once there is one; none if nobody can tell.
    pub async fn answer(mut self) -> Option<Arc<UserSessions>> {
        let landed = self
            .0
            .wait_for(|progress| !matches!(progress, Progress::UnderWay))
            .await;
        match landed.as_deref() {
            Ok(Progress::Known(sessions)) => Some(Arc::clone(sessions)),
            _ => None,
        }
    }
}

/// The questions of lately.
#[derive(Debug, Default)]
pub(super) struct Flights(Mutex<Asked>);

#[derive(Debug, Default)]
struct Asked {
    by_user: HashMap<SessionUser, (Instant, watch::Receiver<Progress>)>,
    swept: Option<Instant>,
}

impl Flights {
    /// The question about a user: one that was asked lately, or a new one, and then also what its answer is to be
    /// given to.
    pub fn join(&self, user: &SessionUser) -> (Flight, Option<watch::Sender<Progress>>) {
        let now = Instant::now();
        let mut asked = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        asked.sweep(now);
        if let Some((at, progress)) = asked.by_user.get(user)
            && is_fresh(*at, progress, now)
        {
            return (Flight(progress.clone()), None);
        }
        let full = asked.by_user.len() >= USERS_MAX && !asked.by_user.contains_key(user);
        let (sender, receiver) = watch::channel(Progress::UnderWay);
        if full {
            sender.send_replace(Progress::Unknown);
            return (Flight(receiver), None);
        }
        asked.by_user.insert(user.clone(), (now, receiver.clone()));
        (Flight(receiver), Some(sender))
    }

    /// The users whose sessions are remembered, and how long ago they were asked for.
    pub fn remembered(&self) -> Vec<(SessionUser, Duration, Arc<UserSessions>)> {
        let now = Instant::now();
        let asked = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = |(user, (at, progress)): (&SessionUser, &(Instant, watch::Receiver<Progress>))| {
            let age = now.duration_since(*at);
            match &*progress.borrow() {
                Progress::Known(sessions) if age < REMEMBERED => {
                    Some((user.clone(), age, Arc::clone(sessions)))
                }
                _ => None,
            }
        };
        asked.by_user.iter().filter_map(known).collect()
    }
}

impl Asked {
    /// Forgets what serves nobody any more, not more often than that changes.
    fn sweep(&mut self, now: Instant) {
        if self.swept.is_some_and(|swept| now.duration_since(swept) < FRESH) {
            return;
        }
        self.swept = Some(now);
        self.by_user.retain(|_, (at, progress)| {
            let found =
                matches!(&*progress.borrow(), Progress::Known(sessions) if !sessions.on_hosts.is_empty());
            is_fresh(*at, progress, now) || (found && now.duration_since(*at) < REMEMBERED)
        });
    }
}

/// Whether a question need not be asked again. One that is under way has a deadline of its own.
fn is_fresh(at: Instant, progress: &watch::Receiver<Progress>, now: Instant) -> bool {
    now.duration_since(at) < FRESH || matches!(&*progress.borrow(), Progress::UnderWay)
}
