//! A PAM worker with a service of the test's own, modules that misbehave on demand, and throw-away users.

use std::ffi::OsString;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use tempfile::TempDir;
use x2godirector::model::{Password, Secret};
use x2godirector::pam_worker::{Client, ClientSettings};

use super::broker::copy_program;
use super::process::{Process, wait_for};

/// The user `nobody` (base-passwd).
pub const NOBODY: u32 = 65_534;
/// What the misbehaving module takes for right.
pub const RIGHT: &str = "right";
/// A module that does by user name what real ones do by accident.
const MODULE: &str = include_str!("pam_module.c");

/// A module that reads its users from a file (package libpam-wrapper).
const MATRIX: &str = "auth required MODULES/pam_matrix.so passdb=FOLDER/users
account required MODULES/pam_matrix.so passdb=FOLDER/users
password required MODULES/pam_matrix.so passdb=FOLDER/users\n";

/// A worker whose users stand in its file `users`, each as `NAME:PASSWORD:SERVICE`.
pub fn matrix(users: &str) -> PamWorker {
    let listed = run(Command::new("dpkg").args(["-L", "libpam-wrapper"]));
    let listed = String::from_utf8(listed.stdout).expect("paths");
    // The machine's architecture is in the path.
    let modules = listed
        .lines()
        .find_map(|line| line.strip_suffix("/pam_matrix.so"));
    let service = MATRIX.replace("MODULES", modules.expect("libpam-wrapper"));
    let worker = PamWorker::start(&service, Duration::from_secs(30), "");
    fs::write(worker.path("users"), users).expect("users");
    worker
}

/// A running worker in a folder of its own.
pub struct PamWorker {
    process: Option<Process>,
    folder: TempDir,
    timeout: Duration,
    user: Option<(u32, u32)>,
}

impl PamWorker {
    /// Starts a worker whose service file is `service`, in which `FOLDER` stands for its folder, with these
    /// lines more in `[authentication.pam]`.
    pub fn start(service: &str, timeout: Duration, settings: &str) -> Self {
        Self::start_as(service, timeout, settings, None)
    }

    /// Like [`PamWorker::start`], as another user and group; takes root.
    pub fn start_as(service: &str, timeout: Duration, settings: &str, user: Option<(u32, u32)>) -> Self {
        let folder = TempDir::new().expect("temporary folder");
        fs::set_permissions(folder.path(), Permissions::from_mode(0o777)).expect("folder");
        let path = folder.path().display().to_string();
        let (pam_d, conf_d) = (folder.path().join("pam.d"), folder.path().join("conf.d"));
        for folder in [&pam_d, &conf_d] {
            fs::create_dir(folder).expect("folder");
        }
        fs::write(pam_d.join("x2godirector"), service.replace("FOLDER", &path)).expect("service");
        let configuration = format!(
            "[authentication.pam]\nsocket = \"{path}/pam.sock\"\nservice_folder = \"{path}/pam.d\"\n\
             timeout = \"{}ms\"\n{settings}\n",
            timeout.as_millis()
        );
        fs::write(conf_d.join("50-test.toml"), configuration).expect("configuration");
        // The program itself may lie where only root can go.
        copy_program(&folder.path().join("x2godirector"));
        let mut worker = Self {
            process: None,
            folder,
            timeout,
            user,
        };
        worker.start_again();
        worker
    }

    /// A worker with the misbehaving module.
    pub fn misbehaving(timeout: Duration, settings: &str) -> Self {
        let folder = TempDir::new().expect("temporary folder");
        let module = build_module(folder.path());
        let line = |kind| format!("{kind} required {} FOLDER\n", module.display());
        let service = line("auth") + &line("account") + &line("password");
        let worker = Self::start(&service, timeout, settings);
        // Every process loads it at its first login.
        let kept = worker.folder.path().join("module");
        fs::rename(folder.keep(), &kept).expect("module");
        let file = worker.folder.path().join("pam.d/x2godirector");
        let service = fs::read_to_string(&file).expect("service");
        let (from, to) = (module.parent().expect("folder"), kept.as_path());
        let service = service.replace(&from.display().to_string(), &to.display().to_string());
        fs::write(file, service).expect("service");
        worker
    }

    /// Starts it again after [`PamWorker::kill`].
    pub fn start_again(&mut self) {
        let log = self.folder.path().join("log");
        let mut process = Process::start(self.command(), &log);
        process.wait_for_line("PAM worker listening on");
        self.process = Some(process);
    }

    /// Runs it where it does not start, and gives its exit code and what it said.
    pub fn fail(&mut self) -> (Option<i32>, String) {
        let log = self.folder.path().join("failed.log");
        let mut process = Process::start(self.command(), &log);
        (process.wait().code(), process.log())
    }

    fn command(&self) -> Command {
        let mut command = Command::new(self.folder.path().join("x2godirector"));
        command
            .args(["pam-worker", "--config"])
            .arg(self.folder.path().join("conf.d"))
            .env("X2GODIRECTOR_LOG", "trace")
            .env("MARKER", "not for modules");
        if let Some((uid, gid)) = self.user {
            command.uid(uid).gid(gid);
        }
        command
    }

    /// Ends it with `kill -9`.
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// The process.
    pub fn process(&mut self) -> &mut Process {
        self.process.as_mut().expect("process")
    }

