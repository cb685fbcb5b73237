//! What `[authentication.pam]` sets, for both ends of the socket.

use std::path::PathBuf;
use std::time::Duration;

use super::limits::{CLIENT_GRACE, FAIL_DELAY_MAX, QUEUE_WAIT_MAX};

/// The whole section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerSettings {
    /// The worker's socket.
    pub socket: PathBuf,
    /// The user whose processes may ask, beside root and the worker's own user.
    pub daemon_user: String,
    /// What is asked, and how.
    pub service: Service,
    /// How many PAM transactions run at once, each in a process of its own.
    pub workers: usize,
    /// How many more may wait for a process.
    pub queue: usize,
    /// How long one transaction may take before its process is killed.
    pub timeout: Duration,
}

impl WorkerSettings {
    /// The part that the daemon needs.
    pub fn client(&self) -> ClientSettings {
        ClientSettings {
            socket: self.socket.clone(),
            timeout: self.timeout,
        }
    }
}

/// The PAM service, and what its modules may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// The name of the service: of the file in `/etc/pam.d`.
    pub name: String,
    /// Another folder for that file (pam_start_confdir(3)); none is `/etc/pam.d`.
    pub folder: Option<PathBuf>,
    /// Whether a module may run a program with more rights than the worker has (`NoNewPrivileges=` of
    /// systemd.exec(5), turned round).
    pub new_privileges: bool,
}

/// Where the worker is, and how long it may take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientSettings {
    /// The worker's socket.
    pub socket: PathBuf,
    /// How long one PAM transaction may take before its process is killed: the worker's own setting.
    pub timeout: Duration,
}

impl ClientSettings {
    /// The longest that one question can take: the wait for a free process, the transaction, and the wait
    /// after a failure that modules ask for.
    pub fn longest_step(&self) -> Duration {
        QUEUE_WAIT_MAX + self.timeout + CLIENT_GRACE + FAIL_DELAY_MAX
    }
}
