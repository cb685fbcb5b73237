//! Who may ask at the socket, whose socket it is, and what a rude peer costs.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Command, Output};

use super::{json, said};
use crate::lab::broker::Broker;
use crate::lab::site::{Reach, configuration, directory};
use crate::lab::slapd::Slapd;

/// The user and the group `nobody` and `nogroup` (base-passwd).
const NOBODY: u32 = 65_534;

/// A broker whose folder others may enter, and a copy of the program that they may run.
fn open_to_all(configuration: &str) -> Broker {
    Broker::start(configuration).open_to_all("program")
}

/// Asks for the status as the user with this id.
fn ask_as(broker: &Broker, uid: u32, gid: u32) -> Output {
    Command::new(broker.folder().join("program"))
        .arg("status")
        .arg("--socket")
        .arg(broker.admin_socket())
        .uid(uid)
        .gid(gid)
        .output()
        .unwrap()
}

#[test]
fn strangers_are_told_that_they_may_not_and_members_may() {
    let slapd = Slapd::start(&directory());
    let good = configuration(&slapd, Reach::Plain, 1);
    let broker = open_to_all(&good);
    let refused = ask_as(&broker, NOBODY, NOBODY);
    assert_eq!(refused.status.code(), Some(1));
    let why = String::from_utf8_lossy(&refused.stderr);
    assert!(
        why.contains("members of the group x2godirector-admin may ask"),
        "{why}"
    );
    let log = broker.log();
    let noted = log
        .lines()
        .find(|line| line.contains("may not ask at the admin socket"));
    assert!(noted.is_some_and(|line| line.contains("65534")), "{log}");

    let broker = open_to_all(&(good + "[server]\nadmin_group = \"nogroup\"\n"));
    said(&ask_as(&broker, NOBODY, NOBODY));
    // daemon is in group daemon and in no other (base-passwd).
    assert_eq!(ask_as(&broker, 1, 1).status.code(), Some(1));
}

#[test]
fn a_member_by_the_group_database_may_ask_whatever_the_group_of_the_process() {
    let slapd = Slapd::start(&directory());
    let good = configuration(&slapd, Reach::Plain, 1);
    let broker = open_to_all(&(good + "[server]\nadmin_group = \"nogroup\"\n"));
    // nobody's group in the user database is nogroup; the process runs with the group daemon and no other.
    said(&ask_as(&broker, NOBODY, 1));
}

#[test]
fn a_second_daemon_is_told_and_a_dead_one_is_replaced() {
    let slapd = Slapd::start(&directory());
    let good = configuration(&slapd, Reach::Plain, 1);
    let broker = Broker::start(&good);
    let other = format!(
        "{good}\n[server]\nadmin_socket = \"{}\"\n",
        broker.admin_socket().display()
    );
    let (code, said) = Broker::fail(&other);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("another daemon has the admin socket"), "{said}");
    assert!(
        json(&broker, &["status"])["pid"].is_number(),
        "the first one still answers"
    );

    let before = json(&broker, &["status"])["pid"].clone();
    let mut broker = broker.kill_and_restart();
    assert_ne!(json(&broker, &["status"])["pid"], before);
    broker.process().signal("TERM");
    assert!(broker.process().wait().success());
    assert!(!broker.admin_socket().exists(), "an orderly end leaves no socket");
}

#[test]
fn rude_peers_are_answered_within_bounds_and_cost_nobody_else_anything() {
    let slapd = Slapd::start(&directory());
    let broker = Broker::start(&configuration(&slapd, Reach::Plain, 1));
    let send = |bytes: &[u8]| {
        let mut stream = UnixStream::connect(broker.admin_socket()).unwrap();
        // A peer that is cut off cannot send it all.
        let _ = stream.write_all(bytes);
        stream
    };
    let answer = |mut stream: UnixStream| {
        let mut text = String::new();
        let _ = stream.read_to_string(&mut text);
        text
    };
    assert!(
        answer(send(b"{\"version\":2,\"body\":\"status\"}\n"))
            .contains("restart the daemon after an upgrade")
    );
    assert!(answer(send(b"{\"version\":1,\"body\":\"format-disk\"}\n")).contains("was not understood"));
    assert_eq!(
        answer(send(&vec![b'x'; 1 << 20])),
        "",
        "cut off without an answer"
    );
    let silent: Vec<_> = (0..20).map(|_| send(b"{\"version\":1,")).collect();
    assert!(json(&broker, &["status"])["pid"].is_number());
    for stream in silent {
        assert_eq!(answer(stream), "", "ended at its deadline");
    }
}
