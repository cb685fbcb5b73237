//! The keys that open sessions, as the daemon keeps them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::task::JoinSet;

use super::clock;
use super::daemon::Daemon;
use crate::admin;
use crate::audit::{Action, Outcome};
use crate::grant::{Grants, Pool, Removal};
use crate::model::DecisionId;
use crate::store::{Keys, StoreError};

/// In memory on every Linux.
const MEMORY_FOLDER: &str = "/dev/shm";

/// All keys that the store holds, and an empty pool. Where no file can be made in memory, pairs are made beside the
/// admin socket, which is in memory too where systemd starts the daemon.
pub(super) async fn load(store: Arc<dyn Keys>, socket: &admin::Settings) -> Result<Arc<Grants>, StoreError> {
    let beside = socket.path().parent().map(Path::to_owned);
    let folders: Vec<PathBuf> = [MEMORY_FOLDER.into()].into_iter().chain(beside).collect();
    let pool = Pool::start(&folders, clock::now());
    Grants::load(store, pool, clock::now).await.map(Arc::new)
}

/// Removes keys whose time is over, until what is given is dropped.
pub(super) fn tend(daemon: Arc<Daemon>) -> JoinSet<()> {
    let mut tending = JoinSet::new();
    tending.spawn(async move {
        let grants = Arc::clone(daemon.broker.grants());
        grants.tend(|removal| daemon.note_removal(&removal)).await;
    });
    tending
}

impl Daemon {
    /// Writes into the audit log that a key is gone, or stays.
    fn note_removal(&self, removal: &Removal) {
        let Removal { record, given_up } = removal;
        let target = &record.target;
        self.records.audit.action(&Action {
            decision: DecisionId::from_random(rand::random()),
            time: clock::now(),
            configuration: self.broker.snapshot().configuration,
            task: "remove key",
            door: "keys",
            by_uid: None,
            about: Some(format!(
                "key {} of {} on {}/{}",
                record.id, record.session_user, target.farm, target.host
            )),
            outcome: match given_up {
                None => Outcome::Granted,
                Some(_) => Outcome::Unavailable,
            },
            cause: given_up.clone(),
        });
    }
}
