//! X2Go servers as a broker sees them: an sshd on loopback that lets the broker's key run an agent, the real one or one
//! that a test wrote.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;
use x2godirector::agent::Settings;
use x2godirector::model::{HostAddress, Machine};

use super::process::Process;
use super::slapd::free_port;

/// The program of Debian's package.
pub const REAL_AGENT: &str = "/usr/lib/x2go/x2gobroker-agent";
/// The account that the package makes.
const AGENT_USER: &str = "x2gobroker";

/// The broker's side: its key pair and the host keys that it knows.
pub struct BrokerKey {
    folder: TempDir,
}

impl BrokerKey {
    /// A new key pair, and no known host.
    pub fn new() -> Self {
        let folder = TempDir::with_prefix("x2godirector-key-").unwrap();
        make_key(&folder.path().join("id_ed25519"));
        fs::write(folder.path().join("known_hosts"), "").unwrap();
        Self { folder }
    }

    /// Settings with this key, this file of known hosts, and a deadline that a machine under load can hold.
    pub fn settings(&self) -> Settings {
        let mut settings = Settings::beside(self.folder.path());
        settings.private_key = self.folder.path().join("id_ed25519");
        settings.known_hosts = self.known_hosts();
        settings.timeout = Duration::from_secs(20);
        settings
    }

    /// The file of known hosts.
    pub fn known_hosts(&self) -> PathBuf {
        self.folder.path().join("known_hosts")
    }

    /// The line of the public key.
    pub fn public_line(&self) -> String {
        fs::read_to_string(self.folder.path().join("id_ed25519.pub")).unwrap()
    }

    /// Believes a host's present key.
    pub fn trust(&self, host: &AgentHost) {
        let line = format!("[{}]:{} {}", host.address, host.port, host.host_key());
        let known = fs::read_to_string(self.known_hosts()).unwrap();
        fs::write(self.known_hosts(), known + &line).unwrap();
    }
}

/// An sshd that runs an agent for whoever has the broker's key. Needs root.
pub struct AgentHost {
    address: String,
    port: u16,
    sshd: Option<Process>,
    /// Who is let in with which keys, as sshd_config(5) has it.
    access: String,
    folder: TempDir,
}

impl AgentHost {
    /// Starts a host that knows no broker and that no broker knows: `user` is let in with the keys in its home folder,
    /// and root with the admin's.
    pub fn unauthorized(user: &str, admin: &BrokerKey) -> Self {
        let folder = TempDir::with_prefix("x2godirector-agent-host-").unwrap();
        open(folder.path());
        make_key(&folder.path().join("host-key"));
        let keys = folder.path().join("keys");
        fs::write(&keys, admin.public_line()).unwrap();
        let access = format!(
            "AllowUsers {user} root\nAuthorizedKeysFile .ssh/authorized_keys\nMatch User root\nAuthorizedKeysFile {}\n",
            keys.display()
        );
        let mut host = Self {
            address: "127.0.0.1".to_owned(),
            port: free_port(),
            sshd: None,
            access,
            folder,
        };
        host.start_again();
        host
    }

    /// Starts a host whose forced command is `program`, and has the broker believe its key.
    pub fn start(broker: &BrokerKey, program: &str) -> Self {
        Self::start_at(broker, "127.0.0.1", free_port(), program)
    }

    /// Like [`AgentHost::start`], at an address of loopback and a port: the hosts of a farm share theirs.
    pub fn start_at(broker: &BrokerKey, address: &str, port: u16, program: &str) -> Self {
        let folder = TempDir::with_prefix("x2godirector-agent-host-").unwrap();
        // The account of the agent reads its keys and programs here.
        open(folder.path());
        make_key(&folder.path().join("host-key"));
        let line = format!("restrict,command=\"{program}\" {}", broker.public_line());
        fs::write(folder.path().join("keys"), line).unwrap();
        let access = format!(
            "AllowUsers {AGENT_USER}\nAuthorizedKeysFile {}\n",
            folder.path().join("keys").display()
        );
        let mut host = Self {
            address: address.to_owned(),
            port,
            sshd: None,
            access,
            folder,
        };
        host.start_again();
        broker.trust(&host);
        host
    }

