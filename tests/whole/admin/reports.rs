//! `status`, `hosts`, `tickets` and `log-level`.

use std::process::Command;

use super::{json, said};
use crate::lab::process::wait_for;
use crate::lab::site::{Reach, Site, list, select, ticket};

#[tokio::test(flavor = "multi_thread")]
async fn status_tells_what_the_daemon_is_made_of() {
    let mut site = Site::start(Reach::Tls);
    let server = format!("ldaps://localhost:{}", site.slapd.ldaps_port());
    site.list("alice").await;
    let status = json(&site.broker, &["status"]);
    assert_eq!(status["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(status["pid"], site.broker.process().id());
    assert_eq!(status["listeners"][0], format!("https://{}", site.broker.address));
    assert_eq!(status["profiles"], 3);
    assert_eq!(status["tickets"], 1);
    assert_eq!(status["leases"], 0);
    // The daemon made itself one for ten years.
    let days = status["certificate_days_left"].as_i64().unwrap();
    assert!((3640..=3653).contains(&days), "{days}");
    assert_eq!(status["directory"][0]["server"], server);
    assert_eq!(status["directory"][0]["state"], "up");
    let text = said(&site.broker.ask(&["status"]));
    for part in [
        &server,
        "is up",
        "Certificate:   36",
        "Last reload:   none",
        "Hosts:         1 of 1 up",
        "Keys:          0 pairs ready, 0 keys in use, 0 to remove",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    site.slapd.kill();
    wait_for("status says that the directory is down", || {
        let status = json(&site.broker, &["status"]);
        let server = &status["directory"][0];
        (server["state"] == "down" && server["cause"].is_string()).then_some(())
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn hosts_are_listed_with_their_health_and_leases() {
    let mut site = Site::start(Reach::Plain);
    assert!(
        site.post(&select("office", "alice", ""))
            .await
            .contains("SERVER:127.0.0.1")
    );
    assert!(
        site.post(&select("office", "carol", ""))
            .await
            .contains("SERVER:127.0.0.1")
    );
    let hosts = json(&site.broker, &["hosts"]);
    assert_eq!(hosts.as_array().unwrap().len(), 1);
    for (field, value) in [
        ("farm", "main"),
        ("host", "ts01"),
        ("address", "127.0.0.1"),
        ("health", "up"),
    ] {
        assert_eq!(hosts[0][field], value);
    }
    assert_eq!(hosts[0]["leases"], 2);
    assert_eq!(hosts[0]["weight"], 1.0);
    let text = said(&site.broker.ask(&["hosts"]));
    let mut lines = text.lines();
    assert!(lines.next().unwrap().starts_with("FARM  HOST  ADDRESS"), "{text}");
    assert!(
        lines.next().unwrap().starts_with("main  ts01  127.0.0.1:"),
        "{text}"
    );
    site.host = None;
    wait_for("the host is down", || {
        (json(&site.broker, &["hosts"])[0]["health"] == "down").then_some(())
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn tickets_are_listed_without_anything_that_opens_one_and_revoked_by_user() {
    let site = Site::start(Reach::Plain);
    let reply = site.list("alice").await;
    let ticket = ticket(&reply).to_owned();
    site.list("bob").await;
    let output = site.broker.ask(&["tickets", "--format", "json"]);
    let text = said(&output);
    assert!(
        !text.contains(&ticket) && !text.to_lowercase().contains("hash"),
        "{text}"
    );
    let tickets: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(tickets["accounts"][0]["account"], "ldap:alice");
    assert_eq!(tickets["accounts"][0]["tickets"][0]["client"], "127.0.0.1/32");
    assert_eq!(tickets["accounts"].as_array().unwrap().len(), 2);
    let table = said(&site.broker.ask(&["tickets"]));
    assert!(table.contains("ldap:bob"), "{table}");
    assert_eq!(said(&site.broker.ask(&["tickets", "list"])), table);

    let with_ticket = list("alice", "alice-secret", &ticket);
    let binds = || site.broker.log().matches("\"proof\":\"password\"").count();
    let before = binds();
    site.post(&with_ticket).await;
    assert_eq!(binds(), before, "the ticket counts");
    assert_eq!(
        said(&site.broker.ask(&["tickets", "revoke", "ALICE"])),
        "1 tickets of ldap:alice ended\n"
    );
    site.post(&with_ticket).await;
    assert_eq!(binds(), before + 1, "the ticket counts no more");
    assert_eq!(
        said(&site.broker.ask(&["tickets", "revoke", "nobody-here"])),
        "nobody of that name has a ticket\n"
    );
    assert!(
        site.broker.log().contains("\"task\":\"revoke tickets\""),
        "{}",
        site.broker.log()
    );
    assert_eq!(
        json(&site.broker, &["tickets"])["accounts"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_can_be_made_louder_and_quieter() {
    let site = Site::start(Reach::Plain);
    assert_eq!(said(&site.broker.ask(&["log-level"])), "debug\n");
    let lists = || site.broker.log().matches("\"task\":\"list\"").count();
    let debug_lines = || site.broker.log().matches("DEBUG").count();
    assert_eq!(said(&site.broker.ask(&["log-level", "warn"])), "warn\n");
    let (before, debug) = (lists(), debug_lines());
    site.list("alice").await;
    assert_eq!(lists(), before + 1, "decisions are no noise");
    let off = "warn,audit=off";
    assert_eq!(said(&site.broker.ask(&["log-level", off])), format!("{off}\n"));
    site.list("alice").await;
    assert_eq!(lists(), before + 1);
    assert_eq!(debug_lines(), debug);
    let refused = site.broker.ask(&["log-level", "inof"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("did you mean `info`?"));
    assert_eq!(said(&site.broker.ask(&["log-level", "info"])), "info\n");
    site.list("alice").await;
    assert_eq!(lists(), before + 2);
}

#[test]
fn where_no_daemon_is_the_command_says_so() {
    for command in ["reload", "status", "hosts", "tickets", "log-level"] {
        let output = Command::new(env!("CARGO_BIN_EXE_x2godirector"))
            .args([command, "--socket", "/no/such/admin.sock"])
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(1));
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            said.contains("no daemon answers at /no/such/admin.sock"),
            "{said}"
        );
    }
}
