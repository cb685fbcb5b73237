//! What `[ssh]` says.

use std::path::PathBuf;

use crate::socket::Named;

/// What admins call the socket.
pub const SOCKET: Named = Named {
    name: "SSH socket",
    setting: "[ssh] socket",
};
/// Where the socket is if the configuration does not say.
pub const DEFAULT_SOCKET: &str = "/run/x2godirector/ssh.sock";

/// The settings of the SSH door.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Where the socket is.
    pub socket: PathBuf,
    /// Whose word about where they sit is believed.
    pub forced: Forced,
}

/// The users of this machine who cannot run anything but the front end, as the admin says: sshd forces it
/// (`ForceCommand` of sshd_config(5)), and nothing of their own runs before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Forced {
    /// None of them.
    Nobody,
    /// All of them.
    Everybody,
    /// Those whom this machine has in one of these groups.
    Groups(Vec<String>),
}