    /// Starts a host with an agent of the test's own: a shell script that sees what it is asked in
    /// `SSH_ORIGINAL_COMMAND`.
    pub fn with_script(broker: &BrokerKey, script: &str) -> Self {
        let host = Self::start(broker, "true");
        host.replace_script(script);
        let program = host.folder.path().join("agent");
        let line = format!(
            "restrict,command=\"{}\" {}",
            program.display(),
            broker.public_line()
        );
        fs::write(host.authorized_keys(), line).unwrap();
        host
    }

    /// Has the agent do something else from now on.
    pub fn replace_script(&self, script: &str) {
        // One that runs is not written to.
        let (new, program) = (
            self.folder.path().join("agent.new"),
            self.folder.path().join("agent"),
        );
        fs::write(&new, format!("#!/bin/bash\n{script}\n")).unwrap();
        open(&new);
        fs::rename(new, program).unwrap();
    }

    /// Starts sshd on the same port, with the host key that is there now.
    pub fn start_again(&mut self) {
        let folder = self.folder.path();
        fs::create_dir_all("/run/sshd").unwrap();
        let configuration = format!(
            "ListenAddress {}:{}\nHostKey {}\nPidFile none\nUsePAM yes\nStrictModes no\n{}",
            self.address,
            self.port,
            folder.join("host-key").display(),
            self.access
        );
        fs::write(folder.join("sshd_config"), configuration).unwrap();
        let mut command = Command::new("/usr/sbin/sshd");
        command.args(["-D", "-e", "-f"]).arg(folder.join("sshd_config"));
        let mut sshd = Process::start(command, &folder.join("sshd.log"));
        sshd.wait_for_line("Server listening");
        self.sshd = Some(sshd);
    }

    /// Ends sshd and every connection that it has.
    pub fn stop(&mut self) {
        self.signal_all("KILL");
        self.sshd = None;
    }

    /// Sends a signal to sshd and to everything that it started.
    pub fn signal_all(&self, name: &str) {
        let Some(sshd) = &self.sshd else { return };
        let mut pids = vec![sshd.id()];
        let mut at = 0;
        while let Some(pid) = pids.get(at) {
            pids.extend(children_of(*pid));
            at += 1;
        }
        let pids: Vec<_> = pids.iter().map(u32::to_string).collect();
        // Some may have ended meanwhile.
        let _ = Command::new("kill").args(["-s", name]).args(pids).status();
    }

    /// Makes a new host key, as a machine that was installed again has; counts from the next start.
    pub fn change_host_key(&self) {
        for file in ["host-key", "host-key.pub"] {
            fs::remove_file(self.folder.path().join(file)).unwrap();
        }
        make_key(&self.folder.path().join("host-key"));
    }

    /// What it is reached under.
    pub fn machine(&self) -> Machine {
        Machine::new(&HostAddress::new(&self.address).unwrap(), self.port)
    }

    /// The SSH port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The line of its public host key.
    pub fn host_key(&self) -> String {
        fs::read_to_string(self.folder.path().join("host-key.pub")).unwrap()
    }

    /// The file of the keys that may run the agent.
    pub fn authorized_keys(&self) -> PathBuf {
        self.folder.path().join("keys")
    }

    /// A folder that the agent's account can write to.
    pub fn scratch(&self) -> PathBuf {
        let folder = self.folder.path().join("scratch");
        fs::create_dir_all(&folder).unwrap();
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o777)).unwrap();
        folder
    }

    /// How many connections of the broker were let in.
    pub fn logins(&self) -> usize {
        let log = self.sshd.as_ref().map(Process::log).unwrap_or_default();
        log.matches("Accepted publickey").count()
    }
}

impl Drop for AgentHost {
    fn drop(&mut self) {
        self.stop();
    }
}

fn make_key(file: &Path) {
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-C", "x2godirector", "-f"])
        .arg(file)
        .status()
        .unwrap();
    assert!(made.success());
}

fn open(path: &Path) {
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// The processes that a process started.
pub fn children_of(pid: u32) -> Vec<u32> {
    let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else {
        return Vec::new();
    };
    let children = tasks
        .flatten()
        .filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    let children: Vec<_> = children.collect();
    children
        .iter()
        .flat_map(|pids| pids.split_ascii_whitespace())
        .filter_map(|pid| pid.parse().ok())
        .collect()
}
