//! X2Go servers of a farm, each in namespaces of its own: own name, own address, own session database or one that it
//! shares, and everything on it real.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{ChildStdin, Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use tempfile::TempDir;

use super::process::wait_for;
use super::process_group::ProcessGroup;
use super::session_database::SessionDatabase;
use super::x2go_host::{Account, Session, sessions_in};

/// The next network of this process: 198.18.P.0/24 (RFC 2544), by parts of two addresses each.
static NEXT: AtomicU8 = AtomicU8::new(0);

/// A running X2Go server. It ends with everything on it when this is dropped, and when the test dies.
pub struct FarmHost {
    name: String,
    address: String,
    shares_database: bool,
    process: ProcessGroup,
    /// Whether its address leads nowhere.
    killed: AtomicBool,
    /// The host goes on for as long as this is open.
    _lifeline: ChildStdin,
    folder: TempDir,
}

impl FarmHost {
    /// Starts a server that calls itself `name`, on which `account` may log in and the bearer of `agent_key` (the line
    /// of a public key) may run the agent. Without a `database` it has its own. Needs root.
    pub fn start(name: &str, account: &Account, agent_key: &str, database: Option<&SessionDatabase>) -> Self {
        // Not below /tmp, of which the server has its own.
        let folder = TempDir::with_prefix_in("x2go-farm-host-", "/var/tmp").unwrap();
        let path = folder.path();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
        make_host_key(path);
        let forced = "restrict,command=\"/usr/lib/x2go/x2gobroker-agent\"";
        fs::write(path.join("agent-keys"), format!("{forced} {agent_key}\n")).unwrap();
        let (address, peer) = addresses();
        let mut process = ProcessGroup::start(
            Command::new("unshare")
                .args([
                    "--net",
                    "--uts",
                    "--mount",
                    "--pid",
                    "--fork",
                    "--kill-child",
                    "--mount-proc",
                ])
                .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/whole/lab/farm-host"))
                .arg(path)
                .args([name, &address, &peer, &account.name])
                .args(database.map(SessionDatabase::settings))
                .stdin(Stdio::piped())
                .stdout(Stdio::piped()),
        );
        let lifeline = process.stdin();
        connect(process.id(), &address, &peer);
        let mut said = String::new();
        BufReader::new(process.stdout()).read_line(&mut said).unwrap();
        assert_eq!(said, "ready\n", "farm-host did not start; its stderr says why");
        Self {
            name: name.to_owned(),
            address,
            shares_database: database.is_some(),
            process,
            killed: AtomicBool::new(false),
            _lifeline: lifeline,
            folder,
        }
    }

    /// The name that it has for itself.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where it is dialled, on port 22.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Whether its session database is that of others too.
    pub fn shares_database(&self) -> bool {
        self.shares_database
    }

    /// Its line in a file of known hosts.
    pub fn known_host(&self) -> String {
        let key = fs::read_to_string(self.folder.path().join("host-key.pub")).unwrap();
        format!("{} {key}", self.address)
    }

    /// What sshd logged.
    pub fn ssh_log(&self) -> String {
        fs::read_to_string(self.folder.path().join("sshd.log")).unwrap()
    }

    /// The sessions on it, as it knows them.
    pub fn sessions(&self) -> Vec<Session> {
        let listed = self.run(&["x2golistsessions_root"]);
        sessions_in(&String::from_utf8_lossy(&listed.stdout))
    }

    /// What its agent tells of a user's sessions.
    pub fn listed_by_agent(&self, user: &str) -> String {
        let listed = self.run(&["/usr/lib/x2go/x2gobroker-agent", user, "listsessions"]);
        String::from_utf8(listed.stdout).unwrap()
    }

    /// Keeps it from the session database that it shares.
    pub fn lose(&self, database: &SessionDatabase) {
        let folder = database.socket_folder();
        let hidden = self.run(&["mount", "-t", "tmpfs", "tmpfs", folder.to_str().unwrap()]);
        assert!(hidden.status.success(), "{hidden:?}");
    }

