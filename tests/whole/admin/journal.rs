//! What goes to systemd's journal where the broker is started by systemd.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::said;
use crate::lab::broker::Broker;
use crate::lab::journald::Journald;
use crate::lab::site::{Reach, configuration, directory, list, post_from};
use crate::lab::slapd::Slapd;

/// An entry of a journal, by the names of its fields.
type Entry = BTreeMap<String, String>;

/// A socket that takes entries as journald does.
struct Journal {
    socket: UnixDatagram,
}

impl Journal {
    fn bind(path: &Path) -> Self {
        let socket = UnixDatagram::bind(path).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        Self { socket }
    }

    /// The next entry.
    fn next(&self) -> Entry {
        let mut bytes = vec![0; 1 << 18];
        loop {
            let length = self.socket.recv(&mut bytes).expect("an entry");
            if length > 0 {
                return read(&bytes[..length]);
            }
        }
    }

    /// The next entry whose message holds that.
    fn next_with(&self, text: &str) -> Entry {
        loop {
            let entry = self.next();
            if entry["MESSAGE"].contains(text) {
                return entry;
            }
        }
    }
}

/// Reads an entry by the journal's native protocol: `NAME=value`, or the name, a length of eight bytes and the value.
fn read(mut bytes: &[u8]) -> Entry {
    let mut entry = Entry::new();
    while !bytes.is_empty() {
        let end = bytes
            .iter()
            .position(|byte| *byte == b'\n')
            .expect("end of a line");
        let line = str::from_utf8(&bytes[..end]).unwrap();
        bytes = &bytes[end + 1..];
        let (name, value) = match line.split_once('=') {
            Some((name, value)) => (name, value.to_owned()),
            None => {
                let (length, rest) = bytes.split_at(8);
                let length = usize::try_from(u64::from_le_bytes(length.try_into().unwrap())).unwrap();
                bytes = &rest[length + 1..];
                (line, String::from_utf8(rest[..length].to_vec()).unwrap())
            }
        };
        let is_name = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
        assert!(!name.starts_with('_') && name.chars().all(is_name), "{name}");
        entry.insert(name.to_owned(), value);
    }
    entry
}

/// A broker whose standard error is said to be the journal.
fn start() -> (Slapd, Journal, Broker) {
    let slapd = Slapd::start(&directory());
    let folder = Broker::folder_for(&configuration(&slapd, Reach::Plain, 1));
    let journal = Journal::bind(&folder.path().join("journal"));
    let environment = environment(folder.path(), &folder.path().join("journal"));
    let broker = Broker::serve_in(folder, "info", &environment, || {
        journal.next_with("listening on https://")["MESSAGE"].clone()
    });
    (slapd, journal, broker)
}

