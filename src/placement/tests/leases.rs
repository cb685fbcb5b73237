//! Selects, the events that follow them, and a store that fails.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::{
    SESSION, account, at, empty, farm, host, lab, listener, listener_at, offer, port_of, stores, until,
    watched,
};
use crate::model::{HostName, Now};
use crate::placement::{Host, NoHost, Placement, Placements};

fn counted(placements: &[Placement]) -> BTreeMap<&str, u32> {
    let mut counts = BTreeMap::new();
    for placement in placements {
        *counts.entry(placement.host().as_str()).or_default() += 1;
    }
    counts
}

#[tokio::test]
async fn a_repeated_select_returns_the_same_host_and_renews() {
    let listeners = [listener(), listener(), listener()];
    let farms = watched([lab(&listeners)]).await;
    let (store, placements) = empty().await;
    let first = placements
        .place(&farms, &offer("alice", "lab"), at(0), 1)
        .await
        .unwrap();
    placements
        .place(&farms, &offer("bob", "lab"), at(0), 0)
        .await
        .unwrap();
    for random in 0..3 {
        let again = placements
            .place(&farms, &offer("alice", "lab"), at(100), random)
            .await
            .unwrap();
        assert_eq!(again.host(), first.host());
        assert!(again.renewed());
    }
    let leases = store.all();
    assert_eq!(leases.len(), 2);
    let alice = leases
        .iter()
        .find(|lease| lease.account == account("alice"))
        .unwrap();
    assert_eq!((alice.since, alice.expires), (at(100), at(100).plus(SESSION)));
}

