//! The LDAP directory: finds users, tries their passwords, lists their groups. The only room that knows `ldap3`.
//! Beside it, in `nss`, this host's own users and groups.
//!
//! ```text
//! Directory -> Servers (which server) -> Server (its pools) -> Dialer (TCP, TLS) -> Exchange   (binds, probes)
//!    |            `- Health (probes)                                             |-> Relay      (ldap3: searches)
//!    |- Users, Groups, Everybody (what to ask, what it means)                    `-> Frames     (synchronisation)
//!    `- Synced (the groups in memory, in step with the server)                   Guard checks each byte for all three
//! ```
//! [`examine`] uses the same parts to tell an admin what is wrong with a server.
//!
//! Binds and changes of passwords are encoded here and not by `ldap3`, so that the only copy of a password on our
//! side is wiped after use.
//! Who may do what with an entry is decided elsewhere.

mod account;
mod active_directory;
mod ber;
mod certificate;
mod change;
mod dial;
mod doctor;
mod entry;
mod everybody;
mod exchange;
mod filter;
mod frames;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod group;
mod guard;
mod health;
mod kept;
mod names;
mod nesting;
pub mod nss;
mod policy;
mod pool;
mod range;
mod relay;
mod request;
mod search;
mod server;
mod servers;
mod settings;
mod stream;
mod sync;
mod tls;
mod trouble;
mod user;
mod verdict;
mod way;

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{interval, timeout};

use crate::model::{Dn, Membership, Now, Password, TypedName};

use self::exchange::Ending;
use self::group::Groups;
use self::servers::Servers;
use self::sync::follower::{Plan, follow_forever};
use self::user::Users;

pub use change::{ChangeAnswer, Rejection};
pub use doctor::{Allowance, Examined, Questions, Throttle, examine, examine_host};
pub use entry::{AccountState, Entry, Key, PasswordAnswer, PasswordState, Refusal, Unavailable};
pub use everybody::Everybody;
pub use health::ServerHealth;
pub use nss::Host;
pub use pool::PoolUse;
pub use settings::{Filter, Schema, Server, ServiceAccount, Settings, Transport, UserLookup};

/// How long the servers have for a trial of the service account: somebody waits for the reload that it belongs to.
const TRIAL_TIMEOUT: Duration = Duration::from_secs(5);

/// Why the settings cannot be used, in the admin's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SetupError(String);

/// A directory with its connections. Clones share them; dropping the last clone ends them and the health probes.
#[derive(Clone)]
pub struct Directory {
    inner: Arc<Inner>,
}

struct Inner {
    servers: Arc<Servers>,
    users: Users,
    groups: Arc<Groups>,
    nobody: String,
    schema: Schema,
    _refresh: JoinSet<()>,
}

impl Directory {
    /// Prepares everything and starts the health probes. No server has to be up. Must be called within a tokio
    /// runtime.
    ///
    /// # Errors
    /// The authorities of `ca_file` (or the system's) cannot be read.
    #[allow(clippy::needless_pass_by_value, reason = "a directory owns its settings")]
    pub fn start(settings: Settings) -> Result<Self, SetupError> {
        let users = Users::new(&settings);
        let servers = Arc::new(Servers::start(&settings)?);
        let groups = Arc::new(Groups::new(&settings, Arc::clone(&servers)));
        let mut refresh = JoinSet::new();
        refresh.spawn(refresh_forever(Arc::clone(&groups)));
        if settings.keeps_groups() {
            let plan = Plan::new(&settings).map_err(SetupError)?;
            refresh.spawn(follow_forever(groups.copy(), Arc::clone(&servers), plan));
        }
        Ok(Self {
            inner: Arc::new(Inner {
                nobody: users.nobody(),
                schema: settings.schema,
                servers,
                users,
                groups,
                _refresh: refresh,
            }),
        })
    }

    /// Tries the service account, with one bind at each server until one takes it. Servers that do not answer within
    /// [`TRIAL_TIMEOUT`] in all say nothing against it.
    ///
    /// # Errors
    /// A server refuses the account, and none takes it.
    pub async fn try_service_account(&self) -> Result<(), SetupError> {
        timeout(TRIAL_TIMEOUT, self.inner.servers.try_service_account())
            .await
            .unwrap_or(Ok(()))
            .map_err(SetupError)
    }