    /// The processes that it has started.
    pub fn processes(&mut self) -> Vec<i32> {
        let pid = self.process().id();
        let listed = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).expect("children");
        let pids = listed.split_whitespace().map(str::parse);
        pids.collect::<Result<_, _>>().expect("process id")
    }

    /// A client that the worker has answered once.
    pub async fn client(&self) -> Client {
        let client = Client::new(ClientSettings {
            socket: self.path("pam.sock"),
            timeout: self.timeout,
        });
        while !client.is_reachable() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        client
    }

    /// A file of its folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What it has logged so far.
    pub fn log(&self) -> String {
        fs::read_to_string(self.path("log")).expect("log")
    }

    /// The process in which the misbehaving module serves this user.
    pub async fn process_of(&self, user: &str) -> i32 {
        let file = self.path(&format!("{user}.pid"));
        wait_beside("a module that is asked", move || {
            fs::read_to_string(&file).ok()?.trim().parse().ok()
        })
        .await
    }

    /// Waits until the misbehaving module was asked for so many users.
    pub async fn users_asked(&self, count: usize) {
        let folder = self.folder.path().to_owned();
        wait_beside("modules that are asked", move || {
            let files = fs::read_dir(&folder).ok()?.filter_map(Result::ok);
            let asked = files.filter(|file| {
                file.path()
                    .extension()
                    .is_some_and(|extension| extension == "pid")
            });
            (asked.count() >= count).then_some(())
        })
        .await;
    }
}

/// Waits until so many of the worker's processes for passwords are taken.
///
/// # Panics
/// After 60 seconds.
pub async fn processes_busy(client: &Client, count: u32) {
    let taken = async {
        while client.load().transactions.busy < count {
            // The answer has the load. One that comes too late is asked for again.
            let _ = client.ping().await;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(60), taken).await;
    waited.unwrap_or_else(|_| panic!("never {count} busy: {:?}", client.load()));
}

/// Whether there is such a process that has not ended.
pub fn is_running(pid: i32) -> bool {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).map_or(0, Iterator::count);
    // The first thread of a process that was killed is a zombie while others of it still end.
    threads > 1
        || fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| {
            stat.rsplit(')')
                .next()
                .is_some_and(|rest| !rest.trim().starts_with('Z'))
        })
}

/// Waits until there is no such process.
pub async fn wait_until_gone(pid: i32) {
    wait_beside("end of a process", move || (!is_running(pid)).then_some(())).await;
}

/// [`wait_for`] while the test's other tasks go on.
async fn wait_beside<T: Send + 'static>(
    what: &'static str,
    ready: impl FnMut() -> Option<T> + Send + 'static,
) -> T {
    let waiting = tokio::task::spawn_blocking(move || wait_for(what, ready));
    waiting.await.expect("wait")
}

/// A password.
pub fn password(text: &str) -> Password {
    Password::new(Secret::new(text.to_owned())).expect("password")
}

fn build_module(folder: &Path) -> PathBuf {
    let (source, module) = (folder.join("pam_module.c"), folder.join("pam_module.so"));
    fs::write(&source, MODULE).expect("source");
    fs::set_permissions(folder, Permissions::from_mode(0o755)).expect("folder");
    let mut command = Command::new("cc");
    command.args(["-shared", "-fPIC", "-Wall", "-Werror", "-o"]);
    run(command.arg(&module).arg(&source).arg("-lpam"));
    module
}

/// A user of this host that is removed when dropped; takes root.
pub struct ThrowAwayUser {
    /// Its name.
    pub name: String,
    /// A group that it is in, beside the primary one of its own name.
    pub group: String,
}

impl ThrowAwayUser {
    /// Makes a user with this password.
    pub fn new(password: &str) -> Self {
        let user = Self {
            name: format!("x2gd{:08x}", rand::random::<u32>()),
            group: format!("x2gd{:08x}", rand::random::<u32>()),
        };
        run(Command::new("groupadd").arg(&user.group));
        user.add(&[]);
        user.set_password(password);
        user
    }

    fn add(&self, more: &[&str]) {
        let mut command = Command::new("useradd");
        command.args(["--no-create-home", "--user-group", "--groups", &self.group]);
        run(command.args(more).arg(&self.name));
    }

    /// Another user with the same user id, whose name is this one's behind `prefix`.
    pub fn other_name(&self, prefix: &str) -> ThrowAwayUser {
        let other = Self {
            name: format!("{prefix}{}", self.name),
            group: format!("x2gd{:08x}", rand::random::<u32>()),
        };
        let id = run(Command::new("id").args(["-u", &self.name]));
        let uid = String::from_utf8(id.stdout).expect("id");
        run(Command::new("groupadd").arg(&other.group));
        other.add(&["--non-unique", "--uid", uid.trim()]);
        other
    }

    /// Sets the password without asking for the old one.
    pub fn set_password(&self, password: &str) {
        let hash = run(Command::new("openssl").args(["passwd", "-6", password]));
        let hash = String::from_utf8(hash.stdout).expect("hash");
        run(Command::new("usermod").args(["--password", hash.trim(), &self.name]));
    }

    /// Runs `chage` on it.
    pub fn age(&self, arguments: &[&str]) {
        run(Command::new("chage").args(arguments).arg(&self.name));
    }
}

impl Drop for ThrowAwayUser {
    fn drop(&mut self) {
        // What was not made cannot be removed. A name with another's user id goes only by force.
        let _ = Command::new("userdel").args(["--force", &self.name]).output();
        for group in [&self.group, &self.name] {
            let _ = Command::new("groupdel").arg(group).output();
        }
    }
}

/// Runs a program that must succeed. One that finds a file of the user database locked by another test waits
/// for it.
fn run(command: &mut Command) -> Output {
    wait_for("a program that succeeds", || {
        let output = command.output().expect("program");
        if output.status.success() {
            return Some(output);
        }
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let name: OsString = command.get_program().to_owned();
        assert!(said.contains("lock"), "{}: {said}", name.display());
        None
    })
}
