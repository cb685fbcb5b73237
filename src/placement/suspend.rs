//! Suspending sessions that run elsewhere, before they are resumed.

use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};
use tracing::Instrument as _;

use super::FoundSession;
use super::farms::Farms;
use crate::model::{Offered, SessionState};

/// Longest that a login waits for it: longer than for what is only asked, since a session that still runs is shown to whoever
/// wanted to go on with it as one that others have.
const WAIT: Duration = Duration::from_secs(3);

impl Farms {
    /// Suspends those of the offer's sessions that run, where their farm has `suspend_running`, and notes it in them.
    ///
    /// The agent only writes into the session database that a session shall be suspended; x2gocleansessions, which an
    /// X2Go server runs, does it within some seconds, and so does x2goresume-session when the client resumes it before.
    /// A list of the user's sessions in between has x2golistsessions note again what runs; then only the latter does it.
    /// What no host confirmed within three seconds stays running as far as is known here.
    pub async fn suspend_running(&self, offer: &impl Offered, sessions: &mut [FoundSession]) {
        let mut suspending = JoinSet::new();
        for (number, found) in sessions.iter().enumerate() {
            let farm = self
                .farm(&found.farm)
                .filter(|farm| farm.settings.suspend_running);
            let Some(agent) = farm.and_then(|farm| farm.agent.clone()) else {
                continue;
            };
            if found.session.state == SessionState::Running {
                let (machine, user) = (found.host.machine(), offer.session_user().clone());
                let session = found.session.id.clone();
                let suspend = async move {
                    let suspended = agent.suspend(&machine, &user, &session).await;
                    (number, session, suspended)
                };
                suspending.spawn(suspend.in_current_span());
            }
        }
        let deadline = Instant::now() + WAIT;
        while let Ok(Some(answer)) = timeout_at(deadline, suspending.join_next()).await {
            match answer {
                Ok((number, _, Ok(()))) => {
                    if let Some(found) = sessions.get_mut(number) {
                        found.session.state = SessionState::Suspended;
                    }
                }
                Ok((_, session, Err(error))) => {
                    tracing::info!(%session, %error, "running session not suspended");
                }
                // A panic was logged where it happened.
                Err(_) => {}
            }
        }
        suspending.detach_all();
    }
}
