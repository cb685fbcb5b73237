//! The pipeline: one function per operation, and each reads top to bottom.
//!
//! Every front end calls [`Broker::answer`] and nothing else, so front ends cannot drift apart, and a select
//! asks the same rules as a list. A request works to its end with the snapshot it began with.

mod caller;
#[cfg(test)]
mod cut_off;
mod event;
mod greeter;
mod hooks;
mod host_keys;
mod key;
mod list;
#[cfg(test)]
mod one_core;
mod select;
mod sessions;
mod turn;
mod turned_away;
#[cfg(test)]
mod unasked;

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::time::Instant;
use tracing::Instrument as _;

use crate::audit::{self, Outcome};
use crate::authenticate::{Failure, Login, Proof, Proven, Verified};
use crate::directory::{Directory, Rejection, Unavailable};
use crate::entitlement::{Notices, Policy};
use crate::grant::{self, Grants};
use crate::hooks::{Client, HookFailed};
use crate::identity::{Groups, Identity};
use crate::model::{ConfigurationHash, DecisionId, Now, Password, ProfileId};
use crate::observe::{Metrics, Stage};
use crate::pam_worker::Client as PamWorker;
use crate::placement::{Farms, Placements};
use crate::store::{HostCredentials, StoreError};
use crate::wire::{ClientConfig, Credentials, Reply, Request, Task};

use host_keys::AskingHosts;
use select::Selection;
use turn::Turn;

pub use caller::{Caller, Remote};
pub use turned_away::{Sender, TurnedAway};

/// Refusals leave at whole multiples of this time after the request came, so that what was wrong cannot be
/// told from how long the answer took. A waiting refusal holds its connection and nothing else.
const REFUSAL_STEP: Duration = Duration::from_millis(250);

/// What a reload replaces as a whole.
pub struct Snapshot {
    /// The rules and profiles.
    pub policy: Policy,
    /// How logins are proven.
    pub login: Login,
    /// Where the groups of those who logged in are read.
    pub groups: Arc<dyn Groups>,
    /// The directory, for the health of its servers; none where nobody proves anything.
    pub directory: Option<Arc<Directory>>,
    /// The PAM worker, for its health; none where no password goes there.
    pub pam: Option<PamWorker>,
    /// The farms and the health of their hosts.
    pub farms: Farms,
    /// How keys are given.
    pub keys: grant::Settings,
    /// The line of the public key that the broker shows to the hosts' agents; none where there is none.
    pub agent_key: Option<String>,
    /// How clients shall behave.
    pub client: ClientConfig,
    /// Longest time for a request.
    pub request_timeout: Duration,
    /// The site's programs; none where there are none.
    pub hooks: Option<Arc<Client>>,
    /// What users are told.
    pub notices: Notices,
    /// What all this was read from.
    pub configuration: ConfigurationHash,
    /// When it was taken.
    pub since: Now,
    /// The attributes, in lower case, that rules and profiles use: what a line about a decision tells of a person.
    pub recorded_attributes: Vec<String>,
}

/// Where the broker tells what it decided.
#[derive(Debug)]
pub struct Records {
    /// One line for each decision.
    pub audit: audit::Log,
    /// The numbers.
    pub metrics: Metrics,
}

/// What the broker takes from the world.
#[derive(Clone, Copy)]
pub struct Edge {
    /// The wall clock.
    pub now: fn() -> Now,
    /// 64 unpredictable bits.
    pub random: fn() -> u64,
}

/// The broker: the current snapshot, and what outlives it.
pub struct Broker {
    snapshot: ArcSwap<Snapshot>,
    placements: Placements,
    grants: Arc<Grants>,
    asking_hosts: AskingHosts,
    edge: Edge,
    records: Arc<Records>,
}

