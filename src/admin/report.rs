//! What the daemon tells of itself. Moments are in UTC (RFC 3339). Nothing secret has a field here, but for the
//! credential that an admin has just had made.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::drained::DrainReport;

/// What came of a reload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReloadReport {
    /// Whether the new configuration is in use; if not, the earlier one still is.
    pub taken: bool,
    /// The hash of the configuration in use.
    pub configuration: String,
    /// What is wrong or surely not meant, each as `check` prints it.
    pub diagnostics: Vec<String>,
    /// The line that `check` ends with; none if it is not the configuration that was wrong.
    pub summary: Option<String>,
    /// What is wrong with the certificate that is served from now on, if anything is.
    #[serde(default)]
    pub certificate: Option<String>,
    /// Why it was not taken, where that is not in the diagnostics.
    pub cause: Option<String>,
    /// What counts only after a restart.
    pub needs_restart: Option<String>,
}

/// How the daemon is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// The version of the program.
    pub version: String,
    /// Its process id.
    pub pid: u32,
    /// When it was started.
    pub started: String,
    /// How long ago that was, in seconds.
    pub uptime_s: u64,
    /// The hash of the configuration in use.
    pub configuration: String,
    /// Since when it is in use.
    pub configuration_since: String,
    /// The folders it is read from.
    pub folders: Vec<String>,
    /// How many profiles it has.
    pub profiles: usize,
    /// How many rules it has.
    pub rules: usize,
    /// The last attempt to reload since the start.
    pub last_reload: Option<LastReload>,
    /// Where X2Go Client is served.
    pub listeners: Vec<String>,
    /// Where metrics are served.
    pub metrics: Option<String>,
    /// How many connections there are.
    pub connections: usize,
    /// The directory's servers, in the order in which they are asked.
    pub directory: Vec<DirectoryServer>,
    /// How many hosts there are, under all their names.
    pub hosts: usize,
    /// How many of them take sessions.
    pub hosts_up: usize,
    /// How many tickets count.
    pub tickets: usize,
    /// How many leases count.
    pub leases: usize,
    /// How many key pairs are ready.
    pub key_pairs_ready: usize,
    /// How many keys open an account now.
    pub keys_open: usize,
    /// How many keys still stand on a host and are to go: their time is over, or a newer one has taken their place.
    pub keys_over: usize,
    /// Whole days until the certificate ends; negative when it has ended.
    pub certificate_days_left: Option<i64>,
    /// Decisions that could not be written since the start.
    pub audit_lines_lost: u64,
}

/// An attempt to reload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastReload {
    /// When it ended.
    pub at: String,
    /// Whether the new configuration was taken.
    pub taken: bool,
    /// Why it was not, in one line.
    pub cause: Option<String>,
}

/// One server of the directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DirectoryServer {
    /// Its URL.
    pub server: String,
    /// `up`, `silent`, `down`, or `unknown` before the first probe.
    pub state: String,
    /// Why it is not up.
    pub cause: Option<String>,
}

/// One host of a farm.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HostReport {
    /// The farm.
    pub farm: String,
    /// Its name there.
    pub host: String,
    /// What clients dial.
    pub address: String,
    /// Its SSH port.
    pub port: u16,
    /// `up`, `silent` if its agent answers no more, `down`, or `unknown` before the first probe.
    pub health: String,
    /// How many sessions it has; none where nobody tells.
    pub sessions: Option<u32>,
    /// How long ago it had so many, in seconds.
    pub sessions_age_s: Option<u64>,
    /// How many leases are on it under this name.
    pub leases: u32,
    /// How much of the load it takes.
    pub weight: f64,
    /// How busy it is: the average of its load averages; none where nobody tells.
    pub load: Option<LoadReport>,
    /// Who lets nothing new start there, if anybody does.
    pub draining: Option<DrainReport>,
    /// Until when nothing new starts there because the last leases there came to nothing.
    pub backed_off_until: Option<String>,
    /// Why its agent, or what that tells, is of no use.
    pub trouble: Option<String>,
}

/// How busy a host is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LoadReport {
    /// The mean of its load averages of 1, 5 and 15 minutes.
    pub average: f64,
    /// Its processors.
    pub processors: u32,
    /// Memory that can be had, in MB.
    pub memory_available_mb: u64,
    /// How long ago it was so, in seconds.
    pub age_s: u64,
}

/// The sessions that the broker knows of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sessions {
    /// By farm, host and user.
    pub sessions: Vec<SessionReport>,
    /// Sessions that are not listed because there are too many.
    pub left_out: usize,
}

/// A session, or a lease that stands for one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionReport {
    /// The farm.
    pub farm: String,
    /// The host.
    pub host: String,
    /// The account on the host.
    pub user: Option<String>,
    /// Whose lease it is, with its source: `ldap:alice`; none where there is no lease.
    pub account: Option<String>,
    /// `running` or `suspended`, as its host told; `starting` for a lease that waits for its session, `assumed` for one
    /// that has one which no host told of lately.
    pub state: String,
    /// Its id; none for a lease.
    pub session: Option<String>,
    /// How long ago that was so, in seconds.
    pub age_s: u64,
}

/// Who has tickets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tickets {
    /// By account, in order of their names.
    pub accounts: Vec<AccountTickets>,
    /// Accounts that are not listed because there are too many.
    pub left_out: usize,
}

/// The tickets of an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountTickets {
    /// The account, with its source: `ldap:alice`.
    pub account: String,
    /// Those that count, the one used last first.
    pub tickets: Vec<TicketReport>,
}

/// One ticket: where it came from and how long it counts. Not the ticket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TicketReport {
    /// The front end that issued it.
    pub door: String,
    /// The client it is bound to; none if it is bound to none.
    pub client: Option<String>,
    /// When its user logged in.
    pub login: String,
    /// When it was last used.
    pub used: String,
    /// When it ends.
    pub expires: String,
}

/// Whose tickets were ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revoked {
    /// The accounts, with their sources.
    pub accounts: Vec<String>,
    /// How many tickets they had.
    pub tickets: usize,
}

/// What the throttle counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Throttled {
    /// What refuses first, and of that what refuses for longest.
    pub counters: Vec<CounterReport>,
    /// Counters that are not listed because there are too many.
    pub left_out: usize,
}

/// One counter of the throttle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CounterReport {
    /// The key in conf.d of the limit that looks at it.
    pub limit: String,
    /// The user as `SOURCE:NAME`, or the name as typed; none for a client's counter.
    pub user: Option<String>,
    /// The client; none for a user's counter over all clients.
    pub client: Option<String>,
    /// Failures; for a client distinct users failing, less those who succeeded.
    pub count: usize,
    /// Until when it refuses, if it does.
    pub refuses_until: Option<String>,
}

/// What was forgotten.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cleared {
    /// How many counters there were.
    pub counters: usize,
}

/// The credential of a host, without the secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostCredentialReport {
    /// The host, as `FARM/HOST`.
    pub host: String,
    /// When it was made.
    pub added: String,
}

/// A new credential. Told this once, to whoever has it made.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostCredentialAdded {
    /// The host, as `FARM/HOST`.
    pub host: String,
    /// The secret.
    pub credential: String,
}

impl fmt::Debug for HostCredentialAdded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HostCredentialAdded")
            .field("host", &self.host)
            .finish_non_exhaustive()
    }
}

/// What was ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostCredentialRevoked {
    /// The host, as `FARM/HOST`.
    pub host: String,
    /// How many credentials it had.
    pub credentials: usize,
}

/// What is logged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLevel {
    /// The filter in use.
    pub filter: String,
}
