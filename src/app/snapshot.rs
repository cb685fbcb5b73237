//! From a configuration to what requests work with.

use std::sync::Arc;

use super::agents::KeptAgents;
use super::disbelief::Disbelief;
use super::{StartError, accounts, clock};
use crate::agent::broker_key;
use crate::authenticate::{Login, PasswordChecks};
use crate::broker::Snapshot;
use crate::config::Configuration;
use crate::hooks;
use crate::placement::Farms;
use crate::store::Store;

/// Builds the snapshot of a configuration. `previous` are the farms in use, whose hosts need not be probed
/// before the first request.
///
/// # Errors
/// The directory's settings cannot be used, or there is no place for the agents' sockets.
pub(super) async fn build(
    configuration: Configuration,
    store: &Arc<dyn Store>,
    checks: &Arc<PasswordChecks>,
    agents: &KeptAgents,
    previous: Option<&Farms>,
    disbelief: &Arc<Disbelief>,
) -> Result<Snapshot, StartError> {
    let (chain, groups, pam) = accounts::start(configuration.accounts)?;
    let login = Login::new(
        chain,
        Arc::clone(checks),
        Arc::clone(store),
        configuration.authentication,
    );
    let agents = agents.of(&configuration.agent, &configuration.farms)?;
    let witness = disbelief.witness(configuration.hash);
    let farms = Farms::start(configuration.farms, &agents, previous, clock::now, &witness).await;
    let policy = configuration.policy;
    Ok(Snapshot {
        recorded_attributes: policy.attributes().into_iter().map(str::to_owned).collect(),
        policy,
        login,
        directory: groups.directory.clone().map(Arc::new),
        groups: Arc::new(groups),
        pam,
        farms,
        hooks: hooks::Client::new(configuration.hooks).map(Arc::new),
        keys: configuration.keys,
        agent_key: broker_key::public(&configuration.agent)
            .ok()
            .map(|key| broker_key::public_line(&key)),
        client: configuration.client,
        request_timeout: configuration.request_timeout,
        notices: configuration.notices,
        configuration: configuration.hash,
        since: clock::now(),
    })
}