    /// Stops every process on it, so that the kernel still takes connections and nobody answers.
    pub fn freeze(&self) {
        self.signal_all("STOP");
    }

    /// Lets them go on.
    pub fn thaw(&self) {
        self.signal_all("CONT");
    }

    /// Ends sshd, so that nothing listens on its port any more. Connections that are there go on.
    pub fn close_port(&self) {
        let pid = fs::read_to_string(self.folder.path().join("sshd.pid")).unwrap();
        let ended = self.run(&["kill", "-s", "TERM", pid.trim()]);
        assert!(ended.status.success(), "{ended:?}");
    }

    /// Ends it as a power cut does: its processes, and with them its network. Nobody else answers for its address.
    pub fn kill(&self) {
        // Behind the route over its cable, which goes with it.
        ip(&["route", "add", "unreachable", &self.address, "metric", "1000"]);
        self.killed.store(true, Ordering::Relaxed);
        let inside = first_child(self.process.id()).expect("the server runs");
        let killed = Command::new("kill")
            .args(["-s", "KILL", &inside.to_string()])
            .status()
            .unwrap();
        assert!(killed.success());
    }

    /// Sends a signal to all of its processes but the first, which none of these stops.
    fn signal_all(&self, name: &str) {
        let sent = self.run(&["sh", "-c", &format!("kill -s {name} -- -1")]);
        // The shell that sends it may be stopped with the others where it is not spared.
        assert!(sent.status.success(), "{sent:?}");
    }

    /// Runs a command on it.
    fn run(&self, command: &[&str]) -> Output {
        let inside = first_child(self.process.id()).expect("the server runs");
        Command::new("nsenter")
            .args(["--target", &inside.to_string(), "--all"])
            .args(command)
            .output()
            .unwrap()
    }
}

impl Drop for FarmHost {
    fn drop(&mut self) {
        if self.killed.load(Ordering::Relaxed) {
            ip(&["route", "del", "unreachable", &self.address]);
        }
    }
}

/// Two addresses that no other server of this machine's tests has: its own, and the one at this end.
fn addresses() -> (String, String) {
    let network = u8::try_from(std::process::id() % 256).unwrap();
    let part = NEXT.fetch_add(2, Ordering::Relaxed);
    (
        format!("198.18.{network}.{}", part.wrapping_add(1)),
        format!("198.18.{network}.{part}"),
    )
}

/// Puts a cable between this machine and the network of a server that is starting.
fn connect(server: u32, address: &str, peer: &str) {
    let inside = wait_for("the server's first process", || first_child(server)).to_string();
    let cable = format!("x2go{server}");
    ip(&[
        "link", "add", &cable, "type", "veth", "peer", "name", "eth0", "netns", &inside,
    ]);
    ip(&["address", "add", peer, "peer", address, "dev", &cable]);
    ip(&["link", "set", &cable, "up"]);
    // Servers reach each other through this machine, which forwards nothing but what comes out of these cables.
    fs::write(format!("/proc/sys/net/ipv4/conf/{cable}/forwarding"), "1").unwrap();
}

fn ip(arguments: &[&str]) {
    let done = Command::new("ip").args(arguments).status().unwrap();
    assert!(done.success(), "ip {arguments:?}");
}

/// The first process in the pid namespace that `unshare` made.
fn first_child(unshare: u32) -> Option<u32> {
    let children = fs::read_to_string(format!("/proc/{unshare}/task/{unshare}/children")).ok()?;
    children.split_whitespace().next()?.parse().ok()
}

fn make_host_key(folder: &std::path::Path) {
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-f"])
        .arg(folder.join("host-key"))
        .stdin(Stdio::null())
        .status()
        .unwrap();
    assert!(made.success(), "ssh-keygen");
}
