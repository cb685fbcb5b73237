//! From a configuration to what requests work with.

use std::sync::Arc;

use super::clock;
use crate::authenticate::{Accounts, Login, PasswordChecks, Unproven};
use crate::broker::Snapshot;
use crate::config::Configuration;
use crate::directory::{Directory, SetupError};
use crate::identity::{Groups, NoGroups};
use crate::placement::Farms;
use crate::store::Store;

/// Builds the snapshot of a configuration. `previous` are the farms in use, whose hosts need not be probed
/// before the first request.
///
/// # Errors
/// The directory's settings cannot be used.
pub(super) async fn build(
    configuration: Configuration,
    store: &Arc<dyn Store>,
    checks: &Arc<PasswordChecks>,
    previous: Option<&Farms>,
) -> Result<Snapshot, SetupError> {
    let directory = configuration
        .directory
        .map(Directory::start)
        .transpose()?
        .map(Arc::new);
    let (accounts, groups): (Arc<dyn Accounts>, Arc<dyn Groups>) = match &directory {
        Some(directory) => (Arc::clone(directory) as _, Arc::clone(directory) as _),
        None => (Arc::new(Unproven), Arc::new(NoGroups)),
    };
    let login = Login::new(
        accounts,
        Arc::clone(checks),
        Arc::clone(store),
        configuration.authentication,
    );
    let farms = Farms::start(configuration.farms, previous).await;
    let policy = configuration.policy;
    Ok(Snapshot {
        recorded_attributes: policy.attributes().into_iter().map(str::to_owned).collect(),
        policy,
        login,
        groups,
        directory,
        farms,
        client: configuration.client,
        notices: configuration.notices,
        configuration: configuration.hash,
        since: clock::now(),
    })
}