/// Why a request was refused.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    /// Nobody was proven.
    #[error(transparent)]
    Login(#[from] Failure),
    /// The groups could not be read in full.
    #[error(transparent)]
    Groups(#[from] Unavailable),
    /// What happened could not be kept.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The rules do not give this profile.
    #[error("profile `{0}` is not offered to this user here and now")]
    NotOffered(ProfileId),
    /// A program of the site refused it.
    #[error("{0}")]
    Hook(String),
    /// A program of the site gave no answer.
    #[error(transparent)]
    HookFailed(#[from] HookFailed),
    /// The old password is right, and the new one is not taken.
    #[error("password not changed: {0}")]
    NotChanged(Rejection),
    /// A peer sends no old password, and none is changed without it.
    #[error("password not changed: the SSH door is not told the old one")]
    NoOldPassword,
}

impl Refusal {
    fn outcome(&self) -> Outcome {
        match self {
            Self::Login(Failure::Unavailable { .. })
            | Self::Groups(_)
            | Self::Store(_)
            | Self::HookFailed(_) => Outcome::Unavailable,
            Self::Login(_)
            | Self::NotOffered(_)
            | Self::Hook(_)
            | Self::NotChanged(_)
            | Self::NoOldPassword => Outcome::Refused,
        }
    }

    /// What the client is told: only somebody who has proven who they are learns that the password was not changed.
    fn reply(&self, task: Task) -> Reply {
        match self {
            Self::NotChanged(_) | Self::NoOldPassword => Reply::PasswordChange { changed: false },
            Self::Login(_)
            | Self::Groups(_)
            | Self::Store(_)
            | Self::NotOffered(_)
            | Self::Hook(_)
            | Self::HookFailed(_) => task.refusal(),
        }
    }
}

impl Broker {
    /// A broker that begins with this snapshot.
    pub fn new(
        snapshot: Snapshot,
        placements: Placements,
        grants: Arc<Grants>,
        host_credentials: Arc<dyn HostCredentials>,
        edge: Edge,
        records: Arc<Records>,
    ) -> Self {
        configure(&grants, &snapshot);
        Self {
            snapshot: ArcSwap::from_pointee(snapshot),
            placements,
            grants,
            asking_hosts: AskingHosts::new(host_credentials),
            edge,
            records,
        }
    }

    /// The snapshot that new requests begin with.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshot.load_full()
    }

    /// Lets new requests begin with another snapshot; those under way keep theirs.
    pub fn replace(&self, snapshot: Snapshot) {
        configure(&self.grants, &snapshot);
        self.snapshot.store(Arc::new(snapshot));
    }

    /// The leases.
    pub fn placements(&self) -> &Placements {
        &self.placements
    }

    /// The keys.
    pub fn grants(&self) -> &Arc<Grants> {
        &self.grants
    }

    /// Removes from the store the leases whose time is over.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn prune(&self) -> Result<usize, StoreError> {
        self.placements.prune((self.edge.now)()).await
    }

    /// Holds the leases against what the hosts tell.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn review_leases(&self) -> Result<(), StoreError> {
        let snapshot = self.snapshot();
        self.placements.review(&snapshot.farms, self.edge.now).await
    }

    /// Answers one request, and writes one line about it.
    pub async fn answer(&self, caller: Caller, request: Request) -> Reply {
        let began = Instant::now();
        let task = request.task();
        let id = DecisionId::from_random((self.edge.random)());
        // Of the level that no filter leaves out before it leaves out everything.
        let span = tracing::error_span!(
            "request",
            decision_id = %id,
            door = caller.door().as_str(),
            task = task.as_str(),
            client = caller.address().map(tracing::field::display),
            user = tracing::field::Empty,
        );
        self.decide(id, began, caller, request).instrument(span).await
    }

    async fn decide(&self, id: DecisionId, began: Instant, caller: Caller, request: Request) -> Reply {
        let task = request.task();
        let records = Arc::clone(&self.records);
        let mut turn = Turn::begin(id, task, self.snapshot(), caller, (self.edge.now)(), records);
        let result = match request {
            Request::Prove(credentials) => proven(&mut turn, &credentials).await,
            Request::List(credentials) => self.list(&mut turn, &credentials).await,
            Request::Select {
                credentials,
                profile,
                login,
                public_key,
            } => {
                let selection = Selection {
                    profile,
                    login,
                    public_key,
                };
                self.select(&mut turn, &credentials, selection).await
            }
            Request::ChangePassword {
                credentials,
                new_password,
            } => change_password(&mut turn, &credentials, &new_password).await,
            Request::Event { credentials, event } => self.event(&mut turn, &credentials, &event).await,
            Request::TestConnection => test_connection(&turn),
        };
        match result {
            Ok(reply) => {
                turn.granted();
                reply
            }
            Err(refusal) => {
                turn.refused(&refusal);
                drop(turn);
                tokio::time::sleep_until(next_step(began, Instant::now())).await;
                refusal.reply(task)
            }
        }
    }
}

