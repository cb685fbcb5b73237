//! From what the configuration says about accounts to where they are looked for.

use std::sync::Arc;

use crate::authenticate::{Chain, PamAccounts, Unproven};
use crate::config::{Accounts, HostSettings};
use crate::directory::{Directory, Host, SetupError};
use crate::identity::GroupsOfSources;
use crate::pam_worker::Client;

/// Where accounts and their groups are looked for, and who is asked about passwords if that is PAM.
///
/// # Errors
/// The directory's settings cannot be used.
pub(super) fn start(accounts: Accounts) -> Result<(Chain, GroupsOfSources, Option<Client>), SetupError> {
    let (chain, directory, host, pam) = match accounts {
        Accounts::Directory(settings) => {
            let directory = Directory::start(settings)?;
            (
                Chain::of(Arc::new(directory.clone())),
                Some(directory),
                None,
                None,
            )
        }
        Accounts::DirectoryByPam(settings, pam) => {
            let directory = Directory::start(settings)?;
            let client = Client::new(pam);
            let accounts = PamAccounts::of_directory(directory.clone(), client.clone());
            (Chain::of(Arc::new(accounts)), Some(directory), None, Some(client))
        }
        Accounts::DirectoryThenHost {
            directory,
            host,
            when_unreachable,
        } => {
            let directory = Directory::start(directory)?;
            let (accounts, host, client) = of_host(host);
            let chain = Chain::of(Arc::new(directory.clone())).then(Arc::new(accounts), when_unreachable);
            (chain, Some(directory), Some(host), Some(client))
        }
        Accounts::Host(host) => {
            let (accounts, host, client) = of_host(host);
            (Chain::of(Arc::new(accounts)), None, Some(host), Some(client))
        }
        Accounts::Unproven => (Chain::of(Arc::new(Unproven)), None, None, None),
    };
    Ok((chain, GroupsOfSources { directory, host }, pam))
}

fn of_host(settings: HostSettings) -> (PamAccounts, Host, Client) {
    let client = Client::new(settings.pam);
    let host = Host::new(client.clone(), settings.min_uid);
    (PamAccounts::of_host(host.clone(), client.clone()), host, client)
}