#[tokio::test]
async fn a_lease_moves_when_its_host_is_down_or_gone() {
    let (closing, ts1) = listener_at("127.0.77.4");
    let staying = listener();
    let hosts = vec![
        host("ts0", "127.0.0.1", port_of(&staying)),
        Host {
            name: HostName::new("ts1").unwrap(),
            ..ts1
        },
    ];
    let farms = watched([farm("lab", hosts)]).await;
    let (store, placements) = empty().await;
    let alice = offer("alice", "lab");
    let first = placements.place(&farms, &alice, at(0), 1).await.unwrap();
    assert_eq!(first.host().as_str(), "ts1");
    drop(closing);
    until(&farms, "ts1", false).await;
    let second = placements.place(&farms, &alice, at(1), 1).await.unwrap();
    assert_eq!(second.host().as_str(), "ts0");
    assert!(!second.renewed());
    assert_eq!(store.all().len(), 1, "one lease per account and farm");

    let without_ts0 = farm("lab", vec![host("ts9", "127.0.0.1", port_of(&staying))]);
    let farms = watched([without_ts0]).await;
    let third = placements.place(&farms, &alice, at(2), 0).await.unwrap();
    assert_eq!(third.host().as_str(), "ts9");
    assert!(!third.renewed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_storm_of_selects_spreads_evenly_and_overfills_nothing() {
    let listeners = [listener(), listener(), listener(), listener()];
    let mut lab = lab(&listeners);
    lab.max_sessions_per_host = Some(20);
    let farms = Arc::new(watched([lab]).await);
    let (store, placements) = empty().await;
    let placements = Arc::new(placements);
    let selects: Vec<_> = (0..100_u64)
        .flat_map(|user| [user, user])
        .map(|user| {
            let (farms, placements) = (Arc::clone(&farms), Arc::clone(&placements));
            tokio::spawn(async move {
                let offer = offer(&format!("user{user}"), "lab");
                (user, placements.place(&farms, &offer, at(0), user * 7919).await)
            })
        })
        .collect();
    let mut hosts: HashMap<u64, Vec<Placement>> = HashMap::new();
    let mut refused = 0;
    for select in selects {
        match select.await.unwrap() {
            (user, Ok(placement)) => hosts.entry(user).or_default().push(placement),
            (_, Err(NoHost::NoneTakes(_))) => refused += 1,
            (_, Err(other)) => panic!("{other}"),
        }
    }
    assert_eq!(hosts.len(), 80, "4 hosts of 20");
    assert_eq!(refused, 40, "both selects of the other 20 users");
    for placements in hosts.values() {
        assert_eq!(placements[0].host(), placements[1].host());
        assert_eq!(
            placements.iter().filter(|placement| placement.renewed()).count(),
            1
        );
    }
    let firsts: Vec<_> = hosts.values().map(|placements| placements[0].clone()).collect();
    assert!(counted(&firsts).values().all(|count| *count == 20));
    assert_eq!(store.all().len(), 80);
}

#[tokio::test]
async fn a_machine_of_two_farms_carries_the_load_of_both() {
    let listeners = [listener(), listener()];
    let shared = host("shared", "127.0.0.1", port_of(&listeners[0]));
    let own = host("own", "127.0.0.1", port_of(&listeners[1]));
    let staff = farm(
        "staff",
        vec![Host {
            name: HostName::new("s1").unwrap(),
            ..shared.clone()
        }],
    );
    let farms = watched([farm("lab", vec![shared, own]), staff]).await;
    let (_, placements) = empty().await;
    for user in ["a", "b", "c"] {
        placements
            .place(&farms, &offer(user, "staff"), at(0), 0)
            .await
            .unwrap();
    }
    for user in ["d", "e", "f"] {
        let placement = placements
            .place(&farms, &offer(user, "lab"), at(0), 0)
            .await
            .unwrap();
        assert_eq!(placement.host().as_str(), "own");
    }
}

#[tokio::test]
async fn a_restart_forgets_no_lease() {
    let listeners = [listener(), listener()];
    let farms = watched([lab(&listeners)]).await;
    let (store, placements) = empty().await;
    let first = placements
        .place(&farms, &offer("alice", "lab"), at(0), 1)
        .await
        .unwrap();
    drop(placements);
    let restarted = Placements::load(stores(&store)).await.unwrap();
    let bob = restarted
        .place(&farms, &offer("bob", "lab"), at(1), 1)
        .await
        .unwrap();
    assert_ne!(bob.host(), first.host());
    let again = restarted
        .place(&farms, &offer("alice", "lab"), at(1), 0)
        .await
        .unwrap();
    assert_eq!(again.host(), first.host());
    assert!(again.renewed());
}

#[tokio::test]
async fn a_lease_counts_until_it_expires_and_then_leaves_the_store() {
    let listeners = [listener()];
    let mut lab = lab(&listeners);
    lab.max_sessions_per_host = Some(1);
    let farms = watched([lab]).await;
    let (store, placements) = empty().await;
    let end = at(0).plus(SESSION);
    let just_before = Now::from_unix_ms(end.unix_ms() - 1);
    placements
        .place(&farms, &offer("alice", "lab"), at(0), 0)
        .await
        .unwrap();
    let full = placements
        .place(&farms, &offer("bob", "lab"), just_before, 0)
        .await;
    assert!(matches!(full, Err(NoHost::NoneTakes(_))), "{full:?}");
    assert_eq!(placements.prune(just_before).await.unwrap(), 0);
    placements
        .place(&farms, &offer("bob", "lab"), end, 0)
        .await
        .unwrap();
    assert_eq!(store.all().len(), 2);
    store.fail(usize::MAX);
    assert!(placements.prune(end).await.is_err());
    store.fail(0);
    assert_eq!(placements.prune(end).await.unwrap(), 1);
    let left = store.all();
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].account, account("bob"));
}

#[tokio::test]
async fn an_expired_lease_that_was_given_anew_is_not_pruned() {
    let listeners = [listener()];
    let farms = watched([lab(&listeners)]).await;
    let (store, placements) = empty().await;
    let alice = offer("alice", "lab");
    placements.place(&farms, &alice, at(0), 0).await.unwrap();
    let later = at(0).plus(SESSION);
    let anew = placements.place(&farms, &alice, later, 0).await.unwrap();
    assert!(!anew.renewed());
    assert_eq!(placements.prune(later).await.unwrap(), 0);
    assert_eq!(store.all().len(), 1);
}

