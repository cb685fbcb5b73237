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
    let turns = shared.turns.of(&chosen.session_user);
    let mut adding_lines = turns.add();
    let alone = adding_lines.alone_soon().await;
    let all: Vec<KeyRecord> = [&chosen].into_iter().chain(&others).cloned().collect();
    {
        let _turn = turns.records().await;
        if done.is_closed() {
            return;
        }
        if let Err(error) = shared.store.put_key(all.clone()).await {
            // Who no longer waits has no use for the answer, here and below.
            let _ = done.send(Err(error.into()));
            return;
        }
        shared.book().put(&all, (shared.clock)());
    }
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
    let mut joined = adding_lines.was_joined() || !alone;
    while joined {
        adding_lines.alone().await;
        // What began and ended up to here is made good by what follows.
        adding_lines.was_joined();
        add_again(&shared, &all).await;
        joined = adding_lines.was_joined();
    }
    shared.woken.notify_one();
}

/// Brings a key once more to those of these hosts that have it and where its time is not over: the removal of another
/// one was under way, and may have written the file anew without it. There a line may stand twice; both are removed.
async fn add_again(shared: &Arc<Shared>, all: &[KeyRecord]) {
    let mut adding = JoinSet::new();
    for record in all.iter().cloned() {
        let now = (shared.clock)();
        if !shared.book().add_again(record.id, &record.target.machine, now) {
            continue;
        }
        let shared = Arc::clone(shared);
        let add = async move {
            if let Err(error) = add_line(&shared, &record).await {
                tracing::info!(host = %record.target.host, key = %record.id, %error, "the key may be lost there");
            }
        };
        adding.spawn(add.in_current_span());
    }
    all_of(&mut adding).await;
}

/// Waits until all of these have ended.
async fn all_of(adding: &mut JoinSet<()>) {
    while adding.join_next().await.is_some() {}
}

/// Brings it to one host.
async fn add(shared: &Shared, record: &KeyRecord) -> Result<(), AgentError> {
    if record.target.delivery == KeyDelivery::Command {
        return Ok(());
    }
    let added = add_line(shared, record).await;
    if let Err(error) = &added
        && was_not_done(error)
    {
        shared.forget(record).await;
    }
    added
}

/// Has one host write the line.
async fn add_line(shared: &Shared, record: &KeyRecord) -> Result<(), AgentError> {
    let target = &record.target;
    let agent = shared.agent(target.delivery);
    let agent = agent.ok_or_else(|| AgentError::Unreachable("no agent is configured".to_owned()))?;
    let adding = agent.add_key(&target.machine, &record.session_user, &record.line);
    timeout(HOST_DEADLINE, adding)
        .await
        .unwrap_or(Err(AgentError::Silent(HOST_DEADLINE)))?;
    shared.book().is_there(record.id, &target.machine);
    Ok(())
}

/// Whether the host cannot have the line. After any other failure it may, even later than now.
fn was_not_done(error: &AgentError) -> bool {
    matches!(
        error,
        AgentError::Unreachable(_) | AgentError::NoSuchUser(_) | AgentError::Busy
    )
}
