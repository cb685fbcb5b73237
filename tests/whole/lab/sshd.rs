//! A real sshd on loopback in front of the broker's program for X2Go Client. Needs root, and `/run/sshd`.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::broker::open_program;
use super::process::Process;
use super::slapd::free_port;

/// A running sshd.
pub struct Sshd {
    port: u16,
    folder: TempDir,
    process: Process,
}

impl Sshd {
    /// Starts it for `user` alone, with `socket` as the broker's SSH socket in the environment of what it runs, and further lines of sshd_config(5), in which
    /// `PROGRAM` stands for the program.
    pub fn start(user: &str, socket: &Path, lines: &str) -> Self {
        let folder = TempDir::with_prefix("sshd-").unwrap();
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
        fs::create_dir_all("/run/sshd").unwrap();
        let path = |name: &str| folder.path().join(name);
        make_key(&path("host-key"));
        let program = open_program(folder.path(), "x2godirector-ssh");
        let port = free_port();
        let configuration = format!(
            "ListenAddress 127.0.0.1:{port}\nHostKey {}\nAuthorizedKeysFile {}\nPidFile none\nUsePAM yes\n\
             StrictModes no\nPermitRootLogin no\nAllowUsers {user}\nSetEnv X2GODIRECTOR__SSH__SOCKET={}\n{}\n",
            path("host-key").display(),
            path("authorized-keys").display(),
            socket.display(),
            lines.replace("PROGRAM", &program.display().to_string()),
        );
        fs::write(path("sshd_config"), configuration).unwrap();
        let mut command = Command::new("/usr/sbin/sshd");
        command.args(["-D", "-e", "-f"]).arg(path("sshd_config"));
        let mut process = Process::start(command, &path("log"));
        process.wait_for_line("Server listening on");
        Self {
            port,
            folder,
            process,
        }
    }

    /// Makes a key of `owner` that counts here; gives its file.
    pub fn make_key(&self, (uid, gid): (u32, u32)) -> PathBuf {
        let folder = self.folder.path();
        let key = folder.join("key");
        make_key(&key);
        std::os::unix::fs::chown(&key, Some(uid), Some(gid)).unwrap();
        fs::copy(folder.join("key.pub"), folder.join("authorized-keys")).unwrap();
        key
    }

    /// The URL of the broker for X2Go Client, for the user of that name, or for one who is yet to say it.
    pub fn broker_url(&self, user: Option<&str>) -> String {
        let user = user.map(|user| format!("{user}@")).unwrap_or_default();
        let program = self.folder.path().join("x2godirector-ssh");
        format!("ssh://{user}127.0.0.1:{}{}", self.port, program.display())
    }

    /// What it logged so far.
    pub fn log(&self) -> String {
        self.process.log()
    }
}

fn make_key(file: &Path) {
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-f"])
        .arg(file)
        .status()
        .unwrap();
    assert!(made.success());
}
