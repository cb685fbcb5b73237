//! How the hosts of a farm are asked.

/// How the hosts of a farm are asked about sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AgentKind {
    /// They are not; only a TCP connection to the SSH port is tried.
    None,
    /// By the program on each of them, over SSH.
    Ssh,
    /// By the program on this machine, which is the only host.
    Local,
}
