//! Drains and last hosts, with a store.

use super::{at, empty, farm, host, lab, listener, offer, port_of, stores, watched};
use crate::placement::{DrainError, Draining, Host, NoHost, Placements};

#[tokio::test]
async fn a_drain_moves_who_has_not_begun_and_outlives_a_restart() {
    let listeners = [listener(), listener()];
    let farms = watched([lab(&listeners)]).await;
    let (store, placements) = empty().await;
    let (alice, bob) = (offer("alice", "lab"), offer("bob", "lab"));
    let first = placements.place(&farms, &alice, at(0), 0).await.unwrap();
    assert_eq!(first.host().as_str(), "ts0");
    let drained = placements.drain(&farms, "ts0", None, None, at(1)).await.unwrap();
    assert_eq!(drained.len(), 1);
    assert_eq!(drained[0].accounts, std::slice::from_ref(&alice.account));
    assert_eq!(drained[0].load, 1);
    for _ in 0..2 {
        let placements = Placements::load(stores(&store)).await.unwrap();
        let other = placements.place(&farms, &bob, at(2), 0).await.unwrap();
        assert_eq!(other.host().as_str(), "ts1");
    }
    let moved = placements.place(&farms, &alice, at(3), 0).await.unwrap();
    assert_eq!(moved.host().as_str(), "ts1");
    placements.drain(&farms, "ts1", None, None, at(4)).await.unwrap();
    let refused = placements.place(&farms, &alice, at(5), 0).await;
    assert!(matches!(refused, Err(NoHost::NoneTakes(_))), "{refused:?}");
    placements.undrain(&farms, "ts0", None, at(6)).await.unwrap();
    let back = placements.place(&farms, &alice, at(7), 0).await.unwrap();
    assert_eq!(back.host().as_str(), "ts0");
}

#[tokio::test]
async fn there_is_room_where_a_select_would_find_some() {
    let listeners = [listener()];
    let mut lab = lab(&listeners);
    lab.max_sessions_per_host = Some(1);
    let farms = watched([lab]).await;
    let (_, placements) = empty().await;
    let (alice, bob) = (offer("alice", "lab"), offer("bob", "lab"));
    let room = |offer, now| placements.has_room(&farms, offer, now);
    assert!(room(&alice, at(0)) && room(&bob, at(0)));
    placements.place(&farms, &alice, at(0), 0).await.unwrap();
    assert!(room(&alice, at(1)), "the host is hers already");
    assert!(!room(&bob, at(1)));
    placements.drain(&farms, "ts0", None, None, at(2)).await.unwrap();
    assert!(!room(&alice, at(3)));
    assert!(!room(&offer("alice", "elsewhere"), at(3)));
}

#[tokio::test]
async fn a_drain_ends_at_its_time_and_then_leaves_the_store() {
    let listeners = [listener()];
    let farms = watched([lab(&listeners)]).await;
    let (store, placements) = empty().await;
    let alice = offer("alice", "lab");
    let until = Some(at(60));
    placements
        .drain(&farms, "ts0", Some("lab"), until, at(0))
        .await
        .unwrap();
    assert!(placements.place(&farms, &alice, at(59), 0).await.is_err());
    assert!(placements.place(&farms, &alice, at(60), 0).await.is_ok());
    placements.prune(at(59)).await.unwrap();
    assert_eq!(
        Placements::load(stores(&store))
            .await
            .unwrap()
            .drained(&farms, at(0))
            .len(),
        1
    );
    placements.prune(at(60)).await.unwrap();
    assert_eq!(
        Placements::load(stores(&store))
            .await
            .unwrap()
            .drained(&farms, at(0)),
        []
    );
    let over = placements.drain(&farms, "ts0", None, until, at(60)).await;
    assert!(matches!(over, Err(DrainError::Over(_))), "{over:?}");
}

#[tokio::test]
async fn a_host_is_drained_in_one_farm_or_in_all() {
    let listeners = [listener(), listener()];
    let hosts = |number: usize| {
        vec![
            host("ts0", "127.0.0.1", port_of(&listeners[number])),
            Host {
                draining: true,
                ..host("old", "127.0.0.1", port_of(&listeners[number]))
            },
        ]
    };
    let farms = watched([farm("lab", hosts(0)), farm("staff", hosts(1))]).await;
    let (_, placements) = empty().await;
    let sites = |placements: &Placements| -> Vec<String> {
        let drained = placements.drained(&farms, at(1)).into_iter();
        drained
            .map(|host| format!("{}/{}", host.farm, host.host))
            .collect()
    };
    assert_eq!(sites(&placements), ["lab/old", "staff/old"]);
    let both = placements.drain(&farms, "ts0", None, None, at(0)).await.unwrap();
    assert_eq!(both.len(), 2);
    let ended = placements
        .undrain(&farms, "ts0", Some("staff"), at(1))
        .await
        .unwrap();
    assert_eq!(ended.len(), 1);
    assert_eq!(sites(&placements), ["lab/ts0", "lab/old", "staff/old"]);
    let configured = placements.undrain(&farms, "old", None, at(1)).await;
    assert!(
        matches!(configured, Err(DrainError::ByConfiguration(_))),
        "{configured:?}"
    );
    placements
        .drain(&farms, "old", Some("lab"), None, at(1))
        .await
        .unwrap();
    let drained = placements.drained(&farms, at(1));
    assert!(matches!(drained[1].draining, Draining::Asked(_)), "{drained:?}");
    assert!(
        placements
            .undrain(&farms, "old", Some("lab"), at(1))
            .await
            .is_err()
    );
    let drained = placements.drained(&farms, at(1));
    assert_eq!(
        drained[1].draining,
        Draining::Configured,
        "what an admin asked for is over all the same"
    );
}

#[tokio::test]
async fn a_sticky_farm_gives_the_last_host_after_its_lease() {
    let listeners = [listener(), listener(), listener()];
    let mut sticky = lab(&listeners);
    sticky.sticky = true;
    let farms = watched([sticky]).await;
    let (store, placements) = empty().await;
    let alice = offer("alice", "lab");
    let first = placements.place(&farms, &alice, at(0), 2).await.unwrap();
    placements
        .end(&farms, &alice.account, "127.0.0.1", at(1))
        .await
        .unwrap();
    assert!(store.all().is_empty());
    for random in 0..3 {
        let again = placements.place(&farms, &alice, at(2), random).await.unwrap();
        assert_eq!(again.host(), first.host());
        placements
            .end(&farms, &alice.account, "127.0.0.1", at(3))
            .await
            .unwrap();
    }
}
