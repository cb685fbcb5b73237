//! Hosts that come, go and say nothing.

use std::net::TcpListener;
use std::time::Duration;

use socket2::{Domain, SockRef, Socket, Type};

use super::{
    PATIENCE, at, clock, empty, farm, host, lab, listener, listener_at, offer, port_of, until, watched,
};
use crate::agent::Agents;
use crate::placement::{Farms, NoHost, Witness};

#[tokio::test]
async fn the_first_select_after_the_start_finds_the_hosts() {
    let listeners = [listener()];
    let farms = Farms::start(
        [lab(&listeners)],
        &Agents::default(),
        None,
        clock,
        &Witness::nobody(),
    )
    .await;
    let (store, placements) = empty().await;
    let placement = placements
        .place(&farms, &offer("alice", "lab"), at(0), 0)
        .await
        .unwrap();
    assert_eq!(placement.host().as_str(), "ts0");
    assert_eq!(placement.address().as_str(), "127.0.0.1");
    assert_eq!(placement.port(), port_of(&listeners[0]));
    assert!(!placement.renewed());
    assert_eq!(
        store.all().len(),
        1,
        "the lease is durable when the answer is there"
    );
}

#[tokio::test]
async fn a_host_goes_down_with_its_port_and_comes_back_with_it() {
    let (first, ts0) = listener_at("127.0.77.1");
    let port = ts0.port;
    let farms = watched([farm("lab", vec![ts0])]).await;
    until(&farms, "ts0", true).await;
    drop(first);
    until(&farms, "ts0", false).await;
    let (store, placements) = empty().await;
    let refused = placements.place(&farms, &offer("alice", "lab"), at(0), 0).await;
    assert!(matches!(refused, Err(NoHost::NoneTakes(_))), "{refused:?}");
    assert!(store.all().is_empty());
    let _second = TcpListener::bind(("127.0.77.1", port)).unwrap();
    until(&farms, "ts0", true).await;
}

#[tokio::test]
async fn names_are_resolved_and_a_host_whose_name_is_not_is_not_used() {
    let listener = listener();
    let hosts = vec![
        host("ghost", "ghost.invalid", port_of(&listener)),
        host("ts0", "localhost", port_of(&listener)),
    ];
    let farms = watched([farm("lab", hosts)]).await;
    let (_, placements) = empty().await;
    for user in ["a", "b", "c"] {
        let placement = placements
            .place(&farms, &offer(user, "lab"), at(0), 0)
            .await
            .unwrap();
        assert_eq!(placement.host().as_str(), "ts0");
    }
}

#[tokio::test]
async fn a_host_that_never_answers_is_not_waited_for_longer_than_a_probe() {
    let (silent, ts0) = listener_at("127.0.77.2");
    // Once nobody accepts and its queue is full, Linux drops further SYNs as a dead machine would.
    SockRef::from(&silent).listen(0).unwrap();
    let _queued: Vec<_> = (0..4)
        .map(|_| {
            let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
            socket.set_nonblocking(true).unwrap();
            let _ = socket.connect(&silent.local_addr().unwrap().into());
            socket
        })
        .collect();
    let live = listener();
    let hosts = vec![ts0, host("ts1", "127.0.0.1", port_of(&live))];
    let agents = Agents::default();
    let nobody = Witness::nobody();
    let start = Farms::start([farm("lab", hosts)], &agents, None, clock, &nobody);
    let farms = tokio::time::timeout(PATIENCE, start).await.unwrap();
    let (_, placements) = empty().await;
    let placement = placements
        .place(&farms, &offer("alice", "lab"), at(0), 0)
        .await
        .unwrap();
    assert_eq!(placement.host().as_str(), "ts1");
}

#[tokio::test]
async fn a_reload_takes_over_what_is_known_of_a_machine() {
    let (listener, ts0) = listener_at("127.0.77.3");
    let lab = farm("lab", vec![ts0]);
    // Probed once and then not again within this test.
    let nobody = Witness::nobody();
    let before = Farms::start_probing(
        [lab.clone()],
        &Agents::default(),
        None,
        clock,
        &nobody,
        PATIENCE * 10,
    )
    .await;
    until(&before, "ts0", true).await;
    drop(listener);
    let after = Farms::start_probing(
        [lab],
        &Agents::default(),
        Some(&before),
        clock,
        &nobody,
        PATIENCE * 10,
    )
    .await;
    // This thread has run no probe of the new farms yet.
    until(&after, "ts0", true).await;
    until(&after, "ts0", false).await;
}

#[tokio::test]
async fn nothing_is_probed_once_the_farms_are_dropped() {
    let listener = listener();
    let farms = watched([farm("lab", vec![host("ts0", "127.0.0.1", port_of(&listener))])]).await;
    drop(farms);
    // Aborted tasks end at their next turn.
    tokio::time::sleep(Duration::from_millis(50)).await;
    listener.set_nonblocking(true).unwrap();
    while listener.accept().is_ok() {}
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(listener.accept().is_err(), "a probe came after the end");
}
