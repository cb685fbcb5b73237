//! Farms as the admin wrote them.

use std::time::Duration;

use crate::model::{FarmName, HostAddress, HostName};

/// A set of X2Go servers on which a profile may start.
#[derive(Debug, Clone, PartialEq)]
pub struct Farm {
    /// Its name: `[farm.NAME]`.
    pub name: FarmName,
    /// How the hosts are asked about sessions.
    pub agent: AgentKind,
    /// How long a session is assumed to last where no agent tells.
    pub assumed_session: Duration,
    /// Most sessions and leases on one host; none for no limit.
    pub max_sessions_per_host: Option<u32>,
    /// Its hosts.
    pub hosts: Vec<Host>,
}

/// How the hosts of a farm are asked about sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AgentKind {
    /// They are not; only a TCP connection to the SSH port is tried.
    None,
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
}
