//! How agents are asked, as the admin wrote it.

use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where Debian's package x2gobroker-agent has its program.
const COMMAND: &str = "/usr/lib/x2go/x2gobroker-agent";
/// What the same package makes and lets run the program.
const USER: &str = "x2gobroker";
/// A file that sshd reads only where an admin told it to: nothing that users wrote themselves is touched.
const KEY_FILE: &str = "%h/.x2go/authorized_keys";
/// Two or three times what a command takes on a busy host, where it starts Perl and sudo.
const TIMEOUT: Duration = Duration::from_secs(5);

/// How agents are asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The account on the hosts that may run the program.
    pub user: String,
    /// The broker's private SSH key, an OpenSSH file; the public one is beside it with `.pub` behind its name.
    pub private_key: PathBuf,
    /// The keys of the hosts (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT).
    pub known_hosts: PathBuf,
    /// The program on the hosts: an absolute path of letters, digits and `. _ / -`.
    pub command: String,
    /// The file of a user's keys: an absolute path, or one that begins with `%h`, of letters, digits and `. _ / % -`.
    /// The program puts in `%h` the home folder, `%u` the name and `%U` the uid.
    pub key_file: String,
    /// The longest that a command takes, with all waiting for its turn and for a connection.
    pub timeout: Duration,
}

impl Settings {
    /// What counts where nothing was written; the files are in `ssh/` of that folder.
    pub fn beside(folder: &Path) -> Self {
        let folder = folder.join("ssh");
        Self {
            user: USER.to_owned(),
            private_key: folder.join("id_ed25519"),
            known_hosts: folder.join("known_hosts"),
            command: COMMAND.to_owned(),
            key_file: KEY_FILE.to_owned(),
            timeout: TIMEOUT,
        }
    }

    /// The file of the public half of the key.
    pub fn public_key(&self) -> PathBuf {
        let mut name = self.private_key.clone().into_os_string();
        name.push(".pub");
        PathBuf::from(name)
    }
}
