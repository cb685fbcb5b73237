//! `throttle`: who is refused, and ending it.

use super::{json, said};
use crate::lab::site::{Reach, Site, list};

#[tokio::test(flavor = "multi_thread")]
async fn an_admin_sees_who_is_refused_and_ends_it() {
    let site = Site::start(Reach::Plain);
    let asked = |arguments: &[&str]| said(&site.broker.ask(arguments));
    assert_eq!(asked(&["throttle"]), "no failures are counted\n");
    for guess in 0..5 {
        site.post(&list("Alice", &format!("guess{guess}"), "")).await;
    }
    let is_in = async || site.list("alice").await.contains("Access granted");
    assert!(!is_in().await);
    let counters = json(&site.broker, &["throttle", "list"])["counters"].clone();
    let counters = counters.as_array().unwrap();
    let refusing = counters
        .iter()
        .filter(|counter| counter["refuses_until"].is_string());
    assert_eq!(refusing.count(), 2, "the name and the account: {counters:?}");
    assert_eq!(counters[0]["user"], "alice");
    assert_eq!(counters[1]["user"], "ldap:alice");
    assert_eq!(counters[1]["client"], "127.0.0.1/32");
    assert_eq!(counters[1]["count"], 5);
    let text = asked(&["throttle"]);
    assert!(
        text.starts_with("REFUSED UNTIL") && text.contains("user_elsewhere"),
        "{text}"
    );

    assert_eq!(
        asked(&["throttle", "clear", "bob"]),
        "nothing was counted there\n"
    );
    assert!(!is_in().await);
    assert_eq!(
        asked(&["throttle", "clear", "ldap:ALICE"]),
        "3 counters forgotten\n"
    );
    assert!(is_in().await);
    assert!(site.broker.log().contains(r#""task":"clear throttle""#));

    site.post(&list("nobody", "guess", "")).await;
    assert_eq!(
        asked(&["throttle", "clear", "--client", "127.0.0.1"]),
        "2 counters forgotten\n"
    );
    assert_eq!(
        asked(&["throttle", "clear", "--all"]),
        "nothing was counted there\n"
    );
    assert_eq!(asked(&["throttle"]), "no failures are counted\n");
    for bad in [
        &["throttle", "clear"][..],
        &["throttle", "clear", "bob", "--all"],
        &["throttle", "clear", "--client", "gateway"],
    ] {
        assert!(!site.broker.ask(bad).status.success(), "{bad:?}");
    }
}
