//! From a configuration to what requests work with.

use std::sync::Arc;

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
    let (accounts, groups): (Arc<dyn Accounts>, Arc<dyn Groups>) = match configuration.directory {
        Some(settings) => {
            let directory = Arc::new(Directory::start(settings)?);
            (Arc::clone(&directory) as _, directory)
        }
        None => (Arc::new(Unproven), Arc::new(NoGroups)),
    };
    let login = Login::new(
        accounts,
        Arc::clone(checks),
        Arc::clone(store),
        configuration.authentication,
    );
    let farms = Farms::start(configuration.farms, previous).await;
    Ok(Snapshot {
        policy: configuration.policy,
        login,
        groups,
        farms,
        client: configuration.client,
    })
}
