//! Bringing one key to its hosts.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout, timeout_at};
use tracing::Instrument as _;

use super::NoKey;
use super::grants::Shared;
use crate::agent::AgentError;
use crate::model::KeyDelivery;
use crate::store::KeyRecord;

/// How long a host may take to write a line down.
const HOST_DEADLINE: Duration = Duration::from_secs(5);
/// How long the client waits for hosts other than the one that was chosen.
const OTHERS_WAIT: Duration = Duration::from_secs(1);

/// Writes a key down here and then on its hosts, and tells `done` as soon as the chosen one has it and the others
/// have it or take long.
pub(super) async fn place(
    shared: Arc<Shared>,
    chosen: KeyRecord,
    others: Vec<KeyRecord>,
    done: oneshot::Sender<Result<(), NoKey>>,
) {
    let began = Instant::now();
    let _turn = shared.turns.of(&chosen.session_user).await;
    if done.is_closed() {
        return;
    }
    let all: Vec<KeyRecord> = [&chosen].into_iter().chain(&others).cloned().collect();
    if let Err(error) = shared.store.put_key(all.clone()).await {
        // Who no longer waits has no use for the answer, here and below.
        let _ = done.send(Err(error.into()));
        return;
    }
    shared.book().put(&all);
    shared.woken.notify_one();
    let mut adding = JoinSet::new();
    for other in others.iter().cloned() {
        let shared = Arc::clone(&shared);
        let add_other = async move {
            if let Err(error) = add(&shared, &other).await {
                tracing::info!(host = %other.target.host, key = %other.id, %error, "no key there");
            }
        };
        adding.spawn(add_other.in_current_span());
    }
    let placed = add(&shared, &chosen).await;
    if placed.is_err() {
        // Nobody will have the key, so it need not stand anywhere.
        let now = (shared.clock)();
        let mut book = shared.book();
        for other in &others {
            book.end(other.id, &other.target.machine, now);
        }
    }
    if placed.is_ok() {
        // What is not done by then goes on below.
        let _ = timeout_at(began + OTHERS_WAIT, all_of(&mut adding)).await;
    }
    let _ = done.send(placed.map_err(NoKey::from));
    all_of(&mut adding).await;
    shared.woken.notify_one();
}

/// Waits until all of these have ended.
async fn all_of(adding: &mut JoinSet<()>) {
    while adding.join_next().await.is_some() {}
}

/// Brings it to one host.
async fn add(shared: &Shared, record: &KeyRecord) -> Result<(), AgentError> {
    let target = &record.target;
    if target.delivery == KeyDelivery::Command {
        return Ok(());
    }
    let added = match shared.agent(target.delivery) {
        Some(agent) => {
            let adding = agent.add_key(&target.machine, &record.session_user, &record.line);
            timeout(HOST_DEADLINE, adding)
                .await
                .unwrap_or(Err(AgentError::Silent(HOST_DEADLINE)))
        }
        None => Err(AgentError::Unreachable("no agent is configured".to_owned())),
    };
    match &added {
        Ok(()) => shared.book().is_there(record.id, &target.machine),
        Err(error) if was_not_done(error) => shared.forget(record).await,
        Err(_) => {}
    }
    added
}

/// Whether the host cannot have the line. After any other failure it may, even later than now.
fn was_not_done(error: &AgentError) -> bool {
    matches!(
        error,
        AgentError::Unreachable(_) | AgentError::NoSuchUser(_) | AgentError::Busy
    )
}
