//! Changing a password through the door of X2Go Client.

use std::time::Duration;

use super::*;
use crate::lab::site::{list, post_from, profiles, ticket};

/// Whether a list is granted.
async fn granted(site: &Site, user: &str, password: &str, ticket: &str) -> bool {
    let form = list(user, password, ticket);
    site.post(&form).await.contains("Access granted")
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_change_the_old_password_opens_one_ticket_at_one_seat() {
    let mut site = site("");
    let mine = ticket(&site.list("alice").await).to_owned();
    let other = ticket(&site.list("alice").await).to_owned();
    let bobs = ticket(&site.list("bob").await).to_owned();
    let binds = site.slapd.binds(&slapd::person("alice"));

    let change = setpass("alice", "alice-secret", "alices-new-one", &mine);
    assert_eq!(site.post(&change).await, CHANGED);
    assert_eq!(site.slapd.binds(&slapd::person("alice")), binds + 1);
    let decision = last_decision(&site);
    assert!(decision.contains("\"account\":\"ldap:alice\""), "{decision}");
    assert!(decision.contains("\"outcome\":\"granted\""), "{decision}");

    for round in ["before a restart", "after it"] {
        // What X2Go Client 4.1.2.2 goes on sending, and what 4.1.2.4 sends from now on.
        assert!(granted(&site, "alice", "alice-secret", &mine).await, "{round}");
        assert!(granted(&site, "alice", "alices-new-one", &mine).await, "{round}");
        assert_eq!(site.slapd.binds(&slapd::person("alice")), binds + 1, "{round}");
        if round == "before a restart" {
            site.broker = site.broker.kill_and_restart();
        }
    }
    let from_another = list("alice", "alice-secret", &mine);
    let (_, answer) = post_from(site.broker.address, Some([127, 0, 0, 9].into()), &from_another).await;
    assert!(!answer.contains("Access granted"), "{answer}");
    assert_eq!(failures(&site, "alice"), 1, "it was shown to the directory, once");
    for ticket in ["", &other] {
        assert!(!granted(&site, "alice", "alice-secret", ticket).await);
    }
    assert_eq!(failures(&site, "alice"), 1);
    assert!(
        granted(&site, "alice", "alices-new-one", &other).await,
        "by a bind"
    );
    assert!(granted(&site, "bob", "bob-secret", &bobs).await);
    assert_eq!(
        site.slapd.binds(&slapd::person("bob")),
        1,
        "bob's ticket still counts"
    );

    // An administrator's reset ends that ticket too, for both passwords.
    // slapd tells the time of a change to the second, so two within one look like one.
    tokio::time::sleep(Duration::from_millis(1100)).await;
    site.slapd.modify(&format!(
        "dn: {}\nchangetype: modify\nreplace: userPassword\nuserPassword: by-the-admin\n\n",
        slapd::person("alice")
    ));
    for password in ["alice-secret", "alices-new-one"] {
        assert!(!granted(&site, "alice", password, &mine).await, "{password}");
    }
    let log = site.broker.log();
    for secret in ["alice-secret", "alices-new-one", "by-the-admin"] {
        assert!(!log.contains(secret), "{secret} is in the log");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_old_password_is_refused_and_counts_once() {
    let site = site("");
    let ticket = ticket(&site.list("alice").await).to_owned();
    for _ in 0..3 {
        let guess = setpass("alice", "not-the-old-one", "alices-new-one", &ticket);
        let answer = site.post(&guess).await;
        assert!(!answer.contains("Access granted"), "{answer}");
    }
    assert_eq!(failures(&site, "alice"), 1);
    assert!(last_decision(&site).contains("the same wrong password again"));
    assert!(
        granted(&site, "alice", "alice-secret", &ticket).await,
        "nothing was changed"
    );

    let without = site
        .post("task=setpass&newpass=alices-new-one&user=alice&password=&authid=")
        .await;
    assert!(!without.contains("Access granted"), "{without}");
    let empty = setpass("alice", "alice-secret", "", &ticket);
    assert!(!site.post(&empty).await.contains("Access granted"));
    assert!(granted(&site, "alice", "alice-secret", "").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_policy_does_not_take_fails_and_the_audit_says_why() {
    let site = site("");
    let ticket = ticket(&site.list("alice").await).to_owned();
    for (new, why) in [
        ("s3x", "too short"),
        ("alice-secret", "is the old one"),
        ("with%0Aline-end", ""),
    ] {
        let answer = site.post(&setpass("alice", "alice-secret", new, &ticket)).await;
        if why.is_empty() {
            assert!(!answer.contains("Access granted"), "{answer}");
            continue;
        }
        assert_eq!(answer, NOT_CHANGED, "{new}");
        let decision = last_decision(&site);
        assert!(decision.contains(why), "{decision}");
        assert!(decision.contains("\"outcome\":\"refused\""), "{decision}");
        assert!(!site.broker.log().contains(new), "{new} is in the log");
    }
    let change = setpass("alice", "alice-secret", "alices-new-one", &ticket);
    assert_eq!(site.post(&change).await, CHANGED);
    let back = setpass("alice", "alices-new-one", "alice-secret", &ticket);
    assert_eq!(site.post(&back).await, NOT_CHANGED);
    assert!(last_decision(&site).contains("was used before"));
    assert_eq!(failures(&site, "alice"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_account_is_told_apart_in_the_audit_and_changes_nothing() {
    let site = site("");
    for guess in ["one", "two", "three"] {
        assert!(!granted(&site, "bob", guess, "").await);
    }
    assert_eq!(failures(&site, "bob"), 3);
    assert!(!granted(&site, "bob", "bob-secret", "").await);
    assert!(
        last_decision(&site).contains("account locked"),
        "{}",
        last_decision(&site)
    );
    let change = setpass("bob", "bob-secret", "bobs-new-secret", "");
    let answer = site.post(&change).await;
    assert!(!answer.contains("Access granted"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_password_that_was_wrong_before_lets_in_at_once() {
    let site = site("");
    assert!(!granted(&site, "alice", "alices-new-one", "").await);
    let change = setpass("alice", "alice-secret", "alices-new-one", "");
    assert_eq!(site.post(&change).await, CHANGED);
    assert!(granted(&site, "alice", "alices-new-one", "").await);
    assert_eq!(
        profiles(&site.post(&list("alice", "alices-new-one", "")).await),
        ["office", "terminal"]
    );
    assert!(
        !granted(&site, "alice", "alice-secret", "").await,
        "no ticket made the change"
    );
}
