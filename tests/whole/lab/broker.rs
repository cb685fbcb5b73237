//! The built program, serving a configuration of the test's own.

use std::fs::{self, Permissions};
use std::net::SocketAddr;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

use super::process::Process;
use super::slapd;

/// The log filter of tests.
const EVERYTHING: &str = "debug";
const PROGRAM: &str = env!("CARGO_BIN_EXE_x2godirector");
/// The user and the group `nobody` (base-passwd).
const NOBODY: u32 = 65_534;

/// A running broker in a folder of its own.
pub struct Broker {
    process: Process,
    /// Where it listens.
    pub address: SocketAddr,
    folder: TempDir,
    filter: &'static str,
}

impl Broker {
    /// Starts `x2godirector serve` with `configuration` as its only file, and with a free port, a self-signed
    /// certificate unless it names another, and the state in a temporary folder. The password of the directory's
    /// service account is in the file `service-password` beside it. It logs all that it has to say.
    pub fn start(configuration: &str) -> Self {
        Self::start_logging(configuration, EVERYTHING)
    }

    /// Like [`Broker::start`], with another log filter.
    pub fn start_logging(configuration: &str, filter: &'static str) -> Self {
        Self::serve(folder(configuration), filter)
    }

    /// Like [`Broker::start`], with a state file that `prepare` is given first.
    #[allow(dead_code, reason = "benchmarks share this file and begin with no state")]
    pub fn start_prepared(configuration: &str, prepare: impl FnOnce(&Path)) -> Self {
        let folder = folder(configuration);
        prepare(&folder.path().join("state/state.db"));
        Self::serve(folder, EVERYTHING)
    }

    /// Like [`Broker::start`], as the user `nobody` where the tests run as root; elsewhere as whoever runs them.
    pub fn start_without_rights(configuration: &str) -> Self {
        let folder = folder(configuration);
        let of_root = fs::metadata(folder.path()).expect("folder").uid() == 0;
        if !of_root {
            return Self::serve(folder, EVERYTHING);
        }
        // The program itself may lie where only root can go.
        let program = folder.path().join("x2godirector");
        copy_program(&program);
        let conf_d = folder.path().join("conf.d");
        for path in [folder.path(), &conf_d, &conf_d.join("service-password"), &program] {
            chown(path, Some(NOBODY), Some(NOBODY)).expect("chown");
        }
        let mut command = serve_command(&program, folder.path(), EVERYTHING);
        command.uid(NOBODY).gid(NOBODY);
        Self::serve_with(command, folder, EVERYTHING)
    }

    /// Runs it with a configuration that stops it, and gives its exit code and what it said.
    pub fn fail(configuration: &str) -> (Option<i32>, String) {
        let folder = folder(configuration);
        let command = serve_command(Path::new(PROGRAM), folder.path(), EVERYTHING);
        let mut process = Process::start(command, &folder.path().join("log"));
        (process.wait().code(), process.log())
    }

    fn serve(folder: TempDir, filter: &'static str) -> Self {
        let command = serve_command(Path::new(PROGRAM), folder.path(), filter);
        Self::serve_with(command, folder, filter)
    }

