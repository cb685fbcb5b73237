//! The program on other machines, over SSH. Each machine has one connection, which stays open and carries many commands
//! at once; OpenSSH's own ssh(1) holds it, so that what an admin sets in ssh_config(5) counts (a ProxyJump, say).

mod back_off;
mod connection;
mod line;
mod master;
mod trouble;

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tempfile::TempDir;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, timeout_at};

use self::connection::Fault;
use self::line::{Line, Shared};
use super::carrier::Carrier;
use super::output::Output;
use super::turns::Turns;
use super::{AgentError, Settings};
use crate::model::Machine;

pub(super) use trouble::explain;

/// Most connections that are being opened at the same time, to all machines together: each costs both sides a tenth of
/// a second of computing.
const DIALS_MAX: usize = 8;
/// How often a command is tried again because its connection had just ended.
const TRIES: usize = 2;
/// How often a command is tried while the host opens no further session, and the time between. sshd counts the session of a
/// command for a moment after its end, and has ten at most unless told otherwise (sshd_config(5), `MaxSessions`).
const FULL_TRIES: usize = 10;
const FULL_PAUSE: Duration = Duration::from_millis(100);

/// Agents over SSH. Dropping it ends every connection.
#[derive(Debug)]
pub struct Ssh {
    shared: Arc<Shared>,
    hosts: Mutex<HashMap<Machine, Arc<Host>>>,
}

/// One machine.
#[derive(Debug)]
struct Host {
    turns: Turns,
    line: Line,
}

impl Ssh {
    /// Opens no connection before somebody asks something.
    ///
    /// # Errors
    /// The folder for the sockets of the connections cannot be made; it is in `$RUNTIME_DIRECTORY` (systemd.exec(5)),
    /// or else where temporary files are.
    pub fn new(settings: Settings) -> io::Result<Self> {
        let folder = match std::env::var_os("RUNTIME_DIRECTORY") {
            Some(folder) => TempDir::with_prefix_in("agents-", folder),
            None => TempDir::with_prefix("x2godirector-agents-"),
        };
        let shared = Shared {
            settings,
            folder: folder?,
            dials: Semaphore::new(DIALS_MAX),
        };
        Ok(Self {
            shared: Arc::new(shared),
            hosts: Mutex::default(),
        })
    }

    fn host(&self, machine: &Machine) -> Arc<Host> {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(host) = hosts.get(machine) {
            return Arc::clone(host);
        }
        let host = Arc::new(Host {
            turns: Turns::new(),
            line: Line::new(machine.clone(), Arc::clone(&self.shared)),
        });
        hosts.insert(machine.clone(), Arc::clone(&host));
        host
    }
}

impl Carrier for Ssh {
    fn settings(&self) -> &Settings {
        &self.shared.settings
    }

    async fn run(&self, machine: &Machine, words: &[&str]) -> Result<Output, AgentError> {
        let timeout = self.shared.settings.timeout;
        let deadline = Instant::now() + timeout;
        let host = self.host(machine);
        let _turn = host.turns.take(deadline).await?;
        let (mut ended, mut full) = (0, 0);
        loop {
            let connection = timeout_at(deadline, host.line.connection()).await;
            let connection = connection.map_err(|_| {
                AgentError::Unreachable(format!("there is no connection to {machine} within {timeout:?}"))
            })??;
            match timeout_at(deadline, connection.run(words)).await {
                Ok(Ok(output)) => return Ok(output),
                Ok(Err(Fault::Ended)) => {
                    host.line.give_up(&connection);
                    ended += 1;
                    if ended == TRIES {
                        let what = format!("the connection to {machine} has just ended");
                        return Err(AgentError::Unreachable(what));
                    }
                }
                Ok(Err(Fault::Full(error))) => {
                    full += 1;
                    if full == FULL_TRIES {
                        connection.was_silent();
                        return Err(error);
                    }
                    sleep(FULL_PAUSE).await;
                }
                Ok(Err(Fault::Broken(error))) => return Err(error),
                Err(_) => {
                    connection.was_silent();
                    return Err(AgentError::Silent(timeout));
                }
            }
        }
    }
}
