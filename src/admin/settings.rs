//! What `[server]` says of the admin socket.

use std::path::{Path, PathBuf};

use crate::socket::Named;

/// What admins call the socket.
pub const SOCKET: Named = Named {
    name: "admin socket",
    setting: "[server] admin_socket",
};
/// Where the socket is if the configuration does not say.
pub const DEFAULT_SOCKET: &str = "/run/x2godirector/admin.sock";
/// Whose members may use it if the configuration does not say.
pub const DEFAULT_GROUP: &str = "x2godirector-admin";

/// The settings of the admin socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The socket's path as the admin wrote it.
    pub socket: Option<PathBuf>,
    /// The group of this machine whose members may use it. It need not exist.
    pub group: String,
}

impl Settings {
    /// Where the socket is.
    pub fn path(&self) -> &Path {
        self.socket.as_deref().unwrap_or(Path::new(DEFAULT_SOCKET))
    }
}
