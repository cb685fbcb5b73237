//! The real X2Go Client over a real sshd: with a password, a key and an agent; through a login shell and through a
//! forced command.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::{DirBuilderExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::lab::broker::Broker;
use crate::lab::display::Display;
use crate::lab::process::{patiently, wait_for};
use crate::lab::process_group::ProcessGroup;
use crate::lab::site::{self, Reach};
use crate::lab::slapd::Slapd;
use crate::lab::sshd::Sshd;
use crate::lab::x2go_client::X2goClient;
use crate::lab::x2go_host::{Account, X2goHost};

/// What sshd_config(5) says where users can run nothing else: `docs/ssh.md`.
const FORCED: &str =
    "ForceCommand PROGRAM\nDisableForwarding yes\nPermitUserRC no\nPermitUserEnvironment no\n";

/// A desk in a site with a real X2Go server and a real sshd in front of the broker: one person who is staff, in the
/// directory and, under the same uid, on that machine.
struct Desk {
    broker: Broker,
    sshd: Sshd,
    host: X2goHost,
    display: Display,
    _directory: Slapd,
}

impl Desk {
    fn start(sshd_lines: &str) -> Self {
        let host = X2goHost::start();
        let name = &host.account().name;
        let uid_number = format!("uidNumber: {}\n", host.account().uid);
        let directory = Slapd::start(&site::staff(name).replace("uidNumber: 20000\n", &uid_number));
        let configuration = site::configuration(&directory, Reach::Plain, host.port());
        let broker = Broker::start(&format!(
            "{configuration}\n[ssh]\nenabled = true\nforced = true\n"
        ));
        let broker = broker.open_to_all("program");
        Self {
            sshd: Sshd::start(name, &broker.ssh_socket(), sshd_lines),
            broker,
            host,
            display: Display::start(),
            _directory: directory,
        }
    }

    /// A client whose URL has a user, or that asks for one.
    fn client(
        &self,
        name: &str,
        user: Option<&str>,
        arguments: &[&str],
        environment: &[(&str, &str)],
    ) -> X2goClient<'_> {
        let url = self.sshd.broker_url(user);
        let account = self.host.account();
        X2goClient::start_in(&self.display, account, &url, "", name, arguments, environment)
    }

    /// Starts the profile `terminal` and waits until its session runs on the host.
    fn start_a_session(&self, client: &X2goClient<'_>) {
        client.choose("Terminal");
        let session = client.session();
        let running = patiently(Duration::from_secs(20), || {
            let sessions = self.host.sessions();
            sessions
                .into_iter()
                .find(|known| known.id == session && known.state == "R")
        });
        assert!(running.is_some(), "x2golistsessions: {:?}", self.host.sessions());
        let log = self.broker.log();
        let selected = log
            .lines()
            .find(|line| line.contains("\"task\":\"select\""))
            .unwrap_or_else(|| panic!("no selection: {log}"));
        let account = format!("\"account\":\"ldap:{}\"", self.host.account().name);
        for part in [
            "\"door\":\"ssh\"",
            "\"proof\":\"peer\"",
            "\"client\":\"127.0.0.1\"",
            account.as_str(),
        ] {
            assert!(selected.contains(part), "{part}: {selected}");
        }
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!(
                "the broker's log:\n{}\nsshd's:\n{}",
                self.broker.log(),
                self.sshd.log()
            );
        }
    }
}

/// An ssh-agent of an account, with one key.
struct Agent {
    _process: ProcessGroup,
    socket: PathBuf,
    _folder: TempDir,
}

impl Agent {
    fn start(account: &Account, key: &std::path::Path) -> Self {
        let folder = TempDir::with_prefix("ssh-agent-").unwrap();
        let own = folder.path().join("own");
        DirBuilder::new().mode(0o700).create(&own).unwrap();
        chown(&own, Some(account.uid), Some(account.gid)).unwrap();
        fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let socket = own.join("agent");
        let process = ProcessGroup::start(
            Command::new("ssh-agent")
                .args(["-D", "-a"])
                .arg(&socket)
                .uid(account.uid)
                .gid(account.gid)
                .stdin(Stdio::null())
                .stdout(Stdio::null()),
        );
        wait_for("the agent's socket", || socket.exists().then_some(()));
        let added = Command::new("ssh-add")
            .arg("-q")
            .arg(key)
            .env("SSH_AUTH_SOCK", &socket)
            .uid(account.uid)
            .gid(account.gid)
            .status()
            .unwrap();
        assert!(added.success());
        Self {
            _process: process,
            socket,
            _folder: folder,
        }
    }
}

const OFFERED: [&str; 2] = ["office", "terminal"];

#[test]
fn with_a_password_through_a_login_shell_to_a_session() {
    let desk = Desk::start("");
    let account = desk.host.account();
    let client = desk.client("ssh-password", None, &[], &[]);
    client.log_in(&account.name, &account.password);
    assert_eq!(client.profiles(), OFFERED);
    desk.start_a_session(&client);
}

#[test]
fn with_a_password_through_a_forced_command_to_a_session() {
    let desk = Desk::start(FORCED);
    let account = desk.host.account();
    let client = desk.client("ssh-forced", None, &[], &[]);
    client.log_in(&account.name, &account.password);
    assert_eq!(client.profiles(), OFFERED);
    desk.start_a_session(&client);
}

#[test]
fn with_a_key_and_with_an_agent_through_both() {
    for (name, lines) in [("shell", ""), ("forced", FORCED)] {
        let desk = Desk::start(lines);
        let account = desk.host.account();
        let key = desk.sshd.make_key((account.uid, account.gid));
        let user = Some(account.name.as_str());

        let by_key = format!("--broker-ssh-key={}", key.display());
        let client = desk.client(&format!("ssh-key-{name}"), user, &[&by_key], &[]);
        assert_eq!(client.profiles(), OFFERED);
        drop(client);

        let agent = Agent::start(account, &key);
        let socket = agent.socket.display().to_string();
        let environment = [("SSH_AUTH_SOCK", socket.as_str())];
        let client = desk.client(
            &format!("ssh-agent-{name}"),
            user,
            &["--broker-autologin"],
            &environment,
        );
        assert_eq!(client.profiles(), OFFERED);
        assert!(
            !desk.sshd.log().contains("Accepted password"),
            "{}",
            desk.sshd.log()
        );
    }
}
