//! Where decisions go: to a file, or to the log.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use serde::Deserialize;

use super::file::{AuditFile, Writer};
use super::{Action, Decision};

/// The log target of decisions.
const TARGET: &str = "audit";

/// Takes lines and never lets a request wait for a disk. What cannot be written in time is lost, counted and said.
#[derive(Debug, Default)]
pub struct Log {
    writer: ArcSwapOption<Writer>,
    lost: Arc<AtomicU64>,
}

impl Log {
    /// Writes to the log until it is told otherwise.
    pub fn new() -> Self {
        Self::default()
    }

    /// Writes to this file from now on; to the log if there is none. A file that is in use already is kept: that
    /// it was moved away is noticed at the next line.
    pub fn turn_to(&self, file: Option<AuditFile>) {
        let current = self.writer.load_full();
        let path = file.as_ref().map(AuditFile::path);
        if current.as_ref().map(|writer| writer.path()) == path {
            return;
        }
        let writer = file.map(|file| Arc::new(Writer::start(file, Arc::clone(&self.lost))));
        self.writer.store(writer);
    }

    /// Writes a decision. Returns at once.
    pub fn decision(&self, decision: &Decision) {
        self.write(decision.line(), &decision.decision);
    }

    /// Writes what an admin did. Returns at once.
    pub fn action(&self, action: &Action) {
        self.write(action.line(), &action.decision);
    }

    fn write(&self, line: serde_json::Result<String>, id: &impl std::fmt::Display) {
        match (line, self.writer.load().as_ref()) {
            (Ok(line), Some(writer)) => writer.write(line),
            (Ok(line), None) => to_log(&line),
            (Err(error), _) => tracing::error!(target: TARGET, decision_id = %id, %error, "not written"),
        }
    }

    /// How many lines were lost since the start.
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    /// Waits until everything so far is in the file, at most that long.
    pub async fn flush(&self, limit: Duration) {
        if let Some(writer) = self.writer.load_full() {
            writer.flush(limit).await;
        }
    }
}

/// What of a line is worth a field of its own where logs have fields.
#[derive(Deserialize)]
struct Marks<'a> {
    decision: &'a str,
    task: &'a str,
    outcome: &'a str,
    #[serde(borrow, default)]
    door: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    client: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    account: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    host: Option<Cow<'a, str>>,
}

/// Writes a line to the log. Its fields are read from the line, so that they cannot say anything else.
pub(super) fn to_log(line: &str) {
    let Ok(marks) = serde_json::from_str::<Marks<'_>>(line) else {
        tracing::info!(target: TARGET, parent: None, "{line}");
        return;
    };
    tracing::info!(
        target: TARGET,
        parent: None,
        decision_id = marks.decision,
        task = marks.task,
        outcome = marks.outcome,
        door = marks.door.as_deref(),
        client = marks.client.as_deref(),
        user = marks.account.as_deref(),
        host = marks.host.as_deref(),
        "{line}"
    );
}
