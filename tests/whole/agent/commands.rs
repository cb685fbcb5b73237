//! What admins set agents up with: `agent-key`, `agent-authorize` and `agent-test`, and what `doctor` says of agents.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::lab::agent::{AgentHost, BrokerKey, REAL_AGENT};
use crate::lab::process::{Process, wait_for};
use crate::lab::x2go_host::X2goHost;

/// A broker's configuration and state, without a broker.
struct Site {
    folder: TempDir,
}

impl Site {
    /// A site with one farm, whose host `ts01` is that one.
    fn new(host: &AgentHost, more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let site = Self { folder };
        fs::create_dir(site.folder.path().join("conf.d")).unwrap();
        let state = site.folder.path().join("state");
        fs::create_dir(&state).unwrap();
        let text = format!(
            "[server]\nstate = \"sqlite://{}/state.db\"\n[directory.ldap]\nurls = [\"ldap://localhost:9\"]\n\
             base_dn = \"dc=example,dc=org\"\n[farm.lab]\nagent = \"ssh\"\n[farm.lab.hosts.ts01]\naddress = \"127.0.0.1\"\n\
             port = {}\n[farm.solo]\nagent = \"local\"\n[farm.solo.hosts.own]\n[farm.plain.hosts.ts09]\n{more}",
            state.display(),
            host.port()
        );
        fs::write(site.folder.path().join("conf.d/50-test.toml"), text).unwrap();
        site
    }

    fn known_hosts(&self) -> PathBuf {
        self.folder.path().join("state/ssh/known_hosts")
    }

    fn key(&self) -> PathBuf {
        self.folder.path().join("state/ssh/id_ed25519")
    }

    /// Runs a command with something to read, and gives its exit code and what it said.
    fn run(&self, arguments: &[&str], admin: Option<&Admin>, typed: &str) -> (Option<i32>, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_x2godirector"));
        command
            .args(arguments)
            .arg("--config")
            .arg(self.folder.path().join("conf.d"))
            .env_remove("SSH_AUTH_SOCK")
            .envs(admin.map(|admin| ("SSH_AUTH_SOCK", admin.socket())))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // One that does not read it may have ended.
        let _ = child.stdin.take().unwrap().write_all(typed.as_bytes());
        let output = child.wait_with_output().unwrap();
        let text =
            String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        (output.status.code(), text)
    }

    fn says(&self, arguments: &[&str], code: i32, words: &str) -> String {
        let (ended, text) = self.run(arguments, None, "");
        assert_eq!(ended, Some(code), "{text}");
        assert!(text.contains(words), "{words}\n{text}");
        text
    }
}

/// An admin with a key in an ssh-agent(1), which hosts let in as root.
struct Admin {
    key: BrokerKey,
    folder: TempDir,
    _agent: Process,
}

impl Admin {
    fn new() -> Self {
        let (key, folder) = (BrokerKey::new(), tempfile::tempdir().unwrap());
        let mut command = Command::new("ssh-agent");
        command.args(["-D", "-a"]).arg(folder.path().join("agent"));
        let agent = Process::start(command, &folder.path().join("log"));
        let admin = Self {
            key,
            folder,
            _agent: agent,
        };
        wait_for("ssh-agent", || admin.socket().exists().then_some(()));
        let added = Command::new("ssh-add")
            .arg("-q")
            .arg(admin.key.settings().private_key)
            .env("SSH_AUTH_SOCK", admin.socket())
            .status();
        assert!(added.unwrap().success());
        admin
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("agent")
    }
}

/// The fingerprint of the host's key, as its admin would print it.
fn fingerprint(host: &AgentHost) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key.pub");
    fs::write(&file, host.host_key()).unwrap();
    let printed = Command::new("ssh-keygen").arg("-lf").arg(&file).output().unwrap();
    let printed = String::from_utf8(printed.stdout).unwrap();
    printed.split(' ').nth(1).unwrap().to_owned()
}

