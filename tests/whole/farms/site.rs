//! A site whose farm has two hosts with agents of the test's own: sshd on two addresses of loopback, and one session
//! database, which is a file.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use serde_json::Value;
use tempfile::TempDir;

use crate::admin::json;
use crate::lab::agent::{AgentHost, BrokerKey, children_of};
use crate::lab::broker::Broker;
use crate::lab::https::{HttpsClient, Trust};
use crate::lab::process::wait_for;
use crate::lab::site::{Reach, configuration, directory, post_from, select};
use crate::lab::slapd::{Slapd, free_port};

/// The people, profiles and rules of [`crate::lab::site`], and a farm that knows of its sessions.
pub struct Site {
    /// The broker.
    pub broker: Broker,
    /// `ts01` and `ts02`.
    pub hosts: Vec<AgentHost>,
    /// Their session database.
    pub database: SessionDatabase,
    network: u8,
    _slapd: Slapd,
    _key: BrokerKey,
}

/// A session database that the agents of several hosts read and write: a line for each session, as x2golistsessions
/// has them.
pub struct SessionDatabase(TempDir);

/// The session of alice that her profile `office` began, on `ts01`.
pub const OFFICE: Held<'static> = Held {
    user: "alice",
    kind: "DMATE",
    server: "ts01",
};

/// A session in it.
pub struct Held<'a> {
    /// Whose.
    pub user: &'a str,
    /// What runs in it, as its id has it.
    pub kind: &'a str,
    /// The name that its host has for itself.
    pub server: &'a str,
}

impl SessionDatabase {
    fn new() -> Self {
        let folder = TempDir::with_prefix("x2godirector-sessions-").unwrap();
        fs::set_permissions(folder.path(), Permissions::from_mode(0o777)).unwrap();
        fs::write(folder.path().join("sessions"), "").unwrap();
        let program = format!(
            "#!/bin/sh\n\
             words=$(printf %s \"$SSH_ORIGINAL_COMMAND\" | tr -d \"'\\\"\")\n\
             set -- $words\n\
             cd {folder}\n\
             echo OK\n\
             case $3 in\n\
             checkload) printf 'loadavgXX:50\\nmemAvail:1000\\nmyMemAvail:1000\\nnumCPU:2\\ntypeCPU:2000\\n' ;;\n\
             getservers) cut -d '|' -f 4 sessions | sort | uniq -c | while read n s; do echo \"$s $n\"; done ;;\n\
             listsessions) grep \"|$2|\" sessions ;;\n\
             suspendsession) sed \"/|$4|/s/|R|/|S|/\" sessions > new.$$ && mv new.$$ sessions ;;\n\
             addauthkey|delauthkey) echo \"${{SSH_CONNECTION% *}} $words\" >> keys ;;\n\
             esac\n\
             exit 0\n",
            folder = folder.path().display()
        );
        let agent = folder.path().join("agent");
        fs::write(&agent, program).unwrap();
        fs::set_permissions(&agent, Permissions::from_mode(0o755)).unwrap();
        Self(folder)
    }

    fn agent(&self) -> PathBuf {
        self.0.path().join("agent")
    }

    /// Has its agents do that instead of answering.
    pub fn misbehave(&self, command: &str) {
        let new = self.0.path().join("new-agent");
        fs::write(&new, format!("#!/bin/sh\n{command}\n")).unwrap();
        fs::set_permissions(&new, Permissions::from_mode(0o755)).unwrap();
        fs::rename(new, self.agent()).unwrap();
    }

    /// Notes that there are these sessions, which run, and no others.
    pub fn hold(&self, sessions: &[Held<'_>]) {
        let line = |Held { user, kind, server }: &Held<'_>| {
            format!(
                "4711|{user}-50-1700000000_st{kind}_dp24|50|{server}|R|2026-03-02T09:00:00|0123456789abcdef|127.0.0.1|30001|\
                 30002|2026-03-02T09:00:00|{user}|60|30003|-1|-1\n"
            )
        };
        self.hold_lines(&sessions.iter().map(line).collect::<String>());
    }

    /// Has these lines and no others, whatever they are.
    pub fn hold_lines(&self, text: &str) {
        // In one step, for it is being read.
        let new = self.0.path().join("new");
        fs::write(&new, text).unwrap();
        fs::rename(new, self.0.path().join("sessions")).unwrap();
    }

    /// All of it.
    pub fn text(&self) -> String {
        fs::read_to_string(self.0.path().join("sessions")).unwrap()
    }

