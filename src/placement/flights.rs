//! What a session database was asked about users lately: each question once, however many wait for its answer.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use crate::model::{Session, SessionUser};

/// How long an answer serves those who ask the same.
const FRESH: Duration = Duration::from_secs(5);
/// How long an answer stands in for one that is late.
const STANDS_IN: Duration = Duration::from_secs(30);
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
    /// Whether all who were asked said that there is no such user. Hosts that cannot reach their directory say so too.
    pub no_user: bool,
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
pub(super) struct Flight {
    progress: watch::Receiver<Progress>,
    /// The answer to the question before.
    earlier: Option<Arc<UserSessions>>,
}

impl Flight {
    /// The answer, once there is one; none if nobody can tell.
    pub async fn answer(mut self) -> Option<Arc<UserSessions>> {
        let landed = self
            .progress
            .wait_for(|progress| !matches!(progress, Progress::UnderWay))
            .await;
        match landed.as_deref() {
            Ok(Progress::Known(sessions)) => Some(Arc::clone(sessions)),
            _ => None,
        }
    }

    /// The answer, if there is one by then; where it is late, what was told within the last 30 s. A host under load takes
    /// long, and whoever has a session there wants to go on with it.
    pub async fn answer_by(self, deadline: Instant) -> Option<Arc<UserSessions>> {
        let earlier = self.earlier.clone();
        timeout_at(deadline, self.answer()).await.unwrap_or(earlier)
    }
}

/// The questions of lately.
#[derive(Debug, Default)]
pub(super) struct Flights(Mutex<Asked>);

#[derive(Debug, Default)]
struct Asked {
    by_user: HashMap<SessionUser, Question>,
    swept: Option<Instant>,
}

/// The last question about a user.
#[derive(Debug)]
struct Question {
    at: Instant,
    /// Whether something happened to the user's sessions since.
    outdated: bool,
    progress: watch::Receiver<Progress>,
    /// The answer to the question before, if nothing has happened to the user's sessions since.
    earlier: Option<Earlier>,
}

/// An answer, and when it was asked for.
#[derive(Debug, Clone)]
struct Earlier {
    at: Instant,
    sessions: Arc<UserSessions>,
}

impl Flights {
    /// The question about a user: one that was asked lately, or a new one, and then also what its answer is to be
    /// given to.
    pub fn join(&self, user: &SessionUser) -> (Flight, Option<watch::Sender<Progress>>) {
        let now = Instant::now();
        let mut asked = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        asked.sweep(now);
        let last = asked.by_user.get(user);
        if let Some(question) = last
            && question.is_fresh(now)
        {
            return (question.flight(now), None);
        }
        let earlier = last.and_then(Question::earlier);
        let full = asked.by_user.len() >= USERS_MAX && !asked.by_user.contains_key(user);
        let (sender, receiver) = watch::channel(Progress::UnderWay);
        if full {
            sender.send_replace(Progress::Unknown);
            let (progress, earlier) = (receiver, None);
            return (Flight { progress, earlier }, None);
        }
        let question = Question {
            at: now,
            outdated: false,
            progress: receiver,
            earlier,
        };
        let flight = question.flight(now);
        asked.by_user.insert(user.clone(), question);
        (flight, Some(sender))
    }

    /// Lets what is known of a user serve no more, since something happened to the user's sessions. A question that is
    /// under way still serves those who ask the same before it has its answer, so that whoever reports much has not
    /// more than one under way.
    pub fn outdate(&self, user: &SessionUser) {
        let mut asked = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(question) = asked.by_user.get_mut(user) {
            question.outdated = true;
            question.earlier = None;
        }
    }

    /// The users whose sessions are remembered, and how long ago they were asked for.
    pub fn remembered(&self) -> Vec<(SessionUser, Duration, Arc<UserSessions>)> {
        let now = Instant::now();
        let asked = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = |(user, question): (&SessionUser, &Question)| {
            let age = now.duration_since(question.at);
            match &*question.progress.borrow() {
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
        self.by_user.retain(|_, question| {
            let found = matches!(
                &*question.progress.borrow(), Progress::Known(sessions) if !sessions.on_hosts.is_empty()
            );
            question.is_fresh(now)
                || question.stands_in(now).is_some()
                || (found && now.duration_since(question.at) < REMEMBERED)
        });
    }
}

impl Question {
    fn flight(&self, now: Instant) -> Flight {
        Flight {
            progress: self.progress.clone(),
            earlier: self.stands_in(now).map(|earlier| Arc::clone(&earlier.sessions)),
        }
    }

    /// What stands in for its answer, if that is late.
    fn stands_in(&self, now: Instant) -> Option<&Earlier> {
        self.earlier
            .as_ref()
            .filter(|earlier| now.duration_since(earlier.at) < STANDS_IN)
    }

    /// What stands in for the answer to the next question.
    fn earlier(&self) -> Option<Earlier> {
        match &*self.progress.borrow() {
            Progress::Known(sessions) if !self.outdated => Some(Earlier {
                at: self.at,
                sessions: Arc::clone(sessions),
            }),
            Progress::Unknown => self.earlier.clone(),
            _ => None,
        }
    }

    /// Whether it need not be asked again. One that is under way has a deadline of its own.
    fn is_fresh(&self, now: Instant) -> bool {
        let serves = !self.outdated && now.duration_since(self.at) < FRESH;
        serves || matches!(&*self.progress.borrow(), Progress::UnderWay)
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;
    use crate::placement::tests::fake_agent::session;

    const SOON: Duration = Duration::from_millis(100);

    fn jane() -> SessionUser {
        SessionUser::new("jane").unwrap()
    }

    fn told() -> Arc<UserSessions> {
        Arc::new(UserSessions {
            on_hosts: vec![(0, session("jane-51-1_stDXFCE_dp24", "ts01"))],
            ..UserSessions::default()
        })
    }

    /// Asks anew, and lets the question end so.
    fn ask(flights: &Flights, ends: Progress) {
        let (_, sender) = flights.join(&jane());
        sender.expect("it was asked lately").send_replace(ends);
    }

    async fn late_answer(flights: &Flights) -> Option<Arc<UserSessions>> {
        let (flight, sender) = flights.join(&jane());
        let answer = flight.answer_by(Instant::now() + SOON).await;
        sender
            .expect("it was asked lately")
            .send_replace(Progress::Unknown);
        answer
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_told_stands_in_for_a_late_answer_even_after_a_question_that_nobody_could_answer() {
        let flights = Flights::default();
        ask(&flights, Progress::Known(told()));
        advance(FRESH).await;
        ask(&flights, Progress::Unknown);
        advance(FRESH).await;
        assert_eq!(late_answer(&flights).await, Some(told()));
        advance(STANDS_IN).await;
        assert_eq!(late_answer(&flights).await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_told_before_something_happened_stands_in_for_nothing() {
        let flights = Flights::default();
        ask(&flights, Progress::Known(told()));
        advance(FRESH).await;
        ask(&flights, Progress::Unknown);
        flights.outdate(&jane());
        assert_eq!(late_answer(&flights).await, None);
    }
}
