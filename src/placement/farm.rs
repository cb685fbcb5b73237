//! Farms as the admin wrote them.

use std::time::Duration;

use crate::agent::AgentKind;
use crate::model::{FarmName, HostAddress, HostName, KeyDelivery, Limit, Machine};

/// A set of X2Go servers on which a profile may start.
#[derive(Debug, Clone, PartialEq)]
pub struct Farm {
    /// Its name: `[farm.NAME]`.
    pub name: FarmName,
    /// How the hosts are asked about sessions.
    pub agent: AgentKind,
    /// How its hosts come to know the keys that open sessions.
    pub keys: KeyWay,
    /// How long a session is assumed to last where no agent tells.
    pub assumed_session: Duration,
    /// Most sessions and leases on one host; none for no limit.
    pub max_sessions_per_host: Option<u32>,
    /// Most sessions of one user in the farm; none for no limit. Resuming one is always allowed.
    pub max_sessions_per_user: Option<u32>,
    /// Most new sessions that one host is given in a time; none for no limit. Resuming one does not count.
    pub starts_per_host: Option<Limit>,
    /// Farms that take a new session when this one has no host for it, in this order.
    pub fallback: Vec<FarmName>,
    /// Whether a user is given the host of the last session again while that is no worse than full.
    pub sticky: bool,
    /// Whether a session that runs is suspended when its user selects a profile of the farm.
    pub suspend_running: bool,
    /// Its hosts.
    pub hosts: Vec<Host>,
}

impl Farm {
    /// A farm of these hosts with everything else as it is where an admin wrote nothing.
    pub fn new(name: FarmName, hosts: Vec<Host>) -> Self {
        Self {
            name,
            agent: AgentKind::None,
            keys: KeyWay::Agent,
            assumed_session: Duration::from_hours(8),
            max_sessions_per_host: None,
            max_sessions_per_user: None,
            starts_per_host: None,
            fallback: Vec::new(),
            sticky: false,
            suspend_running: false,
            hosts,
        }
    }

    /// How a key comes to the hosts; none where nobody is there to bring it.
    pub fn key_delivery(&self) -> Option<KeyDelivery> {
        match (self.keys, self.agent) {
            (KeyWay::Command, _) => Some(KeyDelivery::Command),
            (KeyWay::Agent, AgentKind::Ssh) => Some(KeyDelivery::Ssh),
            (KeyWay::Agent, AgentKind::Local) => Some(KeyDelivery::Local),
            (KeyWay::Agent, AgentKind::None) => None,
        }
    }
}

/// How the hosts of a farm come to know the keys that open sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyWay {
    /// The agent writes them into the user's `authorized_keys`.
    Agent,
    /// sshd asks the broker when somebody logs in, and nothing is written (`AuthorizedKeysCommand`).
    Command,
}

/// One X2Go server.
#[derive(Debug, Clone, PartialEq)]
pub struct Host {
    /// Its name: `[farm.FARM.hosts.NAME]`.
    pub name: HostName,
    /// What clients dial.
    pub address: HostAddress,
    /// Its SSH port.
    pub port: u16,
    /// How much of the load it takes, in proportion to the other hosts; above 0.
    pub weight: f64,
    /// The name it has for itself, which its sessions are listed under.
    pub hostname: String,
    /// The session database that it shares with every host of the same word here; its own if there is none.
    pub session_database: Option<String>,
    /// Whether conf.d says that nothing new starts there.
    pub draining: bool,
}

impl Host {
    /// A host with everything else as it is where an admin wrote nothing: its name is also the one it has for
    /// itself.
    pub fn new(name: HostName, address: HostAddress, port: u16) -> Self {
        Self {
            hostname: name.to_string(),
            name,
            address,
            port,
            weight: 1.0,
            session_database: None,
            draining: false,
        }
    }

    /// Whether clients dial it as `server` (RFC 4343: in whatever case).
    pub fn is_dialled_as(&self, server: &str) -> bool {
        self.address.as_str().eq_ignore_ascii_case(server)
    }

    /// The SSH server it is.
    pub fn machine(&self) -> Machine {
        Machine::new(&self.address, self.port)
    }
}
