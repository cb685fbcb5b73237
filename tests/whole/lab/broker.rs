//! The built program, serving a configuration of the test's own.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::process::Process;

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
    /// certificate and the state in a temporary folder unless the configuration says otherwise. It logs all
    /// that it has to say.
    pub fn start(configuration: &str) -> Self {
        Self::start_logging(configuration, "debug")
    }

    /// Like [`Broker::start`], with another log filter.
    pub fn start_logging(configuration: &str, filter: &'static str) -> Self {
        let folder = TempDir::new().expect("temporary folder");
        let conf_d = folder.path().join("conf.d");
        std::fs::create_dir(&conf_d).expect("conf.d");
        std::fs::create_dir(folder.path().join("state")).expect("state");
        std::fs::write(conf_d.join("50-test.toml"), configuration).expect("configuration");
        Self::serve(folder, filter)
    }

    fn serve(folder: TempDir, filter: &'static str) -> Self {
        let mut process = Process::start(serve_command(folder.path(), filter), &folder.path().join("log"));
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
            filter,
        }
    }

    /// Ends it with `kill -9` and starts it again on the same state.
    pub fn kill_and_restart(self) -> Self {
        let Self {
            process,
            folder,
            filter,
            ..
        } = self;
        drop(process);
        Self::serve(folder, filter)
    }

    /// Replaces the configuration file. It counts after a reload.
    pub fn write_configuration(&self, configuration: &str) {
        std::fs::write(self.folder.path().join("conf.d/50-test.toml"), configuration).expect("configuration");
    }

    /// The folder its certificate and its state are in.
    pub fn state(&self) -> PathBuf {
        self.folder.path().join("state")
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

fn serve_command(folder: &Path, filter: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_x2godirector"));
    command
        .args(["serve", "--config"])
        .arg(folder.join("conf.d"))
        .env("X2GODIRECTOR_LOG", filter)
        .env("X2GODIRECTOR__SERVER__LISTEN", "127.0.0.1:0")
        .env(
            "X2GODIRECTOR__SERVER__STATE",
            format!("sqlite://{}", folder.join("state/state.db").display()),
        );
    command
}
