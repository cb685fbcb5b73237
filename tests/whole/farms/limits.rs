//! What bounds and steers the choice of a host, each key as it is written in conf.d.

use std::net::TcpListener;
use std::time::Duration;

use super::site::{Held, OFFICE, Site, server};
use crate::lab::process::wait_for;
use crate::lab::site::{list, post_from, ticket};

const NONE: &str = "No servers available";

/// How many sessions a host told of.
fn wait_for_sessions(site: &Site, host: usize, sessions: u64) {
    wait_for("a count of sessions", || {
        (site.host(host)["sessions"] == sessions).then_some(())
    });
}

/// Why there was no host, in the audit line of the last select.
fn no_host(site: &Site) -> String {
    let log = site.broker.log();
    let select = log.lines().rfind(|line| line.contains("\"task\":\"select\""));
    let (_, why) = select
        .and_then(|line| line.split_once("\"no_host\":\""))
        .unwrap_or_else(|| panic!("a host: {select:?}"));
    why.split('"').next().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_host_takes_nothing_new_and_a_fallback_takes_what_its_farm_does_not() {
    let site = Site::start(
        89,
        "max_sessions_per_host = 1\nfallback = [\"spare\"]\n\
         [farm.spare.hosts.ts90]\naddress = \"127.0.89.3\"\nport = {port}",
        "",
    );
    let _ts90 = TcpListener::bind(("127.0.89.3", site.hosts[0].port())).unwrap();
    wait_for("the host of the fallback", || {
        (site.host(2)["health"] == "up").then_some(())
    });
    // Whose session it is matters to nobody: the agent counts it.
    site.database.hold(&[Held {
        user: "mallory",
        kind: "DMATE",
        server: "ts01",
    }]);
    site.post(&list("alice", "alice-secret", "")).await;
    wait_for_sessions(&site, 0, 1);

    assert_eq!(site.select("office", "alice").await, site.address(2));
    assert_eq!(site.select("office", "carol").await, site.address(3));
    // Both farms are full now for whoever has nothing, and for nobody else.
    let drained = site.broker.ask(&["drain", "ts90"]);
    assert!(drained.status.success(), "{drained:?}");
    assert_eq!(site.select("office", "dave").await, NONE);
    let why = no_host(&site);
    assert!(
        why.contains("max_sessions_per_host = 1") && why.contains("farm spare"),
        "{why}"
    );
    assert_eq!(site.select("office", "alice").await, site.address(2));

    site.database.hold(&[]);
    // A count serves once it was held against the leases; nobody may select more than ten times in a minute.
    for _ in 0..8 {
        if site.select("office", "dave").await == site.address(1) {
            return;
        }
        tokio::time::sleep(Duration::from_secs(4)).await;
    }
    panic!("no host after the session has ended: {}", no_host(&site));
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_with_all_their_sessions_resumes_and_starts_nothing_new() {
    let site = Site::start(90, "max_sessions_per_user = 1", "");
    site.database.hold(&[OFFICE]);
    assert_eq!(site.select("terminal", "alice").await, NONE);
    let why = no_host(&site);
    assert!(why.contains("max_sessions_per_user = 1"), "{why}");
    let office = site.selected("office", "alice").await;
    assert_eq!(server(&office), NONE);
    assert!(office.contains("SESSION_INFO:"), "{office}");
    let other = site.select("office", "carol").await;
    assert!(
        other.starts_with("127.0.90."),
        "it is nobody else's bound: {other}"
    );

    site.database.hold(&[]);
    // What the hosts told serves for some seconds.
    while site
        .post(&list("alice", "alice-secret", ""))
        .await
        .contains("running=1")
    {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let freed = site.select("terminal", "alice").await;
    assert!(freed.starts_with("127.0.90."), "{}", no_host(&site));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_is_given_so_many_starts_and_no_more() {
    let site = Site::start(91, "starts_per_host = \"1 in 10m\"", "");
    let mut chosen = [
        site.select("office", "alice").await,
        site.select("office", "carol").await,
    ];
    chosen.sort();
    assert_eq!(chosen, [site.address(1), site.address(2)]);
    assert_eq!(site.select("office", "dave").await, NONE);
    let why = no_host(&site);
    assert!(why.contains("starts_per_host = 1 in 10m"), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_host_of_the_last_session_is_given_again_where_the_farm_is_sticky() {
    for (network, sticky) in [(92, true), (93, false)] {
        let site = Site::start(network, &format!("sticky = {sticky}"), "");
        let first = site.select("office", "alice").await;
        let hers = ticket(&site.post(&list("alice", "alice-secret", "")).await).to_owned();
        let (host, name) = if first == site.address(1) {
            (0, "ts01")
        } else {
            (1, "ts02")
        };
        let session = "alice-50-1700000000_stDMATE_dp24";
        for event in ["CONNECTED", "FINISHED"] {
            let form = format!(
                "task=clientevent&user=alice&password=alice-secret&sid={session}&event={event}&server={first}&client=&login=alice&cmd=&display=50\
                 &start=&elapsed=0&authid={hers}"
            );
            let (status, answer) = post_from(site.broker.address, None, &form).await;
            assert_eq!(
                (status, answer.as_str()),
                (200, "Access granted\n"),
                "{}",
                site.broker.log()
            );
        }
        // Everybody else is where she was.
        let held = ["mallory", "trent", "peggy"].map(|user| Held {
            user,
            kind: "DMATE",
            server: name,
        });
        site.database.hold(&held);
        wait_for_sessions(&site, host, 3);
        let again = site.select("office", "alice").await;
        assert_eq!(again == first, sticky, "{first}, then {again}");
    }
}