#[tokio::test]
async fn a_lease_given_while_expired_ones_are_pruned_stays() {
    let listeners = [listener()];
    let farms = watched([lab(&listeners)]).await;
    let (store, placements) = empty().await;
    for user in ["alice", "bob"] {
        placements
            .place(&farms, &offer(user, "lab"), at(0), 0)
            .await
            .unwrap();
    }
    let later = at(0).plus(SESSION);
    let bob = offer("bob", "lab");
    // While the removal of alice's lease is being written, bob is given a new one.
    let (pruned, placed) = tokio::join!(placements.prune(later), placements.place(&farms, &bob, later, 0));
    placed.unwrap();
    assert_eq!(pruned.unwrap(), 1);
    let left = store.all();
    assert_eq!(left.len(), 1);
    assert_eq!((&left[0].account, left[0].since), (&bob.account, later));
}

#[tokio::test]
async fn a_lease_that_cannot_be_kept_is_not_given() {
    let listeners = [listener(), listener()];
    let mut lab = lab(&listeners);
    lab.max_sessions_per_host = Some(1);
    let farms = watched([lab]).await;
    let (store, placements) = empty().await;
    placements
        .place(&farms, &offer("alice", "lab"), at(0), 0)
        .await
        .unwrap();
    let kept = store.all();
    store.fail(usize::MAX);
    for user in ["alice", "bob", "carol"] {
        let failed = placements.place(&farms, &offer(user, "lab"), at(1), 0).await;
        assert!(matches!(failed, Err(NoHost::Store(_))), "{failed:?}");
    }
    store.fail(0);
    assert_eq!(store.all(), kept);
    // Neither bob nor carol holds the other place, and alice still has hers.
    let dave = placements
        .place(&farms, &offer("dave", "lab"), at(2), 0)
        .await
        .unwrap();
    assert_eq!(dave.host().as_str(), "ts1");
    assert!(
        placements
            .place(&farms, &offer("alice", "lab"), at(2), 0)
            .await
            .unwrap()
            .renewed()
    );
}

#[tokio::test]
async fn a_select_that_fails_takes_nothing_from_one_beside_it() {
    let listeners = [listener()];
    let mut lab = lab(&listeners);
    lab.max_sessions_per_host = Some(1);
    let farms = watched([lab]).await;
    let (store, placements) = empty().await;
    store.fail(1);
    let alice = offer("alice", "lab");
    let (first, second) = tokio::join!(
        placements.place(&farms, &alice, at(0), 0),
        placements.place(&farms, &alice, at(0), 0)
    );
    assert!(matches!(first, Err(NoHost::Store(_))), "{first:?}");
    assert!(!second.unwrap().renewed());
    assert_eq!(store.all().len(), 1);
    let bob = placements.place(&farms, &offer("bob", "lab"), at(0), 0).await;
    assert!(matches!(bob, Err(NoHost::NoneTakes(_))), "{bob:?}");
}

