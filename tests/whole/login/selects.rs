//! Selects and events: where a session goes, and what ends its lease.

use std::net::TcpListener;

use crate::lab::broker::Broker;
use crate::lab::process::wait_for;
use crate::lab::site::{Reach, Site, configuration, directory, list, post_from, profiles, select, ticket};
use crate::lab::slapd::Slapd;

#[tokio::test(flavor = "multi_thread")]
async fn a_select_names_the_host_and_asks_the_rules_again() {
    let site = Site::start(Reach::Tls);
    let ticket = ticket(&site.list("alice").await).to_owned();
    let server = format!("Access granted\nSERVER:127.0.0.1:{}\n", site.host_port());
    assert_eq!(site.post(&select("office", "alice", &ticket)).await, server);
    let refused = site.post(&select("xfce", "alice", &ticket)).await;
    assert_eq!(
        refused,
        site.post(&select("no-such-profile", "alice", &ticket)).await
    );
    assert!(
        !refused.contains("Access granted"),
        "what a list does not offer cannot be selected"
    );
    assert!(
        site.post(&select("office", "alice", "")).await.contains(&server),
        "by password alone"
    );
    let log = site.broker.log();
    assert!(
        log.contains("\"rules\":[\"staff\"],\"farm\":\"main\",\"host\":\"ts01\""),
        "{log}"
    );
    assert!(log.contains("profile `xfce` is not offered"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_does_not_answer_gets_nobody() {
    let mut site = Site::start(Reach::Tls);
    let ticket = ticket(&site.list("alice").await).to_owned();
    site.host = None;
    wait_for("the host is down", || {
        site.broker.log().contains("ts01").then_some(())
    });
    let mut answers = String::new();
    for _ in 0..20 {
        answers = site.post(&select("office", "alice", &ticket)).await;
        if answers.contains("No servers available") {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    }
    assert_eq!(answers, "Access granted\nSERVER:No servers available:22\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn leases_spread_users_over_hosts_and_survive_a_restart() {
    let slapd = Slapd::start(&directory());
    // Hosts of a farm share their port, so they differ in their loopback addresses.
    let first = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = first.local_addr().unwrap().port();
    let _others: Vec<_> = ["127.0.0.2", "127.0.0.3"]
        .iter()
        .map(|ip| TcpListener::bind((*ip, port)).unwrap())
        .collect();
    let mut configuration = configuration(&slapd, Reach::Tls, port);
    for (name, address) in [("ts02", "127.0.0.2"), ("ts03", "127.0.0.3")] {
        configuration += &format!("\n[farm.main.hosts.{name}]\naddress = \"{address}\"\nport = {port}\n");
    }
    let site = Site {
        broker: Broker::start(&configuration),
        slapd,
        host: Some(first),
    };
    let mut chosen = Vec::new();
    for user in ["alice", "carol", "dave"] {
        let reply = site.post(&select("office", user, "")).await;
        assert!(reply.contains("SERVER:127.0.0."), "{reply}");
        let server = reply
            .lines()
            .find(|line| line.starts_with("SERVER:"))
            .unwrap()
            .to_owned();
        assert!(
            site.post(&select("terminal", user, "")).await.contains(&server),
            "one lease in a farm"
        );
        chosen.push(server);
    }
    let mut distinct = chosen.clone();
    distinct.sort();
    distinct.dedup();
    assert_eq!(distinct.len(), 3, "each on a host of their own: {chosen:?}");

    let site = Site {
        broker: site.broker.kill_and_restart(),
        ..site
    };
    let again = site.post(&select("office", "dave", "")).await;
    assert!(again.contains(&chosen[2]), "the lease is remembered: {again}");
}

#[tokio::test(flavor = "multi_thread")]
async fn events_need_a_ticket_and_end_only_ones_own_lease() {
    let site = Site::start(Reach::Tls);
    let event = |event: &str, user: &str, ticket: &str| {
        format!(
            "task=clientevent&user={user}&password={user}-secret&sid={user}-50-1700000000_stDMATE_dp24&event={event}\
             &server=127.0.0.1&client=&login={user}&cmd=&display=50&start=&elapsed=0&authid={ticket}"
        )
    };
    let (status, body) = post_from(site.broker.address, None, &event("CONNECTED", "alice", "")).await;
    assert_eq!(status, 403, "an event never binds: {body}");
    let alice = ticket(&site.list("alice").await).to_owned();
    let dave = ticket(&site.list("dave").await).to_owned();
    assert!(
        site.post(&select("office", "alice", &alice))
            .await
            .contains("SERVER:127.0.0.1")
    );
    assert_eq!(
        site.post(&event("CONNECTED", "alice", &alice)).await,
        "Access granted\n"
    );
    assert_eq!(
        site.post(&event("FINISHED", "dave", &dave)).await,
        "Access granted\n"
    );
    assert_eq!(
        site.post(&event("FINISHED", "alice", &alice)).await,
        "Access granted\n"
    );
    assert_eq!(
        site.post(&event("FINISHED", "alice", &alice)).await,
        "Access granted\n"
    );
    let (status, _) = post_from(site.broker.address, None, &event("ALIVE", "dave", &alice)).await;
    assert_eq!(status, 403, "somebody else's ticket");
    let log = site.broker.log();
    let counted: Vec<_> = log
        .lines()
        .filter_map(|line| line.split_once("\"event\":\""))
        .map(|(_, rest)| (rest.split('"').next().unwrap(), rest.contains("\"counted\":true")))
        .collect();
    assert_eq!(
        counted,
        [
            ("connected", true),
            ("finished", false),
            ("finished", true),
            ("finished", false)
        ],
        "{log}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn selects_of_one_user_are_bounded() {
    let site = Site::start(Reach::Tls);
    let list = site.post(&list("alice", "alice-secret", "")).await;
    assert_eq!(profiles(&list), ["office", "terminal"]);
    let mut replies = Vec::new();
    for _ in 0..11 {
        replies.push(site.post(&select("office", "alice", ticket(&list))).await);
    }
    assert!(
        replies[..10]
            .iter()
            .all(|reply| reply.contains("SERVER:127.0.0.1"))
    );
    assert!(replies[10].contains("SERVER:No servers available:22"));
}
