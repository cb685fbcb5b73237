//! Turns at a machine: so many commands run there at once, and so many wait.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError};
use tokio::time::{Instant, timeout_at};

use super::AgentError;

/// Most commands at once on one machine. sshd takes 10 sessions on a connection unless told otherwise
/// (sshd_config(5), MaxSessions), and a program that was given up may still have one.
pub(super) const RUNNING_MAX: usize = 8;
/// Most commands that wait for their turn at one machine. What a storm of logins brings beyond that would be too late
/// anyway.
pub(super) const WAITING_MAX: usize = 64;

/// The turns at one machine.
#[derive(Debug)]
pub(super) struct Turns {
    running: Arc<Semaphore>,
    waiting: Semaphore,
}

impl Turns {
    pub(super) fn new() -> Self {
        Self {
            running: Arc::new(Semaphore::new(RUNNING_MAX)),
            waiting: Semaphore::new(WAITING_MAX),
        }
    }

    /// Waits for a turn, which lasts until what is given is dropped.
    ///
    /// # Errors
    /// Too many wait already, or the deadline passed.
    pub(super) async fn take(&self, deadline: Instant) -> Result<OwnedSemaphorePermit, AgentError> {
        let running = Arc::clone(&self.running);
        match running.try_acquire_owned() {
            Err(TryAcquireError::NoPermits) => {}
            taken => return taken.map_err(|_| AgentError::Busy),
        }
        let _place = self.waiting.try_acquire().map_err(|_| AgentError::Busy)?;
        match timeout_at(deadline, Arc::clone(&self.running).acquire_owned()).await {
            Ok(Ok(turn)) => Ok(turn),
            _ => Err(AgentError::Busy),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn turns_are_bounded_and_so_is_the_wait() {
        let turns = Arc::new(Turns::new());
        let deadline = Instant::now() + Duration::from_secs(1);
        let mut taken = Vec::new();
        for _ in 0..RUNNING_MAX {
            taken.push(turns.take(deadline).await.unwrap());
        }
        let wait = || {
            let turns = Arc::clone(&turns);
            tokio::spawn(async move { turns.take(deadline).await.map(drop) })
        };
        let waiting: Vec<_> = (0..WAITING_MAX).map(|_| wait()).collect();
        while turns.waiting.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        let before = Instant::now();
        assert_eq!(turns.take(deadline).await.map(drop), Err(AgentError::Busy));
        assert_eq!(before, Instant::now(), "what is too much does not wait");
        taken.pop();
        for waited in waiting {
            assert_eq!(waited.await.unwrap(), Ok(()), "each hands its turn on");
        }
        let late = Instant::now() + Duration::from_secs(1);
        taken.push(turns.take(late).await.unwrap());
        assert_eq!(turns.take(late).await.map(drop), Err(AgentError::Busy));
        assert_eq!(Instant::now(), late);
    }
}