#[tokio::test]
async fn events_touch_only_the_lease_of_their_account_on_their_host() {
    let listeners = [listener(), listener()];
    let hosts = vec![
        host("ts0", "127.0.0.1", port_of(&listeners[0])),
        host("ts1", "localhost", port_of(&listeners[1])),
    ];
    let farms = watched([farm("lab", hosts)]).await;
    until(&farms, "ts1", true).await;
    let (store, placements) = empty().await;
    let (alice, bob) = (account("alice"), account("bob"));
    placements
        .place(&farms, &offer("alice", "lab"), at(0), 0)
        .await
        .unwrap();
    placements
        .place(&farms, &offer("bob", "lab"), at(0), 0)
        .await
        .unwrap();
    let confirmed = || -> Vec<_> {
        store
            .all()
            .into_iter()
            .filter_map(|lease| Some((lease.account, lease.confirmed?)))
            .collect()
    };
    assert!(
        !placements
            .confirm(&farms, &alice, "localhost", at(1))
            .await
            .unwrap(),
        "bob's host"
    );
    assert!(
        !placements.confirm(&farms, &alice, "ts0", at(1)).await.unwrap(),
        "a name, not an address"
    );
    assert!(
        !placements
            .confirm(&farms, &account("eve"), "localhost", at(1))
            .await
            .unwrap()
    );
    assert_eq!(confirmed(), []);
    assert!(
        placements
            .confirm(&farms, &bob, "LOCALHOST", at(2))
            .await
            .unwrap()
    );
    assert!(
        !placements
            .confirm(&farms, &bob, "localhost", at(3))
            .await
            .unwrap(),
        "was already"
    );
    assert_eq!(confirmed(), [(bob.clone(), at(2))]);

    assert!(!placements.end(&farms, &alice, "localhost", at(4)).await.unwrap());
    assert!(placements.end(&farms, &alice, "127.0.0.1", at(4)).await.unwrap());
    assert!(!placements.end(&farms, &alice, "127.0.0.1", at(4)).await.unwrap());
    let left = store.all();
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].account, bob);
    // The place is free at once.
    let carol = placements
        .place(&farms, &offer("carol", "lab"), at(4), 1)
        .await
        .unwrap();
    assert_eq!(carol.host().as_str(), "ts0");
}

#[tokio::test]
async fn a_lease_that_ended_while_the_store_failed_is_removed_later() {
    let listeners = [listener()];
    let farms = watched([lab(&listeners)]).await;
    let (store, placements) = empty().await;
    placements
        .place(&farms, &offer("alice", "lab"), at(0), 0)
        .await
        .unwrap();
    store.fail(usize::MAX);
    let ended = placements
        .end(&farms, &account("alice"), "127.0.0.1", at(1))
        .await;
    assert!(ended.is_err());
    store.fail(0);
    assert_eq!(placements.prune(at(2)).await.unwrap(), 1);
    assert!(store.all().is_empty());
}

#[tokio::test]
async fn one_event_ends_one_of_two_leases_on_a_shared_machine() {
    let listeners = [listener()];
    let shared = host("ts0", "127.0.0.1", port_of(&listeners[0]));
    let farms = watched([farm("lab", vec![shared.clone()]), farm("staff", vec![shared])]).await;
    let (store, placements) = empty().await;
    let alice = account("alice");
    placements
        .place(&farms, &offer("alice", "lab"), at(0), 0)
        .await
        .unwrap();
    assert!(
        placements
            .confirm(&farms, &alice, "127.0.0.1", at(1))
            .await
            .unwrap()
    );
    placements
        .place(&farms, &offer("alice", "staff"), at(2), 0)
        .await
        .unwrap();
    assert!(placements.end(&farms, &alice, "127.0.0.1", at(3)).await.unwrap());
    let left = store.all();
    assert_eq!(left.len(), 1);
    assert_eq!(
        left[0].farm.as_str(),
        "staff",
        "the session of the other lease was never seen"
    );
}

#[tokio::test]
async fn the_eleventh_select_of_a_minute_gets_no_host() {
    let listeners = [listener()];
    let farms = watched([lab(&listeners)]).await;
    let (store, placements) = empty().await;
    let alice = offer("alice", "lab");
    for second in 0..10 {
        placements.place(&farms, &alice, at(second), 0).await.unwrap();
    }
    let refused = placements.place(&farms, &alice, at(10), 0).await;
    assert!(matches!(refused, Err(NoHost::TooManySelects)), "{refused:?}");
    assert_eq!(store.all()[0].since, at(9), "a refused select renews nothing");
    placements
        .place(&farms, &offer("bob", "lab"), at(10), 0)
        .await
        .unwrap();
    placements.place(&farms, &alice, at(60), 0).await.unwrap();
}
