//! The process of ssh(1) that holds a connection. It is a child of this one and ends with the value that stands for it,
//! also when it is stopped, and with this process, also when that is killed.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use tokio::process::{Child, ChildStderr, Command};
use tokio::time::{Instant, sleep, timeout_at};

use super::connection::Connection;
use super::trouble::explain;
use crate::agent::Settings;
use crate::model::Machine;

/// Longest that opening a connection may take, which for a login is a long time and for a busy host is not.
const DIAL_TIMEOUT: Duration = Duration::from_secs(10);
/// How often is looked whether ssh has opened the connection.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Most that is kept of what ssh says.
const STDERR_BYTES_MAX: usize = 8 * 1024;
/// Where ssh finds what a ProxyCommand names.
const PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// What counts whatever ssh_config(5) files say: nothing is asked, shown, forwarded or believed without a known key,
/// and a peer that says nothing for 15 s is gone.
const OPTIONS: [&str; 20] = [
    "BatchMode=yes",
    "CheckHostIP=no",
    "ClearAllForwardings=yes",
    "ConnectTimeout=10",
    "ConnectionAttempts=1",
    "ControlMaster=yes",
    "ControlPersist=no",
    "ForwardAgent=no",
    "ForwardX11=no",
    "IdentitiesOnly=yes",
    "IdentityAgent=none",
    "LogLevel=ERROR",
    "PermitLocalCommand=no",
    "PreferredAuthentications=publickey",
    "RequestTTY=no",
    "ServerAliveCountMax=3",
    "ServerAliveInterval=5",
    "StrictHostKeyChecking=yes",
    "TCPKeepAlive=yes",
    "UpdateHostKeys=no",
];

/// A running ssh, with its socket.
pub(super) struct Master {
    process: Child,
    socket: PathBuf,
    stderr: ChildStderr,
    said: Vec<u8>,
}

impl Master {
    /// Connects, and gives ssh with the connection once it is open.
    ///
    /// # Errors
    /// Why there is no connection and what to do, for the admin.
    pub(super) async fn dial(
        machine: &Machine,
        settings: &Settings,
        socket: &Path,
    ) -> Result<(Self, Arc<Connection>), String> {
        // ssh goes on without a key that is not there, and then says only that it was not let in.
        if let Err(error) = tokio::fs::metadata(&settings.private_key).await {
            let key = settings.private_key.display();
            return Err(format!(
                "there is no SSH key of the broker, {key}: {error}; make it with `x2godirector agent-key`"
            ));
        }
        // setpriv(1) becomes ssh, which the kernel then ends with whoever started it: with the thread that did, and those
        // of the runtime last as long as this process.
        let mut process = Command::new("setpriv")
            .args(["--pdeathsig", "TERM", "--", "ssh"])
            .args(arguments(machine, settings, socket))
            .env_clear()
            .env("PATH", PATH)
            .env("LC_ALL", "C")
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| format!("setpriv cannot be run: {error}; install util-linux"))?;
        let stderr = process.stderr.take().ok_or("ssh has no stderr")?;
        let mut master = Self {
            process,
            socket: socket.to_owned(),
            stderr,
            said: Vec::new(),
        };
        let connection = Arc::new(Connection::at(socket));
        let open = async {
            while !(socket.exists() && connection.is_alive().await) {
                sleep(LOOK_EVERY).await;
            }
        };
        let deadline = Instant::now() + DIAL_TIMEOUT;
        tokio::select! {
            opened = timeout_at(deadline, open) => match opened {
                Ok(()) => Ok((master, connection)),
                Err(_) => Err(format!("{machine}: it does not open a connection within {DIAL_TIMEOUT:?}")),
            },
            () = master.ended() => Err(explain(&master.said(), machine, settings)),
        }
    }

    /// Waits until ssh ends, with what it says until then.
    pub(super) async fn ended(&mut self) {
        let mut chunk = [0; 1024];
        while let Ok(read @ 1..) = self.stderr.read(&mut chunk).await {
            let kept = STDERR_BYTES_MAX.saturating_sub(self.said.len()).min(read);
            self.said.extend(chunk.iter().take(kept));
        }
        if let Err(error) = self.process.wait().await {
            tracing::debug!(%error, "ssh was lost");
        }
    }

    /// What ssh has said.
    pub(super) fn said(&self) -> String {
        String::from_utf8_lossy(&self.said).into_owned()
    }
}

impl Drop for Master {
    /// An ssh that is killed leaves its socket behind.
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.socket)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::debug!(%error, "a socket of ssh stays");
        }
    }
}

/// The command line of ssh, without its own name.
fn arguments(machine: &Machine, settings: &Settings, socket: &Path) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = Vec::new();
    for option in OPTIONS {
        arguments.extend(["-o".into(), option.into()]);
    }
    for (name, path) in [
        ("ControlPath", socket),
        ("IdentityFile", &settings.private_key),
        ("UserKnownHostsFile", &settings.known_hosts),
    ] {
        // `%` begins a token, and a blank ends the first of several names.
        let path = path.display().to_string().replace('%', "%%");
        arguments.extend(["-o".into(), format!("{name}=\"{path}\"").into()]);
    }
    let port = machine.port().to_string();
    let rest = ["-N", "-p", &port, "-l", &settings.user, "--", machine.address()];
    arguments.extend(rest.map(OsString::from));
    arguments
}
