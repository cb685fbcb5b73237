//! The way to one machine: one connection at most, opened when somebody needs it, kept, and opened again after a wait
//! when it broke.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tempfile::TempDir;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::back_off;
use super::connection::Connection;
use super::master::Master;
use crate::agent::{AgentError, Settings};
use crate::model::Machine;

/// A connection that nobody used for this long is closed: its machine left the configuration.
const IDLE_MAX: Duration = Duration::from_mins(10);
/// A connection that lasted this long was a good one: when it ends, the next is opened without a wait.
const GOOD_AFTER: Duration = Duration::from_secs(30);

/// What the ways to all machines share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) settings: Settings,
    /// Holds the sockets; only for this user.
    pub(super) folder: TempDir,
    /// Permits to open a connection.
    pub(super) dials: Semaphore,
}

/// The way to one machine. Dropping it ends its connection.
#[derive(Debug)]
pub(super) struct Line {
    machine: Machine,
    shared: Arc<Shared>,
    state: watch::Sender<State>,
    /// The task that opens and keeps the connection.
    keeper: Mutex<JoinSet<()>>,
}

#[derive(Debug, Clone)]
enum State {
    Closed {
        /// How many connections in a row failed.
        failures: u32,
    },
    Dialling {
        failures: u32,
    },
    Open(Arc<Connection>),
    Down {
        why: String,
        until: Instant,
        failures: u32,
    },
}

impl Line {
    pub(super) fn new(machine: Machine, shared: Arc<Shared>) -> Self {
        let (state, _) = watch::channel(State::Closed { failures: 0 });
        Self {
            machine,
            shared,
            state,
            keeper: Mutex::default(),
        }
    }

    /// The connection; opens it if there is none. What is being opened goes on if the caller stops waiting.
    ///
    /// # Errors
    /// It could not be opened, now or a short time ago.
    pub(super) async fn connection(&self) -> Result<Arc<Connection>, AgentError> {
        let mut states = self.state.subscribe();
        loop {
            let state = states.borrow_and_update().clone();
            match state {
                State::Open(connection) => return Ok(connection),
                State::Down { why, until, .. } if until > Instant::now() => {
                    return Err(AgentError::Unreachable(why));
                }
                // The sender is in `self`, so there is always a change to wait for.
                State::Dialling { .. } => drop(states.changed().await),
                State::Closed { .. } | State::Down { .. } => self.dial(),
            }
        }
    }

    /// Forgets a connection that turned out to have ended.
    pub(super) fn give_up(&self, ended: &Arc<Connection>) {
        ended.suspect();
        self.state.send_if_modified(|state| {
            let same = matches!(state, State::Open(open) if Arc::ptr_eq(open, ended));
            if same {
                *state = State::Closed { failures: 0 };
            }
            same
        });
    }

    /// Begins to open a connection, unless somebody else just did.
    fn dial(&self) {
        let mut keeper = self.keeper.lock().unwrap_or_else(PoisonError::into_inner);
        let begun = self.state.send_if_modified(|state| match state {
            State::Closed { failures } | State::Down { failures, .. } => {
                *state = State::Dialling { failures: *failures };
                true
            }
            State::Dialling { .. } | State::Open(_) => false,
        });
        if begun {
            // What kept the last connection is over.
            keeper.abort_all();
            keeper.spawn(keep(
                self.machine.clone(),
                Arc::clone(&self.shared),
                self.state.clone(),
            ));
            while keeper.try_join_next().is_some() {}
        }
    }
}

/// Opens a connection and keeps it until it ends or is of no more use.
async fn keep(machine: Machine, shared: Arc<Shared>, state: watch::Sender<State>) {
    let State::Dialling { failures } = state.borrow().clone() else {
        return;
    };
    let socket = shared.socket();
    let dialled = match shared.dials.acquire().await {
        Ok(_permit) => Master::dial(&machine, &shared.settings, &socket).await,
        Err(_) => return,
    };
    let (mut master, connection) = match dialled {
        Ok(dialled) => dialled,
        Err(why) => {
            let failures = failures.saturating_add(1);
            if failures == 1 {
                tracing::warn!("no agent: {why}");
            }
            state.send_replace(down(why, failures));
            return;
        }
    };
    tracing::debug!(%machine, "connected to the agent");
    let opened = Instant::now();
    state.send_replace(State::Open(Arc::clone(&connection)));
    let why = tokio::select! {
        why = connection.useless(IDLE_MAX) => why.to_owned(),
        () = master.ended() => match master.said().trim() {
            "" => "ssh has ended".to_owned(),
            _ => super::explain(&master.said(), &machine, &shared.settings),
        },
    };
    tracing::debug!(%machine, why, "the connection to the agent has ended");
    state.send_if_modified(|state| {
        let same = matches!(state, State::Open(open) if Arc::ptr_eq(open, &connection));
        if same {
            *state = if opened.elapsed() >= GOOD_AFTER {
                State::Closed { failures: 0 }
            } else {
                down(
                    format!("{machine}: the connection has just ended: {why}"),
                    failures.saturating_add(1),
                )
            };
        }
        same
    });
}

/// Nobody dials before a wait is over.
fn down(why: String, failures: u32) -> State {
    State::Down {
        why,
        until: Instant::now() + back_off::wait(failures, rand::random()),
        failures,
    }
}

impl Shared {
    /// A name for a socket that none had before.
    fn socket(&self) -> PathBuf {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        self.folder.path().join(number.to_string())
    }
}
