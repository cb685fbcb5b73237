//! What the broker knows of a farm: sshd with agents that a test wrote, on two addresses of loopback, with one session
//! database.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use serde_json::Value;
use tempfile::TempDir;

use crate::admin::json;
use crate::lab::agent::{AgentHost, BrokerKey};
use crate::lab::broker::Broker;
use crate::lab::process::wait_for;
use crate::lab::site::{Reach, configuration, directory, list, post_from, select};
use crate::lab::slapd::{Slapd, free_port};

/// A site whose farm has two hosts with agents.
struct Lab {
    broker: Broker,
    hosts: Vec<AgentHost>,
    database: SessionDatabase,
    _slapd: Slapd,
    _key: BrokerKey,
}

/// A session database that the agents of several hosts read: a line for each session, as x2golistsessions has them.
struct SessionDatabase(TempDir);

impl SessionDatabase {
    fn new() -> Self {
        let folder = TempDir::with_prefix("x2godirector-sessions-").unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        fs::write(folder.path().join("sessions"), "").unwrap();
        let program = format!(
            "#!/bin/sh\n\
             set -- $(printf %s \"$SSH_ORIGINAL_COMMAND\" | tr -d \"'\\\"\")\n\
             sessions={folder}/sessions\n\
             echo OK\n\
             case $3 in\n\
             checkload) printf 'loadavgXX:50\\nmemAvail:1000\\nmyMemAvail:1000\\nnumCPU:2\\ntypeCPU:2000\\n' ;;\n\
             getservers) cut -d '|' -f 4 \"$sessions\" | sort | uniq -c | while read n s; do echo \"$s $n\"; done ;;\n\
             listsessions) grep \"|$2|\" \"$sessions\" ;;\n\
             esac\n\
             exit 0\n",
            folder = folder.path().display()
        );
        let agent = folder.path().join("agent");
        fs::write(&agent, program).unwrap();
        fs::set_permissions(&agent, fs::Permissions::from_mode(0o755)).unwrap();
        Self(folder)
    }

    fn agent(&self) -> PathBuf {
        self.0.path().join("agent")
    }

    /// Notes that these users have a session on these servers, and nobody else.
    fn hold(&self, sessions: &[(&str, &str)]) {
        let line = |(user, server): &(&str, &str)| {
            format!(
                "4711|{user}-50-1700000000_stDXFCE_dp24|50|{server}|R|2026-03-02T09:00:00|0123456789abcdef|127.0.0.1|30001|\
                 30002|2026-03-02T09:00:00|{user}|60|30003|-1|-1\n"
            )
        };
        let text: String = sessions.iter().map(line).collect();
        // In one step, for it is being read.
        let new = self.0.path().join("new");
        fs::write(&new, text).unwrap();
        fs::rename(new, self.0.path().join("sessions")).unwrap();
    }
}

impl Lab {
    fn start() -> Self {
        let database = SessionDatabase::new();
        let (slapd, key, port) = (Slapd::start(&directory()), BrokerKey::new(), free_port());
        let program = database.agent();
        let addresses = ["127.0.83.1", "127.0.83.2"];
        let hosts =
            addresses.map(|address| AgentHost::start_at(&key, address, port, program.to_str().unwrap()));
        let settings = key.settings();
        let farm = format!(
            "[agent]\nprivate_key = \"{}\"\nknown_hosts = \"{}\"\ntimeout = \"2s\"\n\
             [farm.main]\nagent = \"ssh\"\n",
            settings.private_key.display(),
            settings.known_hosts.display()
        );
        let hosts_of_farm = (1..=2).map(|number| {
            format!(
                "[farm.main.hosts.ts0{number}]\naddress = \"127.0.83.{number}\"\nport = {port}\n\
                 hostname = \"ts0{number}.example.org\"\nsession_database = \"lab\"\n"
            )
        });
        let one_host = format!("[farm.main.hosts.ts01]\naddress = \"127.0.0.1\"\nport = {port}\n");
        let configuration = configuration(&slapd, Reach::Plain, port)
            .replace(&one_host, &(farm + &hosts_of_farm.collect::<String>()));
        Self {
            broker: Broker::start(&configuration),
            hosts: hosts.into(),
            database,
            _slapd: slapd,
            _key: key,
        }
    }

    /// What `hosts` says of a host.
    fn host(&self, number: usize) -> Value {
        json(&self.broker, &["hosts"])[number].clone()
    }

    /// Selects as somebody and gives the address of the host in the answer.
    async fn select(&self, profile: &str, user: &str) -> String {
        let (status, answer) = post_from(self.broker.address, None, &select(profile, user, "")).await;
        assert_eq!(status, 200);
        let line = answer.lines().find_map(|line| line.strip_prefix("SERVER:"));
        let line = line.unwrap_or_else(|| panic!("no host: {answer}"));
        line.split(':').next().unwrap().to_owned()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hosts_tell_of_their_sessions_and_one_that_freezes_gets_no_more() {
    let lab = Lab::start();
    for number in 0..2 {
        wait_for("both agents told", || {
            lab.host(number)["load"].is_object().then_some(())
        });
        assert_eq!(lab.host(number)["trouble"], Value::Null);
    }
    // carol's session is seen on the host of her lease, and with it everybody's are counted.
    let at = lab.select("office", "carol").await;
    let server = if at.ends_with('1') {
        "ts01"
    } else {
        "TS02.example.org"
    };
    lab.database
        .hold(&[("carol", server), ("mallory", "ts01"), ("trent", "elsewhere")]);
    let sessions = wait_for("carol's session is seen", || {
        let sessions = json(&lab.broker, &["sessions", "--user", "Carol"]);
        (sessions["sessions"][0]["state"] == "running").then_some(sessions)
    });
    assert_eq!(sessions["sessions"].as_array().unwrap().len(), 1, "{sessions}");
    assert_eq!(sessions["sessions"][0]["account"], "ldap:carol");
    wait_for("sessions are counted", || {
        let count = |number| lab.host(number)["sessions"].as_u64();
        (count(0)? + count(1)? == 2).then_some(())
    });
    lab.hosts[0].signal_all("STOP");
    // Nobody knows yet that it is frozen. Every login has its answer; one that was slow would have lost its
    // connection.
    for _ in 0..5 {
        for user in ["alice", "bob", "carol"] {
            let (status, answer) = post_from(
                lab.broker.address,
                None,
                &list(user, &format!("{user}-secret"), ""),
            )
            .await;
            assert!(status == 200 && answer.contains("Access granted"), "{answer}");
        }
        lab.select("office", "alice").await;
    }
    let wait = std::time::Duration::from_secs(120);
    crate::lab::process::patiently(wait, || (lab.host(0)["health"] == "silent").then_some(()))
        .expect("the frozen host is known to be silent");
    assert_eq!(lab.select("xfce", "bob").await, "127.0.83.2");
    assert!(lab.host(0)["trouble"].is_string());
    lab.hosts[0].signal_all("CONT");
    wait_for("it is found again", || {
        (lab.host(0)["health"] == "up").then_some(())
    });
}
