//! What a host tells of its sessions, and what is done there for a user: the program `x2gobroker-agent` on each X2Go
//! server, over SSH or on this machine.
//!
//! Everything here is asked of one machine for one user. Which hosts there are, what counts as load and whose answer
//! is believed is `placement`'s to say.

pub mod authorization;
pub mod broker_key;
mod carrier;
mod command;
mod doctor;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
pub mod host_key;
mod kind;
mod left_out;
mod load_lines;
mod local;
mod output;
mod server_lines;
mod session_lines;
mod settings;
mod ssh;
mod task_lines;
mod turns;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

pub use doctor::{Asked, Examination};
pub use kind::AgentKind;
pub use left_out::LeftOut;
pub use local::Local;
pub use settings::Settings;
pub use ssh::Ssh;

use crate::model::{AuthorizedKey, Machine, Session, SessionId, SessionUser};

/// What an agent gives, some time later; never later than its deadline.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, AgentError>> + Send + 'a>>;

/// The agents of the hosts. Every call has a deadline of its own and ends, whatever the host does.
pub trait Agent: Send + Sync + fmt::Debug {
    /// Whether the agent answers.
    fn ping<'a>(&'a self, machine: &'a Machine) -> Answer<'a, ()>;
    /// How busy the machine is.
    fn load<'a>(&'a self, machine: &'a Machine) -> Answer<'a, Load>;
    /// How many sessions there are on each host that shares the machine's session database, asked in the name of a
    /// user that the machine knows; a host without any is not listed. Refused where the database names hosts and does
    /// not count: x2goserver 4.1.0.3 counts with PostgreSQL, and with SQLite it does not.
    fn session_counts<'a>(
        &'a self,
        machine: &'a Machine,
        user: &'a SessionUser,
    ) -> Answer<'a, Vec<ServerCount>>;
    /// The running and suspended sessions of a user on all hosts that share the machine's session database.
    fn sessions<'a>(&'a self, machine: &'a Machine, user: &'a SessionUser) -> Answer<'a, Sessions>;
    /// Suspends a running session.
    fn suspend<'a>(
        &'a self,
        machine: &'a Machine,
        user: &'a SessionUser,
        session: &'a SessionId,
    ) -> Answer<'a, ()>;
    /// Ends a session.
    fn terminate<'a>(
        &'a self,
        machine: &'a Machine,
        user: &'a SessionUser,
        session: &'a SessionId,
    ) -> Answer<'a, ()>;
    /// Adds a line to the keys that open the user's account there. Adding it twice may leave it there twice.
    fn add_key<'a>(
        &'a self,
        machine: &'a Machine,
        user: &'a SessionUser,
        key: &'a AuthorizedKey,
    ) -> Answer<'a, ()>;
    /// Removes every such line. Removing one that is not there is no error, and neither is a file that cannot be
    /// written: the program does not tell.
    fn remove_key<'a>(
        &'a self,
        machine: &'a Machine,
        user: &'a SessionUser,
        key: &'a AuthorizedKey,
    ) -> Answer<'a, ()>;
}

/// The sessions of a user, as a machine tells of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sessions {
    /// Those that can be the user's.
    pub sessions: Vec<Session>,
    /// The lines that were left out: of another user, or with what no such line has.
    pub left_out: LeftOut,
}

/// How busy a machine is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Load {
    /// The agent's own figure: the average of the load averages of 1, 5 and 15 minutes, in hundredths.
    pub average_percent: u32,
    /// Memory that can be had, in MB.
    pub memory_available_mb: u64,
    /// Processors.
    pub processors: u32,
}

/// How many sessions a host has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerCount {
    /// The name that the host has for itself; without control characters.
    pub server: String,
    /// Its sessions, running and suspended ones.
    pub sessions: u32,
}

/// Why a host gave no answer; the words are for logs and `hosts`, never for a client.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AgentError {
    /// It was never asked: no connection, or its host key is not the one that is known.
    #[error("the agent cannot be reached: {0}")]
    Unreachable(String),
    /// It did not answer in time. What was asked may have been done.
    #[error("the agent did not answer within {0:?}")]
    Silent(Duration),
    /// The connection broke before it had answered. What was asked may have been done.
    #[error("the connection to the agent broke: {0}")]
    Lost(String),
    /// It says that the user does not exist there, or may not be served.
    #[error("the agent does not serve the user: {0}")]
    NoSuchUser(String),
    /// It says no, or cannot do it.
    #[error("the agent refused: {0}")]
    Refused(String),
    /// What it answered has no meaning.
    #[error("the agent's answer cannot be read: {0}")]
    Garbled(String),
    /// Too much is being asked of this host already.
    #[error("too many commands wait for this host")]
    Busy,
}

/// The agents that a configuration has, one for each way of asking.
#[derive(Debug, Clone, Default)]
pub struct Agents {
    /// Over SSH.
    pub ssh: Option<Arc<dyn Agent>>,
    /// On this machine.
    pub local: Option<Arc<dyn Agent>>,
}

impl Agents {
    /// The agent of that kind; none where nothing is asked.
    pub fn of(&self, kind: AgentKind) -> Option<&Arc<dyn Agent>> {
        match kind {
            AgentKind::None => None,
            AgentKind::Ssh => self.ssh.as_ref(),
            AgentKind::Local => self.local.as_ref(),
        }
    }
}