/// Tells the keys what a snapshot says of them. Pairs are made only where somebody may be given one.
fn configure(grants: &Grants, snapshot: &Snapshot) {
    let wanted = snapshot.farms.take_keys() && snapshot.policy.has_autologin();
    let ready = if wanted { snapshot.keys.ready } else { 0 };
    grants.configure(snapshot.farms.agents().clone(), ready);
}

/// That somebody is who they say they are, and nothing about what they may have.
async fn proven(turn: &mut Turn, credentials: &Credentials) -> Result<Reply, Refusal> {
    let proven = prove(turn, credentials).await?;
    Ok(Reply::Proven {
        ticket: turn.ticket_of(&proven),
    })
}

/// A new password.
async fn change_password(
    turn: &mut Turn,
    credentials: &Credentials,
    new: &Password,
) -> Result<Reply, Refusal> {
    let Caller::Remote(remote) = *turn.caller() else {
        prove(turn, credentials).await?;
        return Err(Refusal::NoOldPassword);
    };
    let user = turn.name(remote, credentials)?;
    let attempt = turn.attempt(remote, &user, credentials);
    let change = turn.snapshot.login.change_password(&attempt, new).await;
    let change = turn.note_proof(credentials, change, |change| (&change.account, Proof::Password))?;
    change.outcome.map_err(Refusal::NotChanged)?;
    Ok(Reply::PasswordChange { changed: true })
}

/// That the broker is there, unless a client has had its share of such tests.
fn test_connection(turn: &Turn) -> Result<Reply, Refusal> {
    if let Caller::Remote(remote) = turn.caller() {
        let login = &turn.snapshot.login;
        login.connection_test(remote.address, turn.now)?;
    }
    Ok(Reply::ConnectionTest)
}

/// Proves who asks: a peer by the kernel's word, a client by a ticket with its password, else by the password.
async fn prove(turn: &mut Turn, credentials: &Credentials) -> Result<Proven, Failure> {
    let login = &turn.snapshot.login;
    let proven = match turn.caller() {
        Caller::Peer { peer, .. } => login
            .peer(peer, turn.now, &turn.stages)
            .await
            .map(Proven::Verified),
        Caller::Remote(remote) => {
            let user = turn.name(*remote, credentials)?;
            let attempt = turn.attempt(*remote, &user, credentials);
            login.password_or_ticket(&attempt).await
        }
    };
    turn.note_proof(credentials, proven, |proven| (proven.account(), proven.proof()))
}

/// Who they are to the rules.
async fn identity(turn: &mut Turn, verified: &Verified) -> Result<Identity, Unavailable> {
    let identity = {
        let _search = turn.stages.enter(Stage::Search);
        Identity::read(verified, turn.snapshot.groups.as_ref()).await?
    };
    turn.note_person(&identity);
    Ok(identity)
}

/// The first whole multiple of [`REFUSAL_STEP`] after `began` that is not before `now`.
fn next_step(began: Instant, now: Instant) -> Instant {
    let steps = now.duration_since(began).as_millis() / REFUSAL_STEP.as_millis() + 1;
    began + REFUSAL_STEP * u32::try_from(steps).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_leave_on_the_next_step() {
        let began = Instant::now();
        let at = |ms| began + Duration::from_millis(ms);
        assert_eq!(next_step(began, at(0)), at(250));
        assert_eq!(next_step(began, at(249)), at(250));
        assert_eq!(next_step(began, at(250)), at(500));
        assert_eq!(next_step(began, at(1234)), at(1250));
    }
}