/// What tells a broker in that folder that its standard error is the journal that listens there.
fn environment(folder: &Path, journal: &Path) -> [(&'static str, String); 2] {
    // Made now, and written to by the broker from its start on: the same file.
    let log = File::create(folder.join("log")).unwrap().metadata().unwrap();
    [
        ("JOURNAL_STREAM", format!("{}:{}", log.dev(), log.ino())),
        ("X2GODIRECTOR_JOURNAL_SOCKET", journal.display().to_string()),
    ]
}

/// The commands of docs/operating.md, with systemd's own journal.
#[tokio::test(flavor = "multi_thread")]
async fn journalctl_finds_decisions_by_their_fields() {
    let journald = Journald::start();
    let slapd = Slapd::start(&directory());
    let folder = Broker::folder_for(&configuration(&slapd, Reach::Plain, 1));
    let environment = environment(folder.path(), &journald.socket());
    let broker = Broker::serve_in(folder, "debug", &environment, || {
        let text = |entry: &serde_json::Value| entry["MESSAGE"].as_str().unwrap_or_default().to_owned();
        crate::lab::process::wait_for("the broker listens", || {
            let entries = journald.entries(1, &["SYSLOG_IDENTIFIER=x2godirector"]);
            entries
                .iter()
                .map(text)
                .find(|text| text.contains("listening on https://"))
        })
    });
    post_from(broker.address, None, &list("alice", "alice-secret", "")).await;
    post_from(broker.address, None, &list("alice", "wrong", "")).await;
    // A name that would turn a line around and end it, where it is not written otherwise.
    post_from(
        broker.address,
        None,
        &list("al%E2%80%AEice%E2%80%A8x", "wrong", ""),
    )
    .await;

    let granted = &journald.entries(1, &["TARGET=audit", "USER=ldap:alice"])[0];
    for (field, value) in [
        ("OUTCOME", "granted"),
        ("TASK", "list"),
        ("DOOR", "plain"),
        ("CLIENT", "127.0.0.1"),
        ("PRIORITY", "6"),
        ("SYSLOG_IDENTIFIER", "x2godirector"),
    ] {
        assert_eq!(granted[field], value, "{granted}");
    }
    let refused = journald.entries(2, &["TARGET=audit", "OUTCOME=refused"]);
    let id = refused[0]["DECISION_ID"].as_str().unwrap();
    let of_request = journald.entries(2, &[&format!("DECISION_ID={id}")]);
    let targets: Vec<_> = of_request
        .iter()
        .map(|entry| entry["TARGET"].as_str().unwrap())
        .collect();
    assert!(
        targets.iter().any(|target| *target != "audit"),
        "what was logged on the way has the id too: {targets:?}"
    );

    let text = journald.ctl(&["--output=cat", "TARGET=audit"]);
    assert!(
        !text.contains(['\u{202e}', '\u{2028}']),
        "{}",
        text.escape_unicode()
    );
    let mut audit = Command::new(env!("CARGO_BIN_EXE_x2godirector"))
        .args(["audit", "-", "--user", "alice"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    audit.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let shown = said(&audit.wait_with_output().unwrap());
    assert!(
        shown.contains("ldap:alice") && shown.lines().count() == 2,
        "{shown}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_is_an_entry_with_fields() {
    let (_slapd, journal, broker) = start();
    post_from(broker.address, None, &list("alice", "alice-secret", "")).await;
    let entry = journal.next_with("\"task\":\"list\"");
    let line: serde_json::Value = serde_json::from_str(&entry["MESSAGE"]).expect("the line and nothing else");
    assert_eq!(entry["DECISION_ID"], line["decision"].as_str().unwrap());
    assert_eq!(entry["USER"], "ldap:alice");
    assert_eq!(entry["OUTCOME"], "granted");
    assert_eq!(entry["DOOR"], "plain");
    assert_eq!(entry["CLIENT"], "127.0.0.1");
    assert_eq!(entry["TARGET"], "audit");
    assert_eq!(entry["PRIORITY"], "6");
    assert_eq!(entry["SYSLOG_IDENTIFIER"], "x2godirector");
    assert!(!format!("{entry:?}").contains("secret"));
    assert_eq!(broker.log(), "", "nothing goes there twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_filter_counts_there_too_and_a_request_names_itself() {
    let (_slapd, journal, broker) = start();
    said(&broker.ask(&["log-level", "debug"]));
    post_from(broker.address, None, &list("alice", "wrong", "")).await;
    let about_bind = journal.next_with("the directory refused a bind");
    assert_eq!(about_bind["PRIORITY"], "7");
    assert_eq!(about_bind["TASK"], "list");
    let decision = journal.next_with("\"task\":\"list\"");
    assert_eq!(about_bind["DECISION_ID"], decision["DECISION_ID"]);
    assert_eq!(decision["OUTCOME"], "refused");
    // However quiet the log is, decisions are written.
    said(&broker.ask(&["log-level", "error"]));
    post_from(broker.address, None, &list("bob", "wrong", "")).await;
    loop {
        let entry = journal.next();
        if entry["MESSAGE"].contains("\"task\":\"list\"") {
            assert!(entry["MESSAGE"].contains("bob"), "{entry:?}");
            break;
        }
        assert!(!entry["MESSAGE"].contains("refused a bind"), "{entry:?}");
    }
}
