//! Removing keys whose time is over.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::book::{GIVE_UP_AFTER, Missed};
use super::grants::{Grants, Shared};
use crate::agent::AgentError;
use crate::model::KeyDelivery;
use crate::store::KeyRecord;

/// How long a host may take to remove a line.
const HOST_DEADLINE: Duration = Duration::from_secs(10);
/// Shortest and longest pause between two looks for what is due.
const PAUSE_MIN: Duration = Duration::from_millis(200);
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// What became of a line whose time is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removal {
    /// The line and where it was.
    pub record: KeyRecord,
    /// Why it is still there, if nobody tries to remove it any more.
    pub given_up: Option<String>,
}

impl Grants {
    /// Removes what is due, for as long as this is polled, and tells of each line. What is under way when it is
    /// dropped is tried again after the next start.
    pub async fn tend(&self, tell: impl Fn(Removal)) {
        let mut removing = JoinSet::new();
        loop {
            let now = (self.shared.clock)();
            let due = self.shared.book().due(now);
            for record in due {
                removing.spawn(remove(Arc::clone(&self.shared), record));
            }
            let next = self.shared.book().next_due();
            let pause = next.map_or(PAUSE_MAX, |next| next.since(now).clamp(PAUSE_MIN, PAUSE_MAX));
            tokio::select! {
                Some(removed) = removing.join_next() => {
                    if let Ok(Some(removal)) = removed {
                        tell(removal);
                    }
                }
                () = self.shared.woken.notified() => {}
                () = sleep(pause) => {}
            }
        }
    }
}

/// Removes one line, or says when to try again.
async fn remove(shared: Arc<Shared>, record: KeyRecord) -> Option<Removal> {
    let target = &record.target;
    if target.delivery == KeyDelivery::Command {
        shared.forget(&record).await;
        return None;
    }
    let removed = {
        let _turn = shared.turns.of(&record.session_user).remove().await;
        ask(&shared, &record).await
    };
    match removed {
        Ok(()) => {
            shared.book().answered(&target.machine);
            shared.forget(&record).await;
            shared.tally.removed.fetch_add(1, Ordering::Relaxed);
            Some(Removal {
                record,
                given_up: None,
            })
        }
        // A user whom the host does not know may be one whom its directory cannot be asked about just now.
        Err(error) => {
            let now = (shared.clock)();
            let missed = shared.book().missed(record.id, &target.machine, &error, now);
            match missed {
                Missed::Again(true) => tracing::warn!(
                    farm = %target.farm, host = %target.host, %error,
                    "keys whose time is over stay on this host until its agent answers"
                ),
                Missed::Again(false) => {
                    tracing::debug!(host = %target.host, key = %record.id, %error, "not removed")
                }
                Missed::GivenUp => return Some(give_up(&shared, record, &error).await),
            }
            None
        }
    }
}

async fn ask(shared: &Shared, record: &KeyRecord) -> Result<(), AgentError> {
    let target = &record.target;
    let Some(agent) = shared.agent(target.delivery) else {
        return Err(AgentError::Unreachable(
            "no agent is configured any more".to_owned(),
        ));
    };
    let removing = agent.remove_key(&target.machine, &record.session_user, &record.line);
    timeout(HOST_DEADLINE, removing)
        .await
        .unwrap_or(Err(AgentError::Silent(HOST_DEADLINE)))
}

async fn give_up(shared: &Shared, record: KeyRecord, error: &AgentError) -> Removal {
    tracing::error!(
        farm = %record.target.farm, host = %record.target.host, user = %record.session_user, key = %record.id,
        %error,
        "a key whose time is over could not be removed for {} days; it opens nothing, and the line that ends with \
         its id can be deleted by hand",
        GIVE_UP_AFTER.as_secs() / (24 * 60 * 60)
    );
    shared.forget(&record).await;
    Removal {
        record,
        given_up: Some(error.to_string()),
    }
}
