//! A real X2Go server on loopback: sshd on a free port and throw-away accounts, by `demo/x2go-host`.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::process::{ChildStdin, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use super::process_group::ProcessGroup;
use super::slapd::free_port;

/// How long the host may take to end sessions and remove accounts.
const TEARDOWN: Duration = Duration::from_secs(40);

/// An account on this machine that goes away with its host.
#[derive(Debug, Clone)]
pub struct Account {
    /// Its name.
    pub name: String,
    /// Its password.
    pub password: String,
    /// Its numeric user id.
    pub uid: u32,
    /// Its numeric group id.
    pub gid: u32,
    /// Its home folder.
    pub home: PathBuf,
}

/// One line of `x2golistsessions`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// The X2Go session id.
    pub id: String,
    /// `R` for running, `S` for suspended, `F` for finished.
    pub state: String,
    /// Whose it is.
    pub user: String,
}

/// A running X2Go server with one account.
pub struct X2goHost {
    account: Account,
    port: u16,
    process: ProcessGroup,
    /// The host goes on for as long as this is open.
    lifeline: Option<ChildStdin>,
    _folder: TempDir,
}

impl X2goHost {
    /// Starts a host with an account of a name that nothing else has. Needs root.
    pub fn start() -> Self {
        let name = format!("x2gotest{:08x}", rand::random::<u32>());
        let password = format!("{name}-secret");
        let folder = TempDir::with_prefix("x2go-host-").unwrap();
        let accounts = folder.path().join("accounts");
        fs::write(&accounts, format!("{name} {password}\n")).unwrap();
        let port = free_port();
        let mut process = ProcessGroup::start(
            Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/demo/x2go-host"))
                .arg(folder.path())
                .arg(port.to_string())
                .arg(&accounts)
                .stdin(Stdio::piped())
                .stdout(Stdio::piped()),
        );
        let lifeline = Some(process.stdin());
        let mut said = String::new();
        BufReader::new(process.stdout()).read_line(&mut said).unwrap();
        assert_eq!(
            said, "ready\n",
            "demo/x2go-host did not start; its stderr says why"
        );
        let home = PathBuf::from("/home").join(&name);
        let owner = fs::metadata(&home).unwrap();
        let account = Account {
            name,
            password,
            uid: owner.uid(),
            gid: owner.gid(),
            home,
        };
        Self {
            account,
            port,
            process,
            lifeline,
            _folder: folder,
        }
    }

    /// The account.
    pub fn account(&self) -> &Account {
        &self.account
    }

    /// The SSH port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The account's sessions, as the X2Go server knows them.
    pub fn sessions(&self) -> Vec<Session> {
        let listed = Command::new("x2golistsessions_root").output().unwrap();
        let mut sessions = sessions_in(&String::from_utf8_lossy(&listed.stdout));
        sessions.retain(|session| session.user == self.account.name);
        sessions
    }
}

/// The sessions in what `x2golistsessions_root` printed.
pub fn sessions_in(listed: &str) -> Vec<Session> {
    let session = |line: &str| {
        let fields: Vec<&str> = line.split('|').collect();
        Some(Session {
            id: (*fields.get(1)?).to_owned(),
            state: (*fields.get(4)?).to_owned(),
            user: (*fields.get(11)?).to_owned(),
        })
    };
    listed.lines().filter_map(session).collect()
}

impl Drop for X2goHost {
    fn drop(&mut self) {
        drop(self.lifeline.take());
        if !self.process.ends_within(TEARDOWN) {
            eprintln!("the X2Go host of {} does not end", self.account.name);
        }
    }
}
