//! Processes that take questions, as many at once as are configured, and replaced when they are lost.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::answers::{Change, Unreachable, Verdict};
use super::child::{Child, Lost};
use super::history::Who;
use super::lanes::{Lanes, Slot};
use super::limits::QUEUE_WAIT_MAX;
use super::load::PoolLoad;
use super::message::{Reply, Request};
use super::settings::Service;

/// Wait after the first start that failed; doubles with each further one.
const BACK_OFF_MIN: Duration = Duration::from_millis(250);
/// Longest wait before a start is tried again.
const BACK_OFF_MAX: Duration = Duration::from_secs(10);

/// A pool for one kind of question.
#[derive(Debug)]
pub(super) struct Pool {
    service: Service,
    limit: Duration,
    lanes: Arc<Lanes>,
    idle: Mutex<Vec<Child>>,
    back_off: Mutex<BackOff>,
}

/// When the next start may be tried, after starts that failed.
#[derive(Debug, Default)]
struct BackOff {
    last: Duration,
    until: Option<Instant>,
}

impl BackOff {
    fn allows(&self, now: Instant) -> bool {
        self.until.is_none_or(|until| now >= until)
    }

    fn failed(&mut self, now: Instant) {
        self.last = (self.last * 2).clamp(BACK_OFF_MIN, BACK_OFF_MAX);
        self.until = Some(now + self.last);
    }
}

impl Pool {
    /// A pool of `size` processes, each with `limit` for one question; of each standing at most `queue`
    /// questions wait. The first process is started at once.
    ///
    /// # Errors
    /// The first process cannot be started.
    pub(super) async fn start(
        service: Service,
        size: usize,
        queue: usize,
        limit: Duration,
    ) -> io::Result<Arc<Self>> {
        let first = Child::start(&service).await?;
        Ok(Arc::new(Self {
            service,
            limit,
            lanes: Lanes::new(size, queue, QUEUE_WAIT_MAX),
            idle: Mutex::new(vec![first]),
            back_off: Mutex::default(),
        }))
    }

    /// Has a question answered when its turn comes. Dropping the future leaves the queue; a question that a
    /// process already has is answered nonetheless, and counts.
    pub(super) async fn ask(self: &Arc<Self>, who: Who, request: Request) -> Reply {
        let name = who.name.clone();
        let slot = match self.lanes.enter(who).await {
            Ok(slot) => slot,
            Err(why) => {
                tracing::warn!(user = ?name, "{why}");
                return failed(why.to_string(), false);
            }
        };
        let shown = request.has_password();
        let (sender, receiver) = oneshot::channel();
        let pool = Arc::clone(self);
        tokio::spawn(async move { pool.answer(slot, request, sender).await });
        // The task ends without an answer only if it panics.
        receiver
            .await
            .unwrap_or_else(|_| failed("the worker failed".to_owned(), shown))
    }

    /// How busy its processes are.
    pub(super) fn load(&self) -> PoolLoad {
        self.lanes.load()
    }

    /// Answers one question, and sees to it that there is a process for the next before the slot is free.
    async fn answer(&self, slot: Slot, request: Request, sender: oneshot::Sender<Reply>) {
        let user = &slot.who().name;
        let mut child = match self.take().await {
            Ok(child) => child,
            Err(why) => {
                tracing::error!(?user, "{why}");
                // Nobody waits for the answer any more if this fails.
                let _ = sender.send(failed(why, false));
                return;
            }
        };
        let shown = request.has_password();
        let reply = child.ask(&request, self.limit).await;
        drop(request);
        match &reply {
            Ok(Reply::Failed(Unreachable { cause, .. })) => tracing::warn!(?user, "{cause}"),
            Ok(reply) => match outcome(reply) {
                Some(true) => slot.succeeded(),
                Some(false) => slot.failed(),
                None => {}
            },
            Err(why) => {
                slot.failed();
                tracing::warn!(?user, "{why}");
            }
        }
        let lost = reply.is_err();
        let _ = sender.send(reply.unwrap_or_else(|why: Lost| failed(why.to_string(), shown)));
        if !lost && child.is_usable() {
            self.put_back(child);
            return;
        }
        drop(child);
        match self.start_one().await {
            Ok(child) => self.put_back(child),
            Err(why) => tracing::error!("{why}"),
        }
    }

    /// An idle process, or a new one.
    async fn take(&self) -> Result<Child, String> {
        loop {
            let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let Some(mut child) = idle else {
                return self.start_one().await;
            };
            // One that was killed while it was idle costs nobody a login.
            if child.is_usable() {
                return Ok(child);
            }
        }
    }

    fn put_back(&self, child: Child) {
        self.idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(child);
    }

    /// Starts a process, unless that failed a moment ago.
    async fn start_one(&self) -> Result<Child, String> {
        if !self.back_off().allows(Instant::now()) {
            return Err("no process could be started a moment ago; it is tried again soon".to_owned());
        }
        match Child::start(&self.service).await {
            Ok(child) => {
                *self.back_off() = BackOff::default();
                Ok(child)
            }
            Err(error) => {
                self.back_off().failed(Instant::now());
                Err(format!("no process can be started: {error}"))
            }
        }
    }

    fn back_off(&self) -> std::sync::MutexGuard<'_, BackOff> {
        self.back_off.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether an answer speaks for whoever asked, or against; a failure that is nobody's fault does neither.
fn outcome(reply: &Reply) -> Option<bool> {
    match reply {
        Reply::User(user) => Some(user.is_some()),
        Reply::Verdict { verdict, .. } => Some(matches!(verdict, Verdict::Right { .. })),
        Reply::Change { change, .. } => {
            Some(matches!(change, Change::Changed { .. } | Change::Rejected { .. }))
        }
        Reply::Pong | Reply::Load(_) | Reply::Failed(_) => None,
    }
}

fn failed(cause: String, sent: bool) -> Reply {
    Reply::Failed(Unreachable { cause, sent })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starts_that_fail_are_tried_less_and_less_often() {
        let (mut back_off, now) = (BackOff::default(), Instant::now());
        assert!(back_off.allows(now));
        back_off.failed(now);
        assert!(!back_off.allows(now));
        assert!(back_off.allows(now + BACK_OFF_MIN));
        for _ in 0..100 {
            back_off.failed(now);
        }
        assert!(!back_off.allows(now + BACK_OFF_MAX / 2));
        assert!(back_off.allows(now + BACK_OFF_MAX));
    }

    #[test]
    fn only_what_speaks_for_or_against_somebody_counts() {
        let delay = Duration::ZERO;
        let of = |verdict| outcome(&Reply::Verdict { verdict, delay });
        assert_eq!(of(Verdict::Wrong), Some(false));
        let right = Verdict::Right {
            user: String::new(),
            must_change: true,
            said: Vec::new(),
        };
        assert_eq!(of(right), Some(true));
        assert_eq!(outcome(&Reply::User(None)), Some(false));
        assert_eq!(outcome(&failed(String::new(), true)), None);
    }
}
