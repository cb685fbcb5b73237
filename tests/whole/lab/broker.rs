//! The built program, serving a configuration of the test's own.

use std::fs::{self, Permissions};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use super::process::Process;
use super::slapd;

/// A running broker in a folder of its own.
pub struct Broker {
    process: Process,
    /// Where it listens.
    pub address: SocketAddr,
    folder: TempDir,
}

impl Broker {
    /// Starts `x2godirector serve` with `configuration` as its only file, and with a free port, a self-signed
    /// certificate unless it names another, and the state in a temporary folder. The password of the directory's
    /// service account is in the file `service-password` beside it.
    pub fn start(configuration: &str) -> Self {
        let folder = folder(configuration);
        Self::serve(folder)
    }

    /// Runs it with a configuration that stops it, and gives its exit code and what it said.
    pub fn fail(configuration: &str) -> (Option<i32>, String) {
        let folder = folder(configuration);
        let mut process = Process::start(serve_command(folder.path()), &folder.path().join("log"));
        (process.wait().code(), process.log())
    }

    fn serve(folder: TempDir) -> Self {
        let mut process = Process::start(serve_command(folder.path()), &folder.path().join("log"));
        let line = process.wait_for_line("listening on https://");
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
        }
    }

    /// Ends it with `kill -9` and starts it again on the same state.
    pub fn kill_and_restart(self) -> Self {
        let Self { process, folder, .. } = self;
        drop(process);
        Self::serve(folder)
    }

    /// Replaces the configuration file. It counts after a reload.
    pub fn write_configuration(&self, configuration: &str) {
        fs::write(self.folder.path().join("conf.d/50-test.toml"), configuration).expect("configuration");
    }

    /// The certificate that it made itself at its first start, in PEM.
    pub fn certificate(&self) -> String {
        fs::read_to_string(self.folder.path().join("state/self-signed-certificate.pem")).expect("certificate")
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
        "[server]\nlisten = [\"127.0.0.1:0\"]\nstate = \"sqlite://{}\"\n",
        folder.path().join("state/state.db").display()
    );
    fs::write(conf_d.join("00-lab.toml"), own).expect("configuration");
    fs::write(conf_d.join("50-test.toml"), configuration).expect("configuration");
    let password = conf_d.join("service-password");
    fs::write(&password, slapd::SERVICE_PASSWORD).expect("password");
    fs::set_permissions(&password, Permissions::from_mode(0o600)).expect("password");
    folder
}

fn serve_command(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_x2godirector"));
    command
        .args(["serve", "--config"])
        .arg(folder.join("conf.d"))
        .env("X2GODIRECTOR_LOG", "debug");
    command
}
