//! What the broker knows of a farm whose agents say what a test wants, and what clients are told of it.

pub mod keys;
mod limits;
mod resume;
mod site;
mod trouble;

use serde_json::Value;

use self::site::{Held, OFFICE, Site, command_line};
use crate::admin::json;
use crate::lab::process::wait_for;
use crate::lab::site::{list, post_from};

#[tokio::test(flavor = "multi_thread")]
async fn hosts_tell_of_their_sessions_and_one_that_freezes_gets_no_more() {
    let lab = Site::start(83, "", "");
    for number in 0..2 {
        assert_eq!(lab.host(number)["trouble"], Value::Null);
    }
    // carol's session is seen on the host of her lease, and with it everybody's are counted.
    let at = lab.select("office", "carol").await;
    let server = if at.ends_with('1') {
        "ts01"
    } else {
        "TS02.example.org"
    };
    let held = |user, server| Held {
        user,
        kind: "DMATE",
        server,
    };
    lab.database.hold(&[
        held("carol", server),
        held("mallory", "ts01"),
        held("trent", "elsewhere"),
    ]);
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

#[tokio::test(flavor = "multi_thread")]
async fn what_a_host_should_not_have_listed_is_dropped_and_audited() {
    let lab = Site::start(82, "", "");
    let line = |id: &str, server: &str, client: &str, owner: &str| {
        format!(
            "4711|{id}-50-1700000000_stDMATE_dp24|50|{server}|R|2026-03-02T09:00:00|0123456789abcdef|{client}|30001|\
             30002|2026-03-02T09:00:00|{owner}|60|30003|-1|-1\n"
        )
    };
    // The agent lists every line that has alice's name somewhere.
    lab.database.hold_lines(
        &[
            line("bob", "ts01", "alice", "bob"),
            line("alice", "ts01\u{1b}[31m", "10.1.2.3", "alice"),
            line("alice", "SERVER:evil", "10.1.2.3", "alice"),
            line("bob", "ts01", "10.1.2.3", "alice"),
            line("alice", "elsewhere", "10.1.2.3", "alice"),
        ]
        .concat(),
    );
    let audited = || {
        let log = lab.broker.log();
        let lines = log
            .lines()
            .filter(|line| line.contains("\"task\":\"host sessions\""));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    for _ in 0..3 {
        let answer = lab.post(&list("alice", "alice-secret", "")).await;
        assert!(
            answer.contains("[office]") && !answer.contains("running="),
            "{answer}"
        );
        let answer = lab.selected("office", "alice").await;
        assert!(!answer.contains("SESSION_INFO"), "{answer}");
        assert!(!answer.contains("evil"), "{answer}");
    }
    let lines = wait_for("a line in the audit log", || {
        let lines = audited();
        (!lines.is_empty()).then_some(lines)
    });
    for line in &lines {
        let cause = "not believed: 2 lines of another user, 1 line with control characters, \
                     1 line with words of the broker protocol, 1 line of sessions on a host that it does not speak for";
        assert!(line.contains(&format!("\"cause\":\"{cause}\"")), "{line}");
        assert!(
            line.contains("\"about\":\"sessions of alice, told by main/ts0"),
            "{line}"
        );
        assert!(
            line.contains("\"door\":\"agent\"") && line.contains("\"outcome\":\"refused\""),
            "{line}"
        );
    }
    // Each host is spoken of once, however often it is asked.
    assert!(lines.len() <= 2, "{lines:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_is_killed_leaves_no_connection_behind() {
    let mut lab = Site::start(81, "", "");
    let connections = lab.connections();
    assert_eq!(connections.len(), 2);
    lab.broker.process().signal("KILL");
    wait_for("the end of its ssh", || {
        let left = connections
            .iter()
            .any(|pid| command_line(*pid).contains("ControlMaster"));
        (!left).then_some(())
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_with_another_key_is_told_nothing_and_gets_nothing_new() {
    let mut lab = Site::start(80, "", "autologin = true");
    lab.database.hold(&[OFFICE]);
    lab.hosts[0].stop();
    lab.hosts[0].change_host_key();
    lab.hosts[0].start_again();
    wait_for("hosts says what is wrong", || {
        let trouble = lab.host(0)["trouble"].as_str()?.to_owned();
        trouble.contains("its host key is not the one in").then_some(())
    });
    let wait = std::time::Duration::from_secs(120);
    crate::lab::process::patiently(wait, || (lab.host(0)["health"] == "silent").then_some(()))
        .expect("the host counts as silent");
    for user in ["alice", "carol"] {
        assert_eq!(lab.select("office", user).await, "127.0.80.2");
    }
    assert_eq!(lab.hosts[0].logins(), 0, "nobody logged in there");
    let address = format!(" {} ", lab.address(1));
    assert!(!lab.database.keys().contains(&address), "{}", lab.database.keys());
}
