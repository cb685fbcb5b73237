//! What a login tells of a password that ends.

use super::*;
use crate::lab::site::{list, profiles, select, ticket};

#[tokio::test(flavor = "multi_thread")]
async fn a_password_that_expires_soon_is_told_of_beside_the_profiles() {
    let site = site("");
    let soon = site.list("soon").await;
    assert_eq!(profiles(&soon), ["notice-password", "office", "terminal"]);
    assert_eq!(names(&soon)[0], "Your password expires. Days left: 3");
    let decision = last_decision(&site);
    assert!(
        decision.contains("\"profiles\":[\"office\",\"terminal\"]"),
        "{decision}"
    );
    assert!(
        decision.contains("\"notices\":[\"notice-password\"]"),
        "{decision}"
    );

    // A list by ticket, after which the directory was not asked about the password, says the same.
    let again = list("soon", "soon-secret", ticket(&soon));
    assert_eq!(names(&site.post(&again).await), names(&soon));
    assert_eq!(site.slapd.binds(&slapd::person("soon")), 1);

    // The directory warns from twenty days on, the broker from fourteen.
    assert_eq!(profiles(&site.list("later").await), ["office", "terminal"]);
    assert_eq!(profiles(&site.list("alice").await), ["office", "terminal"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn grace_logins_are_counted_down_by_logins_alone() {
    let site = site("");
    let first = site.list("grace").await;
    assert_eq!(names(&first)[0], "Your password has expired. Logins left: 4");
    let with_ticket = list("grace", "grace-secret", ticket(&first));
    assert_eq!(names(&site.post(&with_ticket).await), names(&first));
    assert_eq!(
        names(&site.list("grace").await)[0],
        "Your password has expired. Logins left: 3"
    );

    let change = setpass("grace", "grace-secret", "gracious-new", ticket(&first));
    assert_eq!(site.post(&change).await, CHANGED);
    let uses = site.slapd.values(&slapd::person("grace"), "pwdGraceUseTime");
    assert!(uses.is_empty(), "{uses:?}");
    let new = list("grace", "gracious-new", "");
    // The new one lasts thirty days.
    assert_eq!(profiles(&site.post(&new).await), ["office", "terminal"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_that_expired_for_good_is_right_and_opens_nothing() {
    let site = site("");
    let answer = site.list("gone").await;
    assert_eq!(profiles(&answer), ["notice-must-change"]);
    assert!(
        names(&answer)[0].starts_with("Your password has expired and cannot be changed here (help desk: "),
        "{answer}"
    );
    assert!(
        !answer.contains("AUTHID"),
        "there is nothing that a ticket were good for"
    );
    let change = setpass("gone", "gone-secret", "something-new", "");
    assert_eq!(site.post(&change).await, NOT_CHANGED);
    let decision = last_decision(&site);
    assert!(decision.contains("takes no change from its user"), "{decision}");
    assert_eq!(failures(&site, "gone"), 0);
    // A wrong password is wrong, expired or not.
    let guess = site.post(&list("gone", "guess", "")).await;
    assert!(!guess.contains("Access granted"), "{guess}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_that_must_be_changed_gives_one_notice_until_it_is_changed() {
    let site = site("[notices.message.news]\ntext = \"News\"");
    let answer = site.list("reset").await;
    assert_eq!(profiles(&answer), ["notice-must-change"]);
    let decision = last_decision(&site);
    assert!(!decision.contains("\"profiles\""), "{decision}");
    assert!(
        decision.contains("\"no_profiles\":\"the password must be changed\""),
        "{decision}"
    );
    let (_, id) = names(&answer)[0]
        .split_once("help desk: ")
        .map(|(a, b)| (a.to_owned(), b.to_owned()))
        .unwrap();
    assert!(decision.contains(id.trim_end_matches(')')), "{id}: {decision}");

    let granted_ticket = ticket(&answer).to_owned();
    let notice = site
        .post(&select("notice-must-change", "reset", &granted_ticket))
        .await;
    assert!(
        notice.ends_with("Access granted\nSERVER:No servers available:22\n"),
        "{notice}"
    );
    let refused = site.post(&select("office", "reset", &granted_ticket)).await;
    assert!(!refused.contains("Access granted"), "{refused}");
    let again = list("reset", "reset-secret", &granted_ticket);
    assert_eq!(profiles(&site.post(&again).await), ["notice-must-change"]);

    // A right ticket with a wrong old password is a failure like any other.
    let guess = setpass("reset", "guess", "brand-new-secret", &granted_ticket);
    assert!(!site.post(&guess).await.contains("Access granted"));
    assert_eq!(failures(&site, "reset"), 1);

    let change = setpass("reset", "reset-secret", "brand-new-secret", &granted_ticket);
    assert_eq!(site.post(&change).await, CHANGED);
    let all = ["notice-message-news", "office", "terminal"];
    for password in ["reset-secret", "brand-new-secret"] {
        let form = list("reset", password, &granted_ticket);
        assert_eq!(profiles(&site.post(&form).await), all, "{password}");
    }
    assert!(site.slapd.values(&slapd::person("reset"), "pwdReset").is_empty());
}
