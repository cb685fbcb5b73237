//! The connection is cut, the server dies, freezes or comes back without its past: a list is never older than
//! promised, and the copy is made anew.

use crate::lab::cable::Cable;

use super::*;

const STAFF: [&str; 2] = ["office", "terminal"];

/// Lists as erin for a while, who has been in staff for longer than the promise says.
async fn erin_stays_staff(broker: &Broker, time: Duration) {
    let end = Instant::now() + time;
    while Instant::now() < end {
        assert_eq!(list_at(broker, "erin", "").await, STAFF, "{}", broker.log());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_comes_back_is_asked_until_the_copy_is_made_anew() {
    let mut lab = Lab::start();
    for round in 1..=2 {
        // After kill -9 the server may have lost its last changes, and after both the connection is gone.
        if round == 1 {
            lab.slapd.kill();
        } else {
            lab.slapd.stop();
        }
        lab.slapd.restart();
        lab.change("add", "staff", "erin");
        sleep(PROMISE).await;
        erin_stays_staff(&lab.broker, Duration::from_millis(500)).await;
        lab.wait_for_copy(1 + round);
        assert_eq!(lab.list("erin").await, STAFF);
        assert_eq!(lab.searches_of_a_list("erin").await, 0);
        lab.change("delete", "staff", "erin");
        sleep(PROMISE).await;
        assert!(lab.list("erin").await.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_lost_its_past_is_copied_from_nothing() {
    let mut lab = Lab::start();
    lab.change("add", "staff", "erin");
    sleep(PROMISE).await;
    assert_eq!(lab.list("erin").await, STAFF);
    // As from a backup: older than what the broker knows, with the same groups under other ids.
    lab.slapd.stop();
    lab.slapd.restore(&directory());
    lab.slapd.restart();
    lab.wait_for_copy(2);
    assert!(lab.list("erin").await.is_empty());
    assert_eq!(lab.searches_of_a_list("dave").await, 0);
}

/// Two servers with the same people, and a broker that prefers the first.
fn two_servers() -> (Slapd, Slapd, Broker) {
    let first = Slapd::start_with(&directory(), SYNCPROV);
    let second = Slapd::start_with(&directory(), SYNCPROV);
    let one = format!("ldap://127.0.0.1:{}", first.ldap_port());
    let both = format!("{one}\", \"ldap://127.0.0.1:{}", second.ldap_port());
    let broker = Broker::start(&configuration(&first, Reach::Plain, 1).replace(&one, &both));
    wait_for(&broker, KEPT, 1);
    (first, second, broker)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_server_leaves_nothing_behind_that_is_older_than_promised() {
    let (first, second, broker) = two_servers();
    assert_eq!(group_searches(&second), 0);
    first.freeze();
    // What the second server knows is what counts from now on; the copy of the first cannot.
    change(&second, "add", "staff", "erin");
    sleep(PROMISE).await;
    erin_stays_staff(&broker, Duration::from_secs(2)).await;
    assert!(group_searches(&second) > 0);
    wait_for(&broker, KEPT, 2);
    let before = group_searches(&second);
    erin_stays_staff(&broker, Duration::from_secs(1)).await;
    assert_eq!(
        group_searches(&second),
        before,
        "now the second server is followed"
    );
    // The first comes back, and with it what it knows.
    first.thaw();
    change(&first, "add", "students", "erin");
    wait_for(&broker, KEPT, 3);
    assert_eq!(list_at(&broker, "erin", "").await, ["xfce"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_short_silence_costs_no_copy() {
    let lab = Lab::start();
    for _ in 0..3 {
        lab.slapd.freeze();
        sleep(Duration::from_millis(1_500)).await;
        lab.slapd.thaw();
        lab.change("add", "staff", "erin");
        sleep(PROMISE).await;
        assert_eq!(lab.list("erin").await, STAFF);
        lab.change("delete", "staff", "erin");
        sleep(PROMISE).await;
        assert!(lab.list("erin").await.is_empty());
    }
    assert_eq!(lab.searches_of_a_list("erin").await, 0);
    assert_eq!(lab.broker.log().matches(KEPT).count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_of_a_frozen_server_is_no_list_of_its_copy() {
    let lab = Lab::start();
    lab.list("alice").await;
    lab.slapd.freeze();
    sleep(PROMISE).await;
    // With nobody else to ask, the list waits; it must not be made of what cannot be shown to be current.
    let form = list("alice", "alice-secret", "");
    let waiting = post_from(lab.broker.address, None, &form);
    let early = tokio::time::timeout(Duration::from_secs(2), waiting).await;
    lab.slapd.thaw();
    assert!(early.is_err(), "{early:?}");
}

/// A lab whose broker reaches the directory over a cable.
fn over_a_cable() -> (Lab, Cable) {
    let slapd = Slapd::start_with(&directory(), SYNCPROV);
    let cable = Cable::to(slapd.ldap_port(), SYNC_REQUEST);
    let port = |port: u16| format!("127.0.0.1:{port}");
    let text = configuration(&slapd, Reach::Plain, 1).replace(&port(slapd.ldap_port()), &port(cable.port()));
    let broker = Broker::start(&text);
    let lab = Lab { slapd, broker };
    lab.wait_for_copy(1);
    (lab, cable)
}

/// The object identifier in the request that begins a synchronisation (RFC 4533 section 2.2).
const SYNC_REQUEST: &[u8] = b"1.3.6.1.4.1.4203.1.9.1.1";

#[tokio::test(flavor = "multi_thread")]
async fn while_the_connection_is_cut_the_directory_is_asked() {
    let (lab, cable) = over_a_cable();
    assert_eq!(lab.searches_of_a_list("erin").await, 0);
    cable.cut().await;
    lab.change("add", "staff", "erin");
    assert!(lab.searches_of_a_list("erin").await > 0);
    sleep(PROMISE).await;
    assert_eq!(lab.list("erin").await, STAFF);
    lab.wait_for_copy(2);
    assert_eq!(lab.list("erin").await, STAFF);
    assert_eq!(lab.searches_of_a_list("erin").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_connection_carries_nothing_the_directory_is_asked() {
    let (lab, cable) = over_a_cable();
    cable.hold();
    for _ in 0..2 {
        lab.change("add", "staff", "erin");
        sleep(PROMISE).await;
        assert_eq!(lab.list("erin").await, STAFF);
        assert!(lab.searches_of_a_list("erin").await > 0);
        lab.change("delete", "staff", "erin");
        sleep(PROMISE).await;
        assert!(lab.list("erin").await.is_empty());
    }
    // What was held comes in order, so that nothing has to be copied again.
    cable.let_go();
    sleep(PROMISE).await;
    assert!(lab.list("erin").await.is_empty());
    assert_eq!(lab.searches_of_a_list("erin").await, 0);
    assert_eq!(lab.broker.log().matches(KEPT).count(), 1);
}
