//! The same where PAM checks and changes the passwords: of accounts of this host, and of users of the directory.
//! Makes throw-away accounts, so it takes root.

use std::fs;
use std::time::Duration;

use super::*;
use crate::lab::pam::{PamWorker, RIGHT, ThrowAwayUser, matrix};
use crate::lab::site::{list, post_from, profiles, select, ticket};

const PATIENCE: Duration = Duration::from_secs(30);
const UNIX: &str = "auth required pam_unix.so\naccount required pam_unix.so\npassword required pam_unix.so\n";
const GRANTED: &str = "Access granted";

/// A broker whose accounts are this host's.
fn of_this_host(worker: &PamWorker) -> Broker {
    Broker::start(&format!(
        "[directory]\nsource = \"nss\"\n[farm.main.hosts.ts01]\naddress = \"127.0.0.1\"\n\
         [profile.desk]\nname = \"Desk\"\nfarm = \"main\"\ncommand = \"MATE\"\n\
         [rule.all]\neveryone = true\nprofiles = [\"desk\"]\n{}",
        authentication(worker, PATIENCE)
    ))
}

/// What has PAM check the passwords.
fn authentication(worker: &PamWorker, timeout: Duration) -> String {
    format!(
        "\n[authentication]\nmethods = [\"pam\"]\n[authentication.pam]\nsocket = \"{}\"\ntimeout = \"{}s\"\n",
        worker.path("pam.sock").display(),
        timeout.as_secs()
    )
}

async fn post(broker: &Broker, form: &str) -> String {
    let (status, body) = post_from(broker.address, None, form).await;
    assert_eq!(status, 200, "{body}");
    body
}

fn last_line(broker: &Broker) -> String {
    let log = broker.log();
    let line = log.lines().rfind(|line| line.contains("\"decision\":"));
    line.unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_of_this_host_is_changed_by_its_owner() {
    let user = ThrowAwayUser::new("First-secret-1");
    let worker = PamWorker::start(UNIX, PATIENCE, "");
    let broker = of_this_host(&worker);
    let name = user.name.as_str();
    let mine = ticket(&post(&broker, &list(name, "First-secret-1", "")).await).to_owned();
    let other = ticket(&post(&broker, &list(name, "First-secret-1", "")).await).to_owned();

    let guess = setpass(name, "Not-the-secret-1", "Second-secret-2", &mine);
    assert!(!post(&broker, &guess).await.contains(GRANTED));
    assert!(
        last_line(&broker).contains("wrong password"),
        "{}",
        last_line(&broker)
    );
    let short = setpass(name, "First-secret-1", "x", &mine);
    assert_eq!(post(&broker, &short).await, NOT_CHANGED);
    let said = last_line(&broker);
    assert!(said.contains("longer password"), "the module's own words: {said}");

    let change = setpass(name, "First-secret-1", "Second-secret-2", &mine);
    assert_eq!(post(&broker, &change).await, CHANGED);
    for (password, ticket) in [
        ("First-secret-1", &*mine),
        ("Second-secret-2", &*mine),
        ("Second-secret-2", ""),
    ] {
        let answer = post(&broker, &list(name, password, ticket)).await;
        assert_eq!(profiles(&answer), ["desk"], "{password}");
    }
    for ticket in ["", &*other] {
        let answer = post(&broker, &list(name, "First-secret-1", ticket)).await;
        assert!(!answer.contains(GRANTED), "{answer}");
    }
    for log in [broker.log(), worker.log()] {
        assert!(!log.contains("-secret-"), "{log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_of_this_host_that_must_be_changed_opens_nothing_until_it_is() {
    let user = ThrowAwayUser::new("First-secret-1");
    user.age(&["--lastday", "0"]);
    let worker = PamWorker::start(UNIX, PATIENCE, "");
    let broker = of_this_host(&worker);
    let name = user.name.as_str();
    let answer = post(&broker, &list(name, "First-secret-1", "")).await;
    assert_eq!(profiles(&answer), ["notice-must-change"]);
    let ticket = ticket(&answer).to_owned();
    let selected = select("desk", name, &ticket);
    let selected = selected.replace(&format!("{name}-secret"), "First-secret-1");
    assert!(!post(&broker, &selected).await.contains(GRANTED));
    assert!(last_line(&broker).contains("must be changed"));

    let change = setpass(name, "First-secret-1", "Second-secret-2", &ticket);
    assert_eq!(post(&broker, &change).await, CHANGED);
    let answer = post(&broker, &list(name, "Second-secret-2", "")).await;
    assert_eq!(profiles(&answer), ["desk"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn pam_changes_the_passwords_of_the_directorys_users() {
    let worker = matrix("alice:alice-secret:x2godirector\n");
    let site = site(&authentication(&worker, PATIENCE));
    let ticket = ticket(&site.list("alice").await).to_owned();
    let change = setpass("alice", "alice-secret", "alices-new-one", &ticket);
    assert_eq!(site.post(&change).await, CHANGED);
    let users = fs::read_to_string(worker.path("users")).unwrap();
    assert!(users.contains("alice:alices-new-one"), "{users}");
    for (password, granted) in [("alices-new-one", true), ("alice-secret", false)] {
        let answer = site.post(&list("alice", password, "")).await;
        assert_eq!(answer.contains(GRANTED), granted, "{password}");
    }
    assert_eq!(site.slapd.binds(&slapd::person("alice")), 0);
}

/// The module has both passwords when its process is killed.
#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_ended_unknown_may_have_been_made_and_the_audit_says_so() {
    let soon = Duration::from_secs(2);
    let worker = PamWorker::misbehaving(soon, "");
    let slapd = Slapd::start(&(site::directory() + &slapd::people(&["stuck"])));
    let configuration = site::configuration(&slapd, Reach::Plain, 9) + &authentication(&worker, soon);
    let broker = Broker::start(&configuration);
    let change = setpass("stuck", RIGHT, "a-new-secret", "");
    assert!(!post(&broker, &change).await.contains(GRANTED));
    let said = last_line(&broker);
    assert!(
        said.contains("unavailable") && said.contains("may have been made"),
        "{said}"
    );
}