    /// The entry of the user of that name, with one search. None also if the name fits several entries, of which
    /// the admin is told: to a client that is the same as no entry.
    ///
    /// # Errors
    /// No server could answer.
    pub async fn find(&self, name: &TypedName, now: Now) -> Result<Option<Entry>, Unavailable> {
        let answer = self.inner.servers.search(self.inner.users.query(name)).await?;
        self.inner.users.entry(answer, now)
    }

    /// Whether anything below `base_dn` has that name: also what `user_filter` leaves out, what lies outside
    /// `user_base`, and what has the name together with others. One search.
    ///
    /// # Errors
    /// No server could answer in full.
    pub async fn knows(&self, name: &TypedName) -> Result<bool, Unavailable> {
        let answer = self
            .inner
            .servers
            .search(self.inner.users.any_query(name))
            .await?;
        self.inner.users.is_any(answer)
    }

    /// Tries the password of the entry, with one bind at the first healthy server. Another server is asked only if
    /// that one went silent, broke off or said that it is busy; a wrong password is wrong at once.
    ///
    /// # Errors
    /// No server could answer.
    pub async fn check_password(
        &self,
        entry: &Entry,
        password: &Password,
    ) -> Result<PasswordAnswer, Unavailable> {
        let dn = entry.dn()?;
        let ending = self.inner.servers.bind(dn.as_str(), password.expose()).await?;
        if ending.code != 0 {
            tracing::debug!(entry = %dn, code = ending.code, text = ending.text, "the directory refused a bind");
        }
        Ok(match bind_answer(dn, &ending)? {
            PasswordAnswer::Accepted(PasswordState::Valid) => PasswordAnswer::Accepted(
                entry
                    .password_expires_in
                    .map_or(PasswordState::Valid, PasswordState::Expires),
            ),
            answer => answer,
        })
    }

    /// Spends what [`Self::check_password`] spends, for a user who does not exist: binds with the password as an
    /// entry that cannot exist, so that no account counts a failure and no answer can be a success.
    ///
    /// # Errors
    /// No server could answer.
    pub async fn reject_password(&self, password: &Password) -> Result<(), Unavailable> {
        let nobody = &self.inner.nobody;
        self.inner.servers.bind(nobody, password.expose()).await.map(drop)
    }

    /// All groups of the user, nested ones included if so configured: from memory while the server keeps that in
    /// step, else with one search, and one more per level of nesting where the server cannot work that out. Groups
    /// seen for the first time then cost one more, which asks who shares their names, and in an Active Directory
    /// another, which asks for the names.
    ///
    /// # Errors
    /// No server could answer, or the groups could not be read completely.
    pub async fn memberships(&self, entry: &Entry) -> Result<Vec<Membership>, Unavailable> {
        self.inner.groups.of(entry).await
    }

    /// How each server is, by its URL, in the order in which they are asked.
    pub fn servers(&self) -> Vec<(String, ServerHealth)> {
        self.inner.servers.health()
    }

    /// How the connections to each server are used.
    pub fn pools(&self) -> Vec<PoolUse> {
        self.inner.servers.pools()
    }

    /// Whether any server answered its last probe.
    pub fn healthy(&self) -> bool {
        self.inner.servers.any_up()
    }
}

/// What the end of a user's bind says about the password.
///
/// # Errors
/// It says nothing about it.
fn bind_answer(dn: &Dn, ending: &Ending) -> Result<PasswordAnswer, Unavailable> {
    if let Some(answer) = ending.remark.on_bind(ending.code) {
        return Ok(answer);
    }
    verdict::on_bind(ending.code, &ending.text).map_err(|hint| Unavailable {
        cause: format!("bind of {dn}: code {} {}{hint}", ending.code, ending.text),
    })
}

/// Keeps the knowledge about groups and their names current until the task is dropped.
async fn refresh_forever(groups: Arc<Groups>) {
    let mut ticks = interval(kept::REFRESH);
    loop {
        ticks.tick().await;
        if let Err(unavailable) = groups.refresh().await {
            // Logins find out for themselves once the knowledge is too old.
            tracing::debug!(
                cause = unavailable.cause,
                "what is kept about groups was not refreshed"
            );
        }
    }
}
