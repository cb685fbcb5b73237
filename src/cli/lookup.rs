//! Somebody as the accounts of a configuration have them, for commands that answer without the daemon. Nobody is let
//! in here: no password is asked for.

use std::time::Duration;

use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::app::Found;
use crate::authenticate::unproven_entry;
use crate::config::Accounts;
use crate::directory::{Directory, Entry, SetupError, Unavailable, nss};
use crate::model::{Account, Membership, Now, Source, TypedName};
use crate::pam_worker;

/// Longest wait for the name services of this host.
const HOST_TIMEOUT: Duration = Duration::from_secs(10);

/// Where accounts are looked for.
#[derive(Clone)]
pub(super) enum Lookup {
    Directory(Directory),
    /// On this host, from this user id up, what the directory does not have.
    DirectoryThenHost(Directory, u32),
    Host(u32),
    /// Nowhere: every name is somebody's.
    Unproven,
}

/// Why there is nobody to tell of.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotFound {
    /// Nobody has that name who could log in.
    #[error("{0}")]
    Unknown(String),
    /// It could not be found out.
    #[error("{0}")]
    Unavailable(String),
}

impl From<Unavailable> for NotFound {
    fn from(unavailable: Unavailable) -> Self {
        Self::Unavailable(unavailable.to_string())
    }
}

impl Lookup {
    /// Connects to what is needed. Must be called within a tokio runtime, to be ended by `shutdown_background`: a
    /// name service may hang for longer than anybody waits for it.
    ///
    /// # Errors
    /// The directory's settings cannot be used.
    pub(super) fn start(accounts: Accounts) -> Result<Self, SetupError> {
        Ok(match accounts {
            Accounts::Directory(settings) | Accounts::DirectoryByPam(settings, _) => {
                Self::Directory(Directory::start(settings)?)
            }
            Accounts::DirectoryThenHost { directory, host, .. } => {
                Self::DirectoryThenHost(Directory::start(directory)?, host.min_uid)
            }
            Accounts::Host(host) => Self::Host(host.min_uid),
            Accounts::Unproven => Self::Unproven,
        })
    }

    /// The user in the source to which the name belongs.
    ///
    /// # Errors
    /// There is none, or nobody could say.
    pub(super) async fn find(&self, name: &TypedName, now: Now) -> Result<Found, NotFound> {
        match self {
            Self::Directory(directory) => match in_directory(directory, name, now).await? {
                Some(found) => Ok(found),
                None => Err(NotFound::Unknown(
                    "the directory does not have that name".to_owned(),
                )),
            },
            Self::DirectoryThenHost(directory, min_uid) => match in_directory(directory, name, now).await? {
                Some(found) => Ok(found),
                None => on_host(name, *min_uid, now).await,
            },
            Self::Host(min_uid) => on_host(name, *min_uid, now).await,
            Self::Unproven => {
                let entry = unproven_entry(name)
                    .ok_or_else(|| NotFound::Unknown("this is no user name".to_owned()))?;
                Ok(found(Source::Unproven, &entry, Vec::new()))
            }
        }
    }
}

/// Somebody whose entry in the directory was read.
///
/// # Errors
/// The groups could not be read in full.
pub(super) async fn of_entry(directory: &Directory, entry: &Entry) -> Result<Found, Unavailable> {
    let memberships = directory.memberships(entry).await?;
    Ok(found(Source::Ldap, entry, memberships))
}

/// The user of the directory; none if it has nothing of that name.
async fn in_directory(directory: &Directory, name: &TypedName, now: Now) -> Result<Option<Found>, NotFound> {
    if let Some(entry) = directory.find(name, now).await? {
        return Ok(Some(of_entry(directory, &entry).await?));
    }
    if directory.knows(name).await? {
        return Err(NotFound::Unknown(
            "the directory has that name, but not as that of one user (user_base, user_filter)".to_owned(),
        ));
    }
    Ok(None)
}

/// The user as this host has them. Asked here and not in the PAM worker: whoever may run this need not be let in
/// there, and a name service that hangs holds up nobody else.
async fn on_host(name: &TypedName, min_uid: u32, now: Now) -> Result<Found, NotFound> {
    let asked = name.clone();
    let user = match timeout(HOST_TIMEOUT, spawn_blocking(move || pam_worker::look_up(&asked))).await {
        Ok(Ok(user)) => user.map_err(NotFound::Unavailable)?,
        Ok(Err(error)) => return Err(NotFound::Unavailable(error.to_string())),
        Err(_) => {
            let seconds = HOST_TIMEOUT.as_secs();
            let why = format!("the name services of this host did not answer within {seconds} s");
            return Err(NotFound::Unavailable(why));
        }
    };
    let user = user.ok_or_else(|| NotFound::Unknown("this host has no user of that name".to_owned()))?;
    let entry = nss::entry(&user, min_uid, now).ok_or_else(|| {
        NotFound::Unknown(if user.uid < min_uid {
            format!("its uid is {}, and min_uid is {min_uid}", user.uid)
        } else {
            "this host has a user of that name, with which nobody can log in".to_owned()
        })
    })?;
    Ok(found(Source::Nss, &entry, nss::memberships(&user)?))
}

fn found(source: Source, entry: &Entry, memberships: Vec<Membership>) -> Found {
    let user = entry.user.clone();
    Found::new(Account { source, user }, entry, memberships)
}