#[test]
fn from_nothing_to_an_agent_that_answers() {
    let x2go = X2goHost::start();
    let account = x2go.account();
    let joined = Command::new("usermod")
        .args(["-aG", "x2gobroker", &account.name])
        .status();
    assert!(joined.unwrap().success());
    let admin = Admin::new();
    let mut host = AgentHost::unauthorized(&account.name, &admin.key);
    let site = Site::new(
        &host,
        &format!("[agent]\nuser = \"{}\"\ntimeout = \"20s\"\n", account.name),
    );

    site.says(
        &["agent-test", "ts01"],
        1,
        "make it with `x2godirector agent-key`",
    );
    site.says(
        &["agent-authorize", "ts01"],
        1,
        "make it with `x2godirector agent-key`",
    );
    let made = site.says(&["agent-key"], 0, "x2godirector agent-authorize HOST");
    assert!(made.starts_with("ssh-ed25519 "), "{made}");
    let mode = fs::metadata(site.key()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let again = site.says(&["agent-key"], 0, "was there already");
    assert_eq!(made.lines().next(), again.lines().next());
    site.says(&["agent-test", "ts01"], 1, "run `x2godirector agent-authorize`");

    let authorize = ["agent-authorize", "ts01"];
    let right = fingerprint(&host);
    let (code, text) = site.run(&authorize, Some(&admin), "no\n");
    assert_eq!(code, Some(1), "{text}");
    assert!(
        text.contains(&right) && text.contains("nothing was done"),
        "{text}"
    );
    let (code, text) = site.run(
        &[&authorize[..], &["--fingerprint", "SHA256:x"]].concat(),
        Some(&admin),
        "",
    );
    assert_eq!(code, Some(1), "{text}");
    assert!(
        text.contains("no key with that fingerprint") && text.contains(&right),
        "{text}"
    );
    assert!(!site.known_hosts().exists(), "nobody is believed yet");

    let keys = account.home.join(".ssh/authorized_keys");
    fs::create_dir(keys.parent().unwrap()).unwrap();
    fs::write(&keys, "ssh-ed25519 AAAAown somebody").unwrap();
    for path in [keys.parent().unwrap(), &keys] {
        std::os::unix::fs::chown(path, Some(account.uid), Some(account.gid)).unwrap();
    }
    let (code, text) = site.run(
        &[&authorize[..], &["--fingerprint", &right]].concat(),
        Some(&admin),
        "",
    );
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("✓ the agent of ts01"), "{text}");
    let public = made.lines().next().unwrap();
    let line = format!("restrict,from=\"127.0.0.1/32\",command=\"{REAL_AGENT}\" {public}");
    let expected = format!("ssh-ed25519 AAAAown somebody\n{line}\n");
    assert_eq!(fs::read_to_string(&keys).unwrap(), expected);
    assert_eq!(fs::metadata(&keys).unwrap().uid(), account.uid);
    let known = fs::read_to_string(site.known_hosts()).unwrap();
    // Nothing is asked of a host that is known, and nothing is there twice.
    let (code, text) = site.run(&authorize, Some(&admin), "");
    assert_eq!(code, Some(0), "{text}");
    assert_eq!(fs::read_to_string(&keys).unwrap(), expected);
    assert_eq!(fs::read_to_string(site.known_hosts()).unwrap(), known);

    let all = site.says(
        &["agent-test", "ts01", "--user", &account.name],
        0,
        " has no session\n",
    );
    for words in [
        "it has all tasks",
        "its load is ",
        &format!("it can act for {}", account.name),
    ] {
        assert!(all.contains(words), "{words}\n{all}");
    }
    site.says(
        &["agent-test", "ts01", "--user", "daemon"],
        1,
        "it does not serve daemon",
    );
    site.says(
        &["doctor"],
        1,
        "The agents of farm lab\n  ✓ the broker's SSH key ",
    );
    nothing_but_the_agent(&site, &host, &account.name);

    host.stop();
    site.says(&["agent-test", "ts01"], 1, "nothing listens on its SSH port");
    host.change_host_key();
    host.start_again();
    site.says(&["agent-test", "ts01"], 1, "its host key is not the one in");
    site.says(&["doctor"], 1, "  ! ts01: the agent cannot be reached: ");
    let (code, text) = site.run(&authorize, Some(&admin), "yes\n");
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("shows another key than the one in"), "{text}");
    assert_eq!(fs::read_to_string(site.known_hosts()).unwrap(), known);
}