    /// Those of [`SessionDatabase::keys`] that place a key.
    pub fn placed(&self) -> Vec<String> {
        let keys = self.keys();
        let placed = keys.lines().filter(|line| line.contains(" addauthkey "));
        placed.map(str::to_owned).collect()
    }

    /// The commands about keys that came to the agents: the addresses and ports of both ends of the connection, and
    /// what was asked for.
    pub fn keys(&self) -> String {
        fs::read_to_string(self.0.path().join("keys")).unwrap_or_default()
    }
}

impl Site {
    /// Starts it at 127.0.`network`.1 and .2, which no other test may have. `farm` stands in the farm's table and may
    /// begin others behind it, with `{port}` for the SSH port of both hosts; `profile` stands in that of what all
    /// profiles have.
    pub fn start(network: u8, farm: &str, profile: &str) -> Self {
        let database = SessionDatabase::new();
        let (slapd, key, port) = (Slapd::start(&directory()), BrokerKey::new(), free_port());
        let program = database.agent();
        let hosts = [1, 2].map(|number| {
            let address = format!("127.0.{network}.{number}");
            AgentHost::start_at(&key, &address, port, program.to_str().unwrap())
        });
        let settings = key.settings();
        let farm = farm.replace("{port}", &port.to_string());
        let farm = format!(
            "[agent]\nprivate_key = \"{}\"\nknown_hosts = \"{}\"\ntimeout = \"2s\"\n\
             [farm.main]\nagent = \"ssh\"\n{farm}\n",
            settings.private_key.display(),
            settings.known_hosts.display()
        );
        let hosts_of_farm = (1..=2).map(|number| {
            format!(
                "[farm.main.hosts.ts0{number}]\naddress = \"127.0.{network}.{number}\"\nport = {port}\n\
                 hostname = \"ts0{number}.example.org\"\nsession_database = \"lab\"\n"
            )
        });
        let one_host = format!("[farm.main.hosts.ts01]\naddress = \"127.0.0.1\"\nport = {port}\n");
        let configuration = configuration(&slapd, Reach::Plain, port)
            .replace(&one_host, &(farm + &hosts_of_farm.collect::<String>()))
            .replace(
                "[profile_defaults]\n",
                &format!("[profile_defaults]\n{profile}\n"),
            );
        let farm = Self {
            broker: Broker::start(&configuration),
            hosts: hosts.into(),
            database,
            network,
            _slapd: slapd,
            _key: key,
        };
        for number in 0..2 {
            wait_for("both agents told", || {
                farm.host(number)["load"].is_object().then_some(())
            });
        }
        farm
    }

    /// The processes of ssh(1) with which the broker holds its connections.
    pub fn connections(&mut self) -> Vec<u32> {
        let ssh = |pid: &u32| command_line(*pid).contains("ControlMaster=yes");
        children_of(self.broker.process().id())
            .into_iter()
            .filter(ssh)
            .collect()
    }

    /// What `hosts` says of a host.
    pub fn host(&self, number: usize) -> Value {
        json(&self.broker, &["hosts"])[number].clone()
    }

    /// The address of `ts01` or `ts02`.
    pub fn address(&self, number: u8) -> String {
        format!("127.0.{}.{number}", self.network)
    }

    /// Posts a form and gives the answer.
    pub async fn post(&self, form: &str) -> String {
        let (status, answer) = post_from(self.broker.address, None, form).await;
        assert_eq!(status, 200, "{answer}");
        answer
    }

    /// Posts a form at the JSON door and gives the status and the object of the answer.
    pub async fn post_json(&self, form: &str) -> (u16, Value) {
        let mut client = HttpsClient::connect(self.broker.address, Trust::Anybody, None)
            .await
            .unwrap();
        let answer = client.post_form("/json/", form).await.unwrap();
        (answer.status, serde_json::from_str(answer.text()).unwrap())
    }

    /// Selects as somebody and gives the answer.
    pub async fn selected(&self, profile: &str, user: &str) -> String {
        self.post(&select(profile, user, "")).await
    }

    /// Selects as somebody and gives the address of the host in the answer.
    pub async fn select(&self, profile: &str, user: &str) -> String {
        server(&self.selected(profile, user).await).to_owned()
    }
}

/// The command line of a process; empty if it is gone.
pub fn command_line(pid: u32) -> String {
    let words = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&words).replace('\0', " ")
}

/// The host of an answer for something new.
pub fn server(answer: &str) -> &str {
    let line = answer.lines().find_map(|line| line.strip_prefix("SERVER:"));
    let line = line.unwrap_or_else(|| panic!("no host: {answer}"));
    line.split(':').next().unwrap()
}