    /// The folder that [`Broker::start`] would serve with that configuration.
    #[allow(
        dead_code,
        reason = "benchmarks share this file and prepare nothing else there"
    )]
    pub fn folder_for(configuration: &str) -> TempDir {
        folder(configuration)
    }

    /// Serves in such a folder with more variables. `listening` waits for the line that says where, and gives it.
    #[allow(dead_code, reason = "benchmarks share this file and read its log")]
    pub fn serve_in(
        folder: TempDir,
        filter: &'static str,
        environment: &[(&str, String)],
        listening: impl FnOnce() -> String,
    ) -> Self {
        let mut command = serve_command(Path::new(PROGRAM), folder.path(), filter);
        command.envs(environment.iter().map(|(name, value)| (name, value)));
        let process = Process::start(command, &folder.path().join("log"));
        Self::listening(process, &listening(), folder, filter)
    }

    fn serve_with(command: Command, folder: TempDir, filter: &'static str) -> Self {
        let mut process = Process::start(command, &folder.path().join("log"));
        let line = process.wait_for_line("listening on https://");
        Self::listening(process, &line, folder, filter)
    }

    fn listening(process: Process, line: &str, folder: TempDir, filter: &'static str) -> Self {
        let (_, address) = line.split_once("listening on https://").expect("address");
        let address = address
            .split_whitespace()
            .next()
            .and_then(|word| word.parse().ok())
            .expect("address");
        Self {
            process,
            address,
            folder,
            filter,
        }
    }

    /// Ends it with `kill -9` and starts it again on the same state.
    pub fn kill_and_restart(self) -> Self {
        self.kill_and_restart_after(|| ())
    }

    /// The same, with something that happens while it is dead.
    pub fn kill_and_restart_after(self, meanwhile: impl FnOnce()) -> Self {
        let Self {
            process,
            folder,
            filter,
            ..
        } = self;
        drop(process);
        meanwhile();
        Self::serve(folder, filter)
    }

    /// Replaces the configuration file. It counts after a reload.
    pub fn write_configuration(&self, configuration: &str) {
        fs::write(self.folder.path().join("conf.d/50-test.toml"), configuration).expect("configuration");
    }

    /// The certificate that it made itself at its first start, in PEM.
    pub fn certificate(&self) -> String {
        fs::read_to_string(self.folder.path().join("state/self-signed-certificate.pem")).expect("certificate")
    }

    /// Runs another subcommand on its configuration.
    #[allow(dead_code, reason = "benchmarks share this file and ask for no explanations")]
    pub fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(PROGRAM);
        command
            .args(arguments)
            .arg("--config")
            .arg(self.folder.path().join("conf.d"));
        command.output().expect("x2godirector")
    }

    /// Where it is asked by admins.
    #[allow(dead_code, reason = "benchmarks share this file and ask nothing")]
    pub fn admin_socket(&self) -> PathBuf {
        self.folder.path().join("admin.sock")
    }

    /// The same, with its folder open to every user, and with a copy of the program there that they may run under
    /// that name.
    #[allow(dead_code, reason = "benchmarks share this file and have no other users")]
    pub fn open_to_all(self, program: &str) -> Self {
        fs::set_permissions(self.folder.path(), Permissions::from_mode(0o755)).expect("permissions");
        open_program(self.folder.path(), program);
        self
    }

    /// Where users of this machine ask, if its configuration lets them.
    #[allow(dead_code, reason = "benchmarks share this file and ask nothing")]
    pub fn ssh_socket(&self) -> PathBuf {
        self.folder.path().join("ssh.sock")
    }

    /// Asks it by a subcommand, as whoever runs the tests.
    #[allow(dead_code, reason = "benchmarks share this file and ask nothing")]
    pub fn ask(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(PROGRAM);
        command.args(arguments).arg("--socket").arg(self.admin_socket());
        command.output().expect("x2godirector")
    }

    /// Its folder.
    #[allow(dead_code, reason = "benchmarks share this file and look at no files")]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The process.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// What it has logged so far.
    pub fn log(&self) -> String {
        self.process.log()
    }
}

fn folder(configuration: &str) -> TempDir {
    let folder = TempDir::new().expect("temporary folder");
    let conf_d = folder.path().join("conf.d");
    fs::create_dir(&conf_d).expect("conf.d");
    let own = format!(
        "[server]\nlisten = [\"127.0.0.1:0\"]\nstate = \"sqlite://{}\"\nadmin_socket = \"{}\"\n\
         [ssh]\nsocket = \"{}\"\n",
        folder.path().join("state/state.db").display(),
        folder.path().join("admin.sock").display(),
        folder.path().join("ssh.sock").display(),
    );
    fs::write(conf_d.join("00-lab.toml"), own).expect("configuration");
    fs::write(conf_d.join("50-test.toml"), configuration).expect("configuration");
    let password = conf_d.join("service-password");
    fs::write(&password, slapd::SERVICE_PASSWORD).expect("password");
    keep_secret(&password);
    folder
}

/// A copy of the program that every user may run, under that name in that folder.
#[allow(dead_code, reason = "benchmarks share this file and run nothing else")]
pub fn open_program(folder: &Path, name: &str) -> PathBuf {
    let program = folder.join(name);
    copy_program(&program);
    program
}

/// Copies the program. Another process does so: what is open here for writing may for a moment be open in what another test
/// starts, too, and then it cannot be run.
pub fn copy_program(to: &Path) {
    let copied = Command::new("cp").arg(PROGRAM).arg(to).status().expect("cp");
    assert!(copied.success(), "cp: {copied}");
}

/// Lets nobody but its owner read a file, as a file with a password must be.
pub fn keep_secret(file: &Path) {
    fs::set_permissions(file, Permissions::from_mode(0o600)).expect("permissions");
}

fn serve_command(program: &Path, folder: &Path, filter: &str) -> Command {
    let mut command = Command::new(program);
    command
        .args(["serve", "--config"])
        .arg(folder.join("conf.d"))
        .env("X2GODIRECTOR_LOG", filter);
    command
}
