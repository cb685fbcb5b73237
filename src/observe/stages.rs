//! How long a request spends in which of its stages. The rooms that a request passes through measure themselves with
//! this, and know nothing of metrics.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// A part of the work on a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Held back by the throttle: refused, or waiting for what comes of other tries.
    Throttle,
    /// Looking for the user and for the groups.
    Search,
    /// Having a password checked or changed.
    Bind,
    /// Asking the rules.
    Rules,
    /// Asking hosts for the user's sessions.
    Sessions,
    /// Choosing a host.
    Placement,
    /// Having a key placed.
    Key,
}

/// How long one request has been in each stage. Several parts of it may measure at the same time.
#[derive(Debug, Default)]
pub struct Stages {
    nanoseconds: [AtomicU64; Stage::ALL.len()],
}

/// A stage that a request is in. It ends when this is dropped, also when the request is given up.
#[derive(Debug)]
#[must_use = "the stage ends when this is dropped"]
pub struct Running<'a> {
    total: &'a AtomicU64,
    began: Instant,
}

impl Stage {
    /// All of them, in the order in which a request passes through them.
    pub const ALL: [Self; 7] = [
        Self::Throttle,
        Self::Search,
        Self::Bind,
        Self::Rules,
        Self::Sessions,
        Self::Placement,
        Self::Key,
    ];

    /// The word for it in metrics and in lines.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Throttle => "throttle",
            Self::Search => "search",
            Self::Bind => "bind",
            Self::Rules => "rules",
            Self::Sessions => "sessions",
            Self::Placement => "placement",
            Self::Key => "key",
        }
    }
}

impl Stages {
    /// Begins a stage. A stage that is entered several times counts as one of the whole length.
    pub fn enter(&self, stage: Stage) -> Running<'_> {
        Running {
            total: &self.nanoseconds[stage as usize],
            began: Instant::now(),
        }
    }

    /// The stages that were entered, and for how long.
    pub fn spent(&self) -> impl Iterator<Item = (Stage, Duration)> {
        let spent = self.nanoseconds.iter().map(|total| total.load(Ordering::Relaxed));
        Stage::ALL
            .into_iter()
            .zip(spent)
            .filter(|(_, nanoseconds)| *nanoseconds > 0)
            .map(|(stage, nanoseconds)| (stage, Duration::from_nanos(nanoseconds)))
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let took = u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX);
        // One that took no time that the clock can tell was entered nonetheless.
        self.total.fetch_add(took.max(1), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn each_stage_has_the_time_that_was_spent_in_it() {
        let stages = Stages::default();
        for seconds in [2, 3] {
            let _search = stages.enter(Stage::Search);
            tokio::time::sleep(Duration::from_secs(seconds)).await;
        }
        drop(stages.enter(Stage::Rules));
        {
            let _bind = stages.enter(Stage::Bind);
            let given_up = tokio::time::timeout(Duration::from_secs(1), std::future::pending::<()>());
            assert!(given_up.await.is_err());
        }
        let spent: Vec<_> = stages
            .spent()
            .map(|(stage, took)| (stage.as_str(), took.as_secs()))
            .collect();
        assert_eq!(spent, [("search", 5), ("bind", 1), ("rules", 0)]);
    }
}
