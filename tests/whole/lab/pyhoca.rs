//! The real PyHoca (`pyhoca-cli`), the command-line client of Python X2Go.

use std::fs;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use super::broker::Broker;
use super::x2go_host::Account;

/// PyHoca is ended after this many seconds whatever happens.
const LIFETIME_S: &str = "120";

/// PyHoca at a broker's JSON door, run by somebody in a home folder of their own.
pub struct Pyhoca {
    url: String,
    home: TempDir,
}

impl Pyhoca {
    /// PyHoca for `user` at this broker, whose own certificate it trusts.
    pub fn new(broker: &Broker, user: &str) -> Self {
        let home = TempDir::with_prefix("pyhoca-").unwrap();
        fs::write(home.path().join("trusted.pem"), broker.certificate()).unwrap();
        Self {
            url: format!("https://{user}@localhost:{}/json/", broker.address.port()),
            home,
        }
    }

    /// The command line with these further arguments, as whoever runs the tests.
    pub fn command(&self, password: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new("timeout");
        command
            .args(["--kill-after=5", LIFETIME_S, "pyhoca-cli"])
            .arg(format!("--broker-url={}", self.url))
            .arg(format!("--broker-password={password}"))
            .args(arguments)
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", self.home.path())
            .env("USER", "somebody")
            .env("LANG", "C.UTF-8")
            .env("REQUESTS_CA_BUNDLE", self.home.path().join("trusted.pem"))
            .current_dir(self.home.path());
        command
    }

    /// The same as this account, on this display.
    pub fn command_as(
        &self,
        account: &Account,
        display: &str,
        password: &str,
        arguments: &[&str],
    ) -> Command {
        for path in [self.home.path(), &self.home.path().join("trusted.pem")] {
            own(path, account);
        }
        let mut command = self.command(password, arguments);
        command
            .env("USER", &account.name)
            .env("LOGNAME", &account.name)
            .env("DISPLAY", display)
            .uid(account.uid)
            .gid(account.gid);
        command
    }
}

fn own(path: &Path, account: &Account) {
    chown(path, Some(account.uid), Some(account.gid)).unwrap();
}
