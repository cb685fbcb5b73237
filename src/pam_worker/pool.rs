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

/// When the next start may be tried.
#[derive(Debug, Default)]
struct BackOff {
    last: Duration,
    until: Option<Instant>,
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
        let slot = match self.lanes.enter(who).await {
            Ok(slot) => slot,
            Err(why) => return failed(why.to_string(), false),
        };
        let (sender, receiver) = oneshot::channel();
        let pool = Arc::clone(self);
        tokio::spawn(async move { pool.answer(slot, request, sender).await });
        // The task ends without an answer only if it panics.
        receiver
            .await
            .unwrap_or_else(|_| failed("the worker failed".to_owned(), true))
    }

    /// Answers one question, and sees to it that there is a process for the next before the slot is free.
    async fn answer(&self, slot: Slot, request: Request, sender: oneshot::Sender<Reply>) {
        let mut child = match self.take().await {
            Ok(child) => child,
            Err(why) => {
                // Nobody waits for the answer any more if this fails.
                let _ = sender.send(failed(why, false));
                return;
            }
        };
        let reply = child.ask(&request, self.limit).await;
        drop(request);
        match &reply {
            Ok(reply) => match outcome(reply) {
                Some(true) => slot.succeeded(),
                Some(false) => slot.failed(),
                None => {}
            },
            Err(why) => {
                slot.failed();
                tracing::warn!(%why, "a PAM process is lost, and one login with it");
            }
        }
        let lost = reply.is_err();
        let _ = sender.send(reply.unwrap_or_else(|why: Lost| failed(why.to_string(), true)));
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
        let waits = self.back_off().until.is_some_and(|until| Instant::now() < until);
        if waits {
            return Err("no process could be started a moment ago; it is tried again soon".to_owned());
        }
        let started = Child::start(&self.service).await;
        let mut back_off = self.back_off();
        match started {
            Ok(child) => {
                *back_off = BackOff::default();
                Ok(child)
            }
            Err(error) => {
                let wait = (back_off.last * 2).clamp(BACK_OFF_MIN, BACK_OFF_MAX);
                *back_off = BackOff {
                    last: wait,
                    until: Some(Instant::now() + wait),
                };
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
        Reply::Pong | Reply::Failed(_) => None,
    }
}

fn failed(cause: String, sent: bool) -> Reply {
    Reply::Failed(Unreachable { cause, sent })
}
