//! Two directory servers of which one goes away: no login fails.

use std::time::Duration;

use crate::lab::broker::Broker;
use crate::lab::site::{Reach, configuration, directory, list, post_from, profiles};
use crate::lab::slapd::Slapd;

/// Two servers with the same people, and a broker that knows both.
fn two_servers() -> (Slapd, Slapd, Broker) {
    let (first, second) = (Slapd::start(&directory()), Slapd::start(&directory()));
    let one = format!("ldap://127.0.0.1:{}", first.ldap_port());
    let both = format!("{one}\", \"ldap://127.0.0.1:{}", second.ldap_port());
    // No X2Go host is needed to list.
    let configuration = configuration(&first, Reach::Plain, 1).replace(&one, &both);
    let broker = Broker::start(&configuration);
    (first, second, broker)
}

/// Logs in again and again for a while, each time with a bind; everybody must get in.
async fn log_in_for(time: Duration, broker: &Broker) {
    let end = tokio::time::Instant::now() + time;
    while tokio::time::Instant::now() < end {
        let logins = ["alice", "bob", "carol", "dave"].map(|user| {
            let form = list(user, &format!("{user}-secret"), "");
            let address = broker.address;
            tokio::spawn(async move { post_from(address, None, &form).await })
        });
        for login in logins {
            let (status, body) = login.await.unwrap();
            assert_eq!(status, 200);
            assert!(body.contains("Access granted"), "{body}\n{}", broker.log());
            assert!(!profiles(&body).is_empty());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_login_fails_while_one_of_two_servers_is_frozen_killed_or_stopped() {
    let (mut first, second, broker) = two_servers();
    log_in_for(Duration::from_millis(500), &broker).await;
    assert_eq!(second.searches(), 0, "the first healthy server is preferred");

    first.freeze();
    log_in_for(Duration::from_secs(3), &broker).await;
    first.thaw();
    first.kill();
    log_in_for(Duration::from_secs(2), &broker).await;
    first.restart();
    let before = first.searches();
    for _ in 0..60 {
        log_in_for(Duration::from_millis(250), &broker).await;
        if first.searches() > before {
            break;
        }
    }
    assert!(first.searches() > before, "the first server is preferred again");
    first.stop();
    log_in_for(Duration::from_secs(2), &broker).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_of_all_servers_is_no_wrong_password() {
    let (mut first, mut second, broker) = two_servers();
    first.kill();
    second.kill();
    let (status, body) = post_from(broker.address, None, &list("alice", "alice-secret", "")).await;
    assert_eq!(status, 200);
    assert!(!body.contains("Access granted"));
    let log = broker.log();
    assert!(log.contains("\"outcome\":\"unavailable\""), "{log}");
    assert!(log.contains("directory unavailable"), "{log}");
    first.restart();
    let mut body = String::new();
    for _ in 0..60 {
        body = post_from(broker.address, None, &list("alice", "alice-secret", ""))
            .await
            .1;
        if body.contains("Access granted") {
            break;
        }
    }
    assert!(
        body.contains("Access granted"),
        "nothing of the outage is remembered: {body}"
    );
}
