//! What the broker knows of a farm whose agents say what a test wants, and what clients are told of it.

pub mod keys;
mod resume;
mod site;

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
