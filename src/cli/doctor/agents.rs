//! The agents of the farms that have some. Logins go on without them, so nothing here stops one.

use std::sync::Arc;

use anyhow::Context as _;

use super::parts::Part;
use crate::agent::{AgentKind, Examination, Settings};
use crate::cli::host_choice::asked;
use crate::model::Outcome;
use crate::placement::Farm;

/// Tries the agents of all hosts, farm by farm.
///
/// # Errors
/// There is no place for the sockets of connections.
pub(super) async fn examine(settings: &Settings, farms: &[Farm]) -> anyhow::Result<Vec<Part>> {
    let mut parts = Vec::new();
    let mut farms = farms
        .iter()
        .filter(|farm| farm.agent != AgentKind::None)
        .peekable();
    if farms.peek().is_none() {
        return Ok(parts);
    }
    let examination = Examination::new(settings.clone()).context("a folder for connections to agents")?;
    let examination = Arc::new(examination);
    for farm in farms {
        let mut checks = Vec::new();
        if farm.agent == AgentKind::Ssh {
            checks.push(examination.key());
        }
        if checks.iter().all(|check| check.outcome == Outcome::Good) {
            let hosts = farm.hosts.iter().map(|host| asked(farm, host)).collect();
            checks.extend(examination.hosts(hosts).await);
        }
        let title = format!("The agents of farm {}", farm.name);
        parts.push(Part { title, checks });
    }
    Ok(parts)
}
