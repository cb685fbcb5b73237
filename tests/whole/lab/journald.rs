//! systemd's journal in a mount namespace of its own, where it takes the place of this machine's. Needs root.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

use super::process::{Process, wait_for};

/// Puts the folders that are the first argument's in the place of those that journald writes to, and becomes journald.
const BECOME_JOURNALD: &str = r#"
set -e
mount --make-rprivate /
mkdir -p /run/systemd /run/log
mount --bind "$1/run" /run/systemd
mount --bind "$1/log" /run/log
exec /lib/systemd/systemd-journald
"#;

/// A running journald that keeps its entries in memory and reads nothing but what it is sent.
pub struct Journald {
    folder: TempDir,
    _process: Process,
}

impl Journald {
    /// Starts it.
    pub fn start() -> Self {
        let folder = TempDir::with_prefix("journald-").unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::create_dir_all(path("run/journald.conf.d")).unwrap();
        fs::create_dir_all(path("log/journal")).unwrap();
        fs::write(
            path("run/journald.conf.d/lab.conf"),
            "[Journal]\nStorage=volatile\nReadKMsg=no\nAudit=no\nForwardToSyslog=no\nForwardToConsole=no\n",
        )
        .unwrap();
        let mut command = Command::new("unshare");
        command
            .args(["--mount", "sh", "-c", BECOME_JOURNALD, "journald"])
            .arg(folder.path());
        let process = Process::start(command, &path("log.txt"));
        let journald = Self {
            folder,
            _process: process,
        };
        wait_for("the socket of journald", || {
            journald.socket().exists().then_some(())
        });
        journald
    }

    /// Where it listens.
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("run/journal/socket")
    }

    /// What journalctl(1) prints of it with these arguments.
    pub fn ctl(&self, arguments: &[&str]) -> String {
        let files = format!("--file={}/log/journal/*/*.journal", self.folder.path().display());
        let output = Command::new("journalctl")
            .args([files.as_str(), "--no-pager", "--quiet"])
            .args(arguments)
            .output()
            .unwrap();
        // Before the first entry there is no file.
        String::from_utf8(output.stdout).unwrap()
    }

    /// The entries that journalctl finds, once there are that many.
    pub fn entries(&self, count: usize, matches: &[&str]) -> Vec<serde_json::Value> {
        wait_for(&format!("{count} entries with {matches:?}"), || {
            let text = self.ctl(&[&["--output=json"], matches].concat());
            let entries: Vec<_> = text
                .lines()
                .map(|line| serde_json::from_str(line).unwrap())
                .collect();
            (entries.len() >= count).then_some(entries)
        })
    }
}