/// The key runs no command of its holder's choice.
fn nothing_but_the_agent(site: &Site, host: &AgentHost, user: &str) {
    let tried = Command::new("ssh")
        .args(["-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes", "-i"])
        .arg(site.key())
        .arg("-o")
        .arg(format!("UserKnownHostsFile={}", site.known_hosts().display()))
        .args(["-p", &host.port().to_string(), &format!("{user}@127.0.0.1")])
        .arg("echo let in")
        .output()
        .unwrap();
    let said = [tried.stdout, tried.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(
        !said.contains("let in") && !said.contains("Permission denied"),
        "{said}"
    );
}

#[test]
fn whoever_has_no_root_there_is_told_what_to_do() {
    let admin = Admin::new();
    let host = AgentHost::unauthorized("nobody", &BrokerKey::new());
    let site = Site::new(&host, "");
    site.says(&["agent-key"], 0, "ssh-ed25519 ");
    let (code, text) = site.run(&["agent-authorize", "ts01"], Some(&admin), "yes\n");
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("give --as ") && text.contains("--print"), "{text}");

    let print = ["agent-authorize", "ts01", "--print", "--from", "10.0.0.0/24"];
    let text = site.says(&print, 0, "\nrunuser -u x2gobroker -- sh -euc '\n");
    let keyscan = format!("ssh-keyscan -p {} 127.0.0.1 >", host.port());
    let line = format!("\n# restrict,from=\"10.0.0.0/24\",command=\"{REAL_AGENT}\" ssh-ed25519 ");
    assert!(text.contains(&keyscan) && text.contains(&line), "{text}");
    let script = site.folder.path().join("script");
    fs::write(&script, text).unwrap();
    assert!(
        Command::new("sh")
            .arg("-n")
            .arg(script)
            .status()
            .unwrap()
            .success()
    );

    site.says(
        &["agent-authorize", "ts02"],
        64,
        "there is no host `ts02`; did you mean `ts0",
    );
    site.says(&["agent-authorize", "own"], 1, "on this machine and needs no key");
    site.says(&["agent-test", "ts09"], 1, "write agent = \"ssh\" there");
    site.says(
        &["agent-authorize", "ts01", "--as=-oProxyCommand=x@y"],
        64,
        "write it like root@",
    );
}

#[test]
fn what_a_host_lacks_is_said() {
    let broker = BrokerKey::new();
    let tasks = "addauthkey\ndelauthkey";
    let script = |tasks: &str, sudo: &str| {
        format!(
            "echo OK; case $SSH_ORIGINAL_COMMAND in *availabletasks) echo '{tasks}';; \
             *checkload) printf 'loadavgXX:50\\nmemAvail:900\\nnumCPU:2\\n';; *addauthkey*) {sudo};; esac"
        )
    };
    let host = AgentHost::with_script(&broker, &script(tasks, "echo 'sh: 1: sudo: not found' >&2"));
    let settings = broker.settings();
    let agent = format!(
        "[agent]\nprivate_key = \"{}\"\nknown_hosts = \"{}\"\ntimeout = \"20s\"\n",
        settings.private_key.display(),
        settings.known_hosts.display()
    );
    let site = Site::new(&host, &agent);
    let test = ["agent-test", "ts01", "--user", "alice"];
    let text = site.says(
        &test,
        1,
        "  ! it cannot act for users: there is no sudo on the host",
    );
    for words in [
        "    → install it there: apt-get install sudo\n",
        "  ! it does not have checkload, getservers, listsessions, suspendsession\n    → install x2goserver there",
        "  ✓ its load is 0.50 on 2 processors, and 900 MB of memory can be had\n",
    ] {
        assert!(text.contains(words), "{words}\n{text}");
    }
    let tasks = "addauthkey\ncheckload\ndelauthkey\ngetservers\nlistsessions\nsuspendsession";
    host.replace_script(&script(tasks, "true"));
    site.says(&test, 0, "  ✓ alice has no session\n");
    fs::write(host.authorized_keys(), "").unwrap();
    site.says(&test, 1, "does not let x2gobroker in with the broker's key");
    fs::set_permissions(&settings.private_key, fs::Permissions::from_mode(0o644)).unwrap();
    site.says(&test, 1, "run `chmod 600 ");
}
