//! What systemd does for the broker with a socket unit and `Type=notify`: it holds the socket that listens, and hears what
//! the daemon says of itself, over every end and start. The daemon runs as another user where the tests run as root.

use std::fs::{self, Permissions};
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::net::UnixDatagram;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use tempfile::TempDir;

use crate::lab::broker::{Broker, copy_program};
use crate::lab::process::{Process, wait_for};

const PROGRAM: &str = env!("CARGO_BIN_EXE_x2godirector");
/// The name under which the program is the SSH front end.
const FRONT_END: &str = "x2godirector-ssh";
/// The user and the group `nobody` (base-passwd).
const NOBODY: u32 = 65_534;
/// systemd passes a socket as descriptor 3, to the process whose id it names (sd_listen_fds(3)).
const HAND_OVER: &str = "exec 3<&0 </dev/null; export LISTEN_FDS=1 LISTEN_FDNAMES=x2godirector.socket LISTEN_PID=$$ \
                         WATCHDOG_USEC=2000000 WATCHDOG_PID=$$; exec \"$@\"";
/// What the listening thread of a service ends with.
const END: &str = "END";

/// A service, and the socket unit that belongs to it.
pub struct Service {
    folder: TempDir,
    socket: TcpListener,
    told: Arc<Mutex<Vec<String>>>,
    hearing: Option<JoinHandle<()>>,
    process: Option<Process>,
    starts: usize,
}

impl Service {
    /// A service that was never started, with this configuration.
    pub fn new(configuration: &str) -> Self {
        let folder = Broker::folder_for(configuration);
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
        let path = |name: &str| folder.path().join(name);
        // The program itself may lie where only root can go.
        for name in ["x2godirector", FRONT_END] {
            copy_program(&path(name));
        }
        let notified = UnixDatagram::bind(path("notify.sock")).unwrap();
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let told = Arc::new(Mutex::new(Vec::new()));
        let hearing = std::thread::spawn({
            let told = Arc::clone(&told);
            move || hear(&notified, &told)
        });
        let service = Self {
            folder,
            socket,
            told,
            hearing: Some(hearing),
            process: None,
            starts: 0,
        };
        for name in [".", "conf.d", "conf.d/service-password", "notify.sock"] {
            service.give_away(&service.folder.path().join(name));
        }
        service
    }

    /// Puts a file beside its configuration.
    pub fn add(&self, name: &str, content: &[u8]) {
        let file = self.folder.path().join("conf.d").join(name);
        fs::write(&file, content).unwrap();
        self.give_away(&file);
    }

    fn give_away(&self, file: &Path) {
        if self.has_other_user() {
            chown(file, Some(NOBODY), Some(NOBODY)).unwrap();
        }
    }

    fn has_other_user(&self) -> bool {
        // What this process made is its own.
        fs::metadata(self.folder.path().join("x2godirector"))
            .unwrap()
            .uid()
            == 0
    }

    /// Starts it, and waits until it says that it is ready.
    pub fn start(&mut self) {
        let socket = self.socket.try_clone().unwrap();
        let from = self.words().len();
        self.launch(socket.into());
        self.hears("READY=1", from);
    }

    /// Starts it with this as its socket, and waits for its end: its exit code and what it said.
    pub fn fail_with(&mut self, socket: OwnedFd) -> (Option<i32>, String) {
        self.launch(socket);
        let mut process = self.process.take().unwrap();
        (process.wait().code(), process.log())
    }

    fn launch(&mut self, socket: OwnedFd) {
        self.starts += 1;
        let mut command = Command::new("sh");
        command
            .args(["-c", HAND_OVER, "sh"])
            .arg(self.folder.path().join("x2godirector"))
            .args(["serve", "--config"])
            .arg(self.folder.path().join("conf.d"))
            .env("X2GODIRECTOR_LOG", "info")
            .env("NOTIFY_SOCKET", self.folder.path().join("notify.sock"));
        if self.has_other_user() {
            command.uid(NOBODY).gid(NOBODY);
        }
        let log = self.folder.path().join(format!("log-{}", self.starts));
        self.process = Some(Process::start_with(command, &log, Stdio::from(socket)));
    }

    /// Asks it to end, as `systemctl stop` does.
    pub fn ask_to_stop(&self) {
        self.process.as_ref().unwrap().signal("TERM");
    }

    /// Waits for its end, which must be an orderly one.
    pub fn wait(&mut self) {
        let mut process = self.process.take().unwrap();
        let status = process.wait();
        assert!(status.success(), "{status}: {}", process.log());
    }

    /// Ends it, as `systemctl stop` does.
    pub fn stop(&mut self) {
        self.ask_to_stop();
        self.wait();
    }

    /// Ends it by `kill -9`.
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// Waits until it says this, in what it says from some word on.
    pub fn hears(&self, word: &str, from: usize) {
        wait_for(word, || {
            let words = self.words();
            words[from..]
                .iter()
                .any(|told| told.starts_with(word))
                .then_some(())
        });
    }

    /// All that it has said, one assignment of sd_notify(3) each.
    pub fn words(&self) -> Vec<String> {
        self.told.lock().unwrap().clone()
    }

    /// What its socket unit listens on.
    pub fn address(&self) -> SocketAddr {
        self.socket.local_addr().unwrap()
    }

    /// Asks it by a subcommand, as whoever runs the tests.
    pub fn ask(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(PROGRAM);
        command
            .args(arguments)
            .arg("--socket")
            .arg(self.folder.path().join("admin.sock"));
        command.output().unwrap()
    }

    /// The SSH front end of its machine.
    pub fn front_end(&self) -> Command {
        let mut command = Command::new(self.folder.path().join(FRONT_END));
        command.env("X2GODIRECTOR__SSH__SOCKET", self.folder.path().join("ssh.sock"));
        command
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The folder of its process in /proc.
    pub fn process(&self) -> PathBuf {
        format!("/proc/{}", self.process.as_ref().unwrap().id()).into()
    }

    /// What it has logged since its first start.
    pub fn log(&self) -> String {
        let log = |start| fs::read_to_string(self.folder.path().join(format!("log-{start}")));
        (1..=self.starts)
            .map(|start| log(start).unwrap_or_default())
            .collect()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.process = None;
        let end = UnixDatagram::unbound().unwrap();
        let sent = end.send_to(END.as_bytes(), self.folder.path().join("notify.sock"));
        if let (Ok(_), Some(hearing)) = (sent, self.hearing.take()) {
            // A panic there was one of the test already.
            let _ = hearing.join();
        }
    }
}

/// Hears what the daemon says until the end.
fn hear(notified: &UnixDatagram, told: &Mutex<Vec<String>>) {
    let mut message = [0; 4096];
    loop {
        let length = notified.recv(&mut message).unwrap();
        let text = String::from_utf8_lossy(&message[..length]).into_owned();
        if text == END {
            return;
        }
        told.lock().unwrap().extend(text.lines().map(str::to_owned));
    }
}
