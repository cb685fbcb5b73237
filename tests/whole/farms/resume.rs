//! Sessions that go on where they are: what lists and selects say of them while hosts come and go.

use super::keys::{CLIENTS_KEY, select_with_key};
use super::site::{OFFICE, Site, server};
use crate::lab::process::wait_for;
use crate::lab::site::list;

/// The fields of the only session in an answer.
fn session(answer: &str) -> Vec<&str> {
    let lines: Vec<_> = answer
        .lines()
        .filter_map(|line| line.strip_prefix("SESSION_INFO:"))
        .collect();
    assert_eq!(lines.len(), 1, "{answer}");
    lines.iter().flat_map(|line| line.split('|')).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_resumed_on_a_host_that_drains_and_hidden_on_one_that_is_down() {
    let mut site = Site::start(84, "[notices]\nno_host = true", "");
    let (ts01, ts02) = (site.address(1), site.address(2));
    site.database.hold(&[OFFICE]);
    let drained = site.broker.ask(&["drain", "ts01"]);
    assert!(drained.status.success(), "{drained:?}");

    // Only the profile that began it has it.
    let listed = site.post(&list("alice", "alice-secret", "")).await;
    assert_eq!(listed.matches("running=1").count(), 1, "{listed}");
    let answer = site.selected("office", "alice").await;
    let fields = session(&answer);
    assert_eq!((fields[3], fields[4]), (ts01.as_str(), "R"), "{answer}");
    assert_eq!(server(&answer), ts02, "nothing new starts on a host that drains");
    assert_eq!(site.select("xfce", "bob").await, ts02);

    // Nothing takes anything new: what there is goes on all the same.
    let drained = site.broker.ask(&["drain", "ts02"]);
    assert!(drained.status.success(), "{drained:?}");
    let answer = site.selected("office", "alice").await;
    assert_eq!(server(&answer), "No servers available", "{answer}");
    assert_eq!(session(&answer)[3], ts01);
    assert_eq!(site.select("terminal", "alice").await, "No servers available");
    for (user, told) in [("alice", true), ("erin", false)] {
        let listed = site.post(&list(user, &format!("{user}-secret"), "")).await;
        assert_eq!(listed.contains("[notice-no-host]"), told, "{listed}");
    }

    site.broker.ask(&["undrain", "ts02"]);
    site.hosts[0].stop();
    wait_for("the host is known to be down", || {
        (site.host(0)["health"] == "down").then_some(())
    });
    let listed = site.post(&list("alice", "alice-secret", "")).await;
    assert!(
        listed.contains("[office]") && !listed.contains("running="),
        "{listed}"
    );
    assert!(!listed.contains("notice-"), "there is room again: {listed}");
    let answer = site.selected("office", "alice").await;
    assert_eq!(server(&answer), ts02);
    assert!(!answer.contains("SESSION_INFO"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_session_is_suspended_and_clients_with_keys_are_sent_to_it() {
    let site = Site::start(
        85,
        "suspend_running = true\n[keys]\nclient_keys = true",
        "autologin = true",
    );
    site.database.hold(&[OFFICE]);
    let answer = site.selected("office", "alice").await;
    assert_eq!(session(&answer)[4], "S", "{answer}");
    assert!(!site.database.text().contains("|R|"), "{}", site.database.text());

    // Another profile suspends nothing of it.
    site.database.hold(&[OFFICE]);
    site.selected("terminal", "alice").await;
    assert!(site.database.text().contains("|R|"), "{}", site.database.text());

    let (_, answer) = site.post_json(&select_with_key("office", "alice")).await;
    let session = &answer["selected_session"];
    assert_eq!(session["server"], site.address(1), "{answer}");
    assert_eq!(session["authentication_pubkey"], "ACCEPTED");
    let line = site.database.keys();
    let line = line
        .lines()
        .rfind(|line| line.contains(CLIENTS_KEY))
        .unwrap_or_else(|| panic!("no such key: {line}"));
    assert!(line.contains(&format!(" {} ", site.address(1))), "{line}");
    assert!(line.contains(" alice addauthkey "), "{line}");
    assert!(
        !line.contains("desk"),
        "only type and key are the client's: {line}"
    );
}
