//! What is kept for farms: leases that a fallback took, drains, users' last hosts.

use super::{account, after_a_kill, at, lease, state};
use crate::model::{Account, FarmName, HostName};
use crate::store::{DrainRecord, Drains, Embedded, LastHostRecord, LastHosts, LeaseRecord, Store};

fn farm(name: &str) -> FarmName {
    FarmName::new(name).unwrap()
}

fn host(name: &str) -> HostName {
    HostName::new(name).unwrap()
}

fn drain(name: &str, until: Option<i64>) -> DrainRecord {
    DrainRecord {
        farm: farm("students"),
        host: host(name),
        since: at(100),
        until: until.map(at),
    }
}

fn last(account: Account, name: &str, second: i64) -> LastHostRecord {
    LastHostRecord {
        account,
        farm: farm("students"),
        host: host(name),
        at: at(second),
    }
}

#[tokio::test]
async fn a_lease_remembers_the_farm_that_was_asked() {
    let folder = tempfile::tempdir().unwrap();
    let store = Embedded::open(&state(&folder)).unwrap();
    let fallen_back = LeaseRecord {
        offered: farm("staff"),
        ..lease("alice", "students", "ts01")
    };
    store.put_lease(fallen_back.clone()).await.unwrap();
    let (_files, restarted) = after_a_kill(&state(&folder));
    assert_eq!(restarted.leases().await.unwrap(), [fallen_back]);
}

#[tokio::test]
async fn drains_outlive_a_kill_and_are_one_for_a_host() {
    let folder = tempfile::tempdir().unwrap();
    let store = Embedded::open(&state(&folder)).unwrap();
    store.put_drain(drain("ts01", None)).await.unwrap();
    store.put_drain(drain("ts01", Some(500))).await.unwrap();
    store.put_drain(drain("ts02", None)).await.unwrap();
    store
        .remove_drain(&farm("students"), &host("ts02"))
        .await
        .unwrap();
    store.remove_drain(&farm("staff"), &host("ts01")).await.unwrap();
    assert_eq!(store.drains().await.unwrap(), [drain("ts01", Some(500))]);
    let (_files, restarted) = after_a_kill(&state(&folder));
    assert_eq!(restarted.drains().await.unwrap(), [drain("ts01", Some(500))]);
}

#[tokio::test]
async fn the_last_host_is_known_at_once_and_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let (alice, bob) = (account("alice"), account("bob"));
    {
        let store = Embedded::open(&state(&folder)).unwrap();
        store.note_last_host(last(alice.clone(), "ts01", 100));
        store.note_last_host(last(alice.clone(), "ts02", 200));
        store.note_last_host(last(bob.clone(), "ts03", 100));
        assert_eq!(store.last_host(&alice, &farm("students")), Some(host("ts02")));
        assert_eq!(store.last_host(&alice, &farm("staff")), None);
    }
    let store = Embedded::open(&state(&folder)).unwrap();
    assert_eq!(store.last_host(&alice, &farm("students")), Some(host("ts02")));
    assert_eq!(store.prune_last_hosts(at(150)).await.unwrap(), 1);
    assert_eq!(store.last_host(&bob, &farm("students")), None);
    drop(store);
    let store = Embedded::open(&state(&folder)).unwrap();
    assert_eq!(store.last_host(&alice, &farm("students")), Some(host("ts02")));
    assert_eq!(store.last_host(&bob, &farm("students")), None);
}

#[tokio::test]
async fn a_host_noted_while_older_ones_are_pruned_stays_known() {
    let folder = tempfile::tempdir().unwrap();
    let alice = account("alice");
    let store = Embedded::open(&state(&folder)).unwrap();
    store.note_last_host(last(alice.clone(), "ts01", 100));
    store.prune_last_hosts(at(0)).await.unwrap();
    store.note_last_host(last(alice.clone(), "ts02", 300));
    store.prune_last_hosts(at(200)).await.unwrap();
    assert_eq!(store.last_host(&alice, &farm("students")), Some(host("ts02")));
}
