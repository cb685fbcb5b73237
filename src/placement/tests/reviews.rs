//! Leases held against what agents tell.

mod slow_hosts;

use std::cell::Cell;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use super::fake_agent::{FakeAgent, session};
use super::memory_store::MemoryStore;
use super::{Offer, PATIENCE, account, empty, farm, host, lab, listener, offer, port_of, until};
use crate::agent::{AgentError, AgentKind, Agents};
use crate::model::{FarmName, HostName, Machine, Now, Session, SessionState, SessionUser};
use crate::placement::{Farm, Farms, HostState, Placements, Wish, Witness};
use crate::store::{LeaseRecord, Store};

thread_local! {
    static NOW: Cell<Now> = Cell::new(super::at(0));
}

/// The clock of the test on this thread.
fn clock() -> Now {
    NOW.get()
}

fn pass(time: Duration) {
    NOW.set(clock().plus(time));
}

/// The farm `lab` on these listeners, whose hosts have agents.
async fn asked(listeners: &[TcpListener], agent: &Arc<FakeAgent>) -> Farms {
    let farms = probed([lab(listeners)], agent).await;
    for number in 0..listeners.len() {
        until(&farms, &format!("ts{number}"), true).await;
    }
    farms
}

/// Farms whose hosts have agents, probed once and then not again within a test.
async fn probed(farms: impl IntoIterator<Item = Farm>, agent: &Arc<FakeAgent>) -> Farms {
    let agents = Agents {
        ssh: Some(Arc::<FakeAgent>::clone(agent)),
        local: None,
    };
    let farms = farms.into_iter().map(|farm| Farm {
        agent: AgentKind::Ssh,
        ..farm
    });
    Farms::start_probing(farms, &agents, None, clock, &Witness::nobody(), PATIENCE * 10).await
}

fn machine(listener: &TcpListener) -> Machine {
    host("any", "127.0.0.1", port_of(listener)).machine()
}

/// Selects, and lets what was told of sessions for that serve no more.
async fn place(placements: &Placements, farms: &Farms, offer: &Offer) {
    placements.place(farms, offer, clock(), 0).await.unwrap();
    later().await;
}

/// A lease in the farm `lab` whose session was not seen yet.
fn waiting_lease(user: &str, host: &str, since: Now) -> LeaseRecord {
    LeaseRecord {
        account: account(user),
        farm: FarmName::new("lab").unwrap(),
        offered: FarmName::new("lab").unwrap(),
        host: HostName::new(host).unwrap(),
        session_user: Some(SessionUser::new(user).unwrap()),
        since,
        confirmed: None,
        expires: since.plus(super::SESSION),
    }
}

fn only_host(placements: &Placements, farms: &Farms) -> HostState {
    placements.hosts(farms, clock()).pop().unwrap()
}

/// Lets what was asked before serve no more.
async fn later() {
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(6)).await;
    tokio::time::resume();
}

#[tokio::test]
async fn a_lease_follows_its_session() {
    let (agent, listeners) = (FakeAgent::new(), [listener()]);
    let farms = asked(&listeners, &agent).await;
    let (store, placements) = empty().await;
    place(&placements, &farms, &offer("alice", "lab")).await;
    let selected = clock();
    pass(Duration::from_secs(100));
    agent.tells(
        &machine(&listeners[0]),
        "alice",
        session("alice-50-1700000000_stDXFCE_dp24", "ts0"),
    );
    placements.review(&farms, clock).await.unwrap();
    let began = selected.plus(Duration::from_secs(40));
    assert_eq!(store.all()[0].confirmed, Some(began), "it is a minute old");
    let known = placements.sessions(&farms, clock());
    assert_eq!((known.len(), known[0].state), (1, "running"));
    assert_eq!(known[0].account, Some(account("alice")));
    // The session ends, which is seen with the next look.
    agent.tells_nothing(&machine(&listeners[0]));
    later().await;
    pass(Duration::from_mins(4));
    placements.review(&farms, clock).await.unwrap();
    assert_eq!(placements.leases(clock()), 1, "too early for a look");
    pass(Duration::from_mins(2));
    placements.review(&farms, clock).await.unwrap();
    assert_eq!(placements.leases(clock()), 0);
    assert!(store.all().is_empty());
    assert_eq!(only_host(&placements, &farms).backed_off_until, None);
}

#[tokio::test]
async fn what_its_client_is_done_with_ends_unless_it_is_suspended() {
    let (agent, listeners) = (FakeAgent::new(), [listener()]);
    let farms = asked(&listeners, &agent).await;
    let (store, placements) = empty().await;
    let machine = machine(&listeners[0]);
    let running = session("alice-50-1700000000_stDXFCE_dp24", "ts0");
    let suspended = Session {
        state: SessionState::Suspended,
        ..running.clone()
    };
    let finished = async || {
        let alice = account("alice");
        placements.sessions_changed(&farms, &alice, "127.0.0.1");
        assert!(
            placements
                .end(&farms, &alice, "127.0.0.1", clock())
                .await
                .unwrap()
        );
        assert_eq!(placements.leases(clock()), 1, "its host is asked first");
        pass(Duration::from_secs(3));
        placements.review(&farms, clock).await.unwrap();
    };
    place(&placements, &farms, &offer("alice", "lab")).await;
    agent.tells(&machine, "alice", running);
    pass(Duration::from_secs(10));
    later().await;
    placements.review(&farms, clock).await.unwrap();
    assert!(store.all()[0].confirmed.is_some());
    pass(Duration::from_secs(10));
    agent.tells_nothing(&machine);
    agent.tells(&machine, "alice", suspended);
    finished().await;
    assert_eq!(placements.leases(clock()), 1);
    // What was told a moment ago serves no more: not to this look, and not to the list that the client asks for.
    agent.tells_nothing(&machine);
    finished().await;
    assert_eq!(placements.leases(clock()), 0);
    assert!(store.all().is_empty());
    assert!(farms.sessions(&offer("alice", "lab")).await.is_empty());
}

#[tokio::test]
async fn what_its_client_said_outlasts_that_its_host_was_away() {
    let (agent, listeners) = (FakeAgent::new(), [listener()]);
    let farms = asked(&listeners, &agent).await;
    let (store, placements) = empty().await;
    place(&placements, &farms, &offer("alice", "lab")).await;
    let running = session("alice-50-1700000000_stDXFCE_dp24", "ts0");
    agent.tells(&machine(&listeners[0]), "alice", running);
    pass(Duration::from_secs(10));
    placements.review(&farms, clock).await.unwrap();
    assert!(store.all()[0].confirmed.is_some());
    let alice = account("alice");
    placements.sessions_changed(&farms, &alice, "127.0.0.1");
    let ended = placements.end(&farms, &alice, "127.0.0.1", clock()).await;
    assert!(ended.unwrap() && placements.leases(clock()) == 1);

    let closed = lab(&[listener()]);
    let away = probed([closed], &agent).await;
    placements.review(&away, clock).await.unwrap();
    agent.tells_nothing(&machine(&listeners[0]));
    pass(Duration::from_secs(3));
    placements.review(&farms, clock).await.unwrap();
    assert_eq!(placements.leases(clock()), 0);
}

#[tokio::test]
async fn what_nobody_can_be_asked_about_ends_at_once() {
    let (agent, (closing, ts0)) = (FakeAgent::new(), super::listener_at("127.0.77.9"));
    let agents = Agents {
        ssh: Some(Arc::<FakeAgent>::clone(&agent) as _),
        local: None,
    };
    let lab = Farm {
        agent: AgentKind::Ssh,
        ..super::farm("lab", vec![ts0])
    };
    let farms = {
        let nobody = Witness::nobody();
        Farms::start_probing([lab], &agents, None, clock, &nobody, Duration::from_millis(20)).await
    };
    until(&farms, "ts0", true).await;
    let (_, placements) = empty().await;
    place(&placements, &farms, &offer("alice", "lab")).await;
    drop(closing);
    until(&farms, "ts0", false).await;
    let alice = account("alice");
    assert!(
        placements
            .end(&farms, &alice, "127.0.77.9", clock())
            .await
            .unwrap()
    );
    assert_eq!(placements.leases(clock()), 0);
}

#[tokio::test]
async fn those_who_resume_elsewhere_or_only_look_close_no_host() {
    let (agent, listeners) = (FakeAgent::new(), [listener(), listener()]);
    let farms = asked(&listeners, &agent).await;
    let (_, placements) = empty().await;
    placements
        .drain(&farms, "ts0", None, None, clock())
        .await
        .unwrap();
    for user in ["alice", "bob", "carol"] {
        let id = format!("{user}-50-1700000000_stDXFCE_dp24");
        agent.tells(&machine(&listeners[0]), user, session(&id, "ts0"));
        place(&placements, &farms, &offer(user, "lab")).await;
    }
    for user in ["dave", "erin", "frank"] {
        let shows = Offer {
            begins_session: false,
            ..offer(user, "lab")
        };
        place(&placements, &farms, &shows).await;
    }
    assert_eq!(placements.leases(clock()), 6);
    pass(Duration::from_mins(2));
    later().await;
    placements.review(&farms, clock).await.unwrap();
    assert_eq!(placements.leases(clock()), 0);
    let (lab, ts1) = (FarmName::new("lab").unwrap(), HostName::new("ts1").unwrap());
    assert!(!farms.host(&lab, &ts1).unwrap().backed_off(clock()));
}

#[tokio::test]
async fn desktops_are_shown_on_the_host_where_the_user_has_one() {
    let (agent, listeners) = (FakeAgent::new(), [listener(), listener()]);
    let farms = asked(&listeners, &agent).await;
    let (_, placements) = empty().await;
    for user in ["alice", "bob", "carol"] {
        let id = format!("{user}-50-1700000000_stDXFCE_dp24");
        agent.tells(&machine(&listeners[0]), user, session(&id, "ts0"));
        let shows = Offer {
            begins_session: false,
            ..offer(user, "lab")
        };
        // The other has less load from the second on.
        let placed = placements.place(&farms, &shows, clock(), 0).await.unwrap();
        assert_eq!(placed.host().as_str(), "ts0");
    }
}

#[tokio::test]
async fn who_is_told_of_a_session_has_a_lease_that_stands_for_it() {
    let (agent, listeners) = (FakeAgent::new(), [listener(), listener()]);
    let farms = asked(&listeners, &agent).await;
    let (store, placements) = empty().await;
    let id = "alice-50-1700000000_stDXFCE_dp24";
    agent.tells(&machine(&listeners[1]), "alice", session(id, "ts1"));
    let alice = offer("alice", "lab");
    let told = farms.sessions(&alice).await;
    for resumable in [&told[..], &[]] {
        let admitted = placements.admit(&alice.account, clock()).unwrap();
        let wish = Wish {
            resumable,
            ..Wish::beside(&told)
        };
        let placed = placements
            .place_admitted(&farms, &alice, &admitted, wish, clock(), 0)
            .await;
        assert_eq!(placed.unwrap().host().as_str(), "ts1");
        let began = clock().minus(Duration::from_secs(told[0].session.age_s));
        let stands_for_it = !resumable.is_empty();
        assert_eq!(store.all()[0].confirmed, stands_for_it.then_some(began));
    }
}

#[tokio::test]
async fn three_leases_that_come_to_nothing_close_a_host_for_a_minute() {
    let (agent, listeners) = (FakeAgent::new(), [listener()]);
    let farms = asked(&listeners, &agent).await;
    let (_, placements) = empty().await;
    for user in ["alice", "bob", "carol"] {
        place(&placements, &farms, &offer(user, "lab")).await;
    }
    pass(Duration::from_secs(119));
    placements.review(&farms, clock).await.unwrap();
    assert_eq!(placements.leases(clock()), 3);
    pass(Duration::from_secs(1));
    later().await;
    placements.review(&farms, clock).await.unwrap();
    assert_eq!(placements.leases(clock()), 0);
    let host = only_host(&placements, &farms);
    assert_eq!(host.backed_off_until, Some(clock().plus(Duration::from_mins(1))));
    let (lab, ts0) = (FarmName::new("lab").unwrap(), HostName::new("ts0").unwrap());
    assert!(farms.host(&lab, &ts0).unwrap().backed_off(clock()));
}

#[tokio::test]
async fn what_no_host_told_ends_no_lease() {
    let (agent, listeners) = (FakeAgent::new(), [listener(), listener()]);
    let farms = asked(&listeners, &agent).await;
    let (store, placements) = empty().await;
    for user in ["alice", "bob"] {
        place(&placements, &farms, &offer(user, "lab")).await;
    }
    pass(Duration::from_mins(10));
    later().await;
    // One is under a name that no host has; the other's host is frozen.
    let of = |user| {
        store
            .all()
            .into_iter()
            .find(|lease| lease.account == account(user))
    };
    let machine_of = |user| {
        let host = of(user).unwrap().host;
        machine(&listeners[usize::from(host.as_str() == "ts1")])
    };
    agent.freeze(&machine_of("bob"));
    agent.tells(
        &machine_of("alice"),
        "alice",
        session("alice-50-1700000000_stDXFCE_dp24", "terminal-1"),
    );
    tokio::time::pause();
    placements.review(&farms, clock).await.unwrap();
    tokio::time::resume();
    assert_eq!(placements.leases(clock()), 2);
    let troubles = placements.hosts(&farms, clock());
    assert!(
        troubles.iter().any(|host| host
            .trouble
            .as_ref()
            .is_some_and(|trouble| trouble.contains("`terminal-1`"))),
        "{troubles:?}"
    );
}

#[tokio::test]
async fn a_session_that_was_seen_outlasts_that_its_host_forgets_the_user() {
    let (agent, listeners) = (FakeAgent::new(), [listener()]);
    let farms = asked(&listeners, &agent).await;
    let (_, placements) = empty().await;
    let machine = machine(&listeners[0]);
    agent.tells(
        &machine,
        "alice",
        session("alice-50-1700000000_stDXFCE_dp24", "ts0"),
    );
    for user in ["alice", "bob"] {
        place(&placements, &farms, &offer(user, "lab")).await;
    }
    pass(Duration::from_secs(10));
    placements.review(&farms, clock).await.unwrap();
    let no_user = AgentError::NoSuchUser("no such user on system".to_owned());
    agent.fails(&machine, no_user);
    pass(Duration::from_mins(10));
    later().await;
    placements.review(&farms, clock).await.unwrap();
    let known = placements.sessions(&farms, clock());
    assert_eq!(placements.leases(clock()), 1, "{known:?}");
    assert_eq!(known[0].account, Some(account("alice")));
}

#[tokio::test]
async fn a_host_that_cannot_tell_keeps_no_other_waiting() {
    let (agent, listeners) = (FakeAgent::new(), [listener(), listener()]);
    let farms = asked(&listeners, &agent).await;
    let store = Arc::new(MemoryStore::default());
    for number in 0..300 {
        let waiting = waiting_lease(&format!("user{number}"), "ts0", clock());
        store.put_lease(waiting).await.unwrap();
    }
    pass(Duration::from_secs(10));
    store
        .put_lease(waiting_lease("alice", "ts1", clock()))
        .await
        .unwrap();
    let placements = Placements::load(super::stores(&store)).await.unwrap();
    agent.fails(&machine(&listeners[0]), AgentError::Garbled("no list".to_owned()));
    let id = "alice-50-1700000000_stDXFCE_dp24";
    agent.tells(&machine(&listeners[1]), "alice", session(id, "ts1"));
    for _ in 0..2 {
        pass(Duration::from_secs(10));
        later().await;
        placements.review(&farms, clock).await.unwrap();
    }
    let confirmed: Vec<_> = store
        .all()
        .into_iter()
        .filter(|lease| lease.confirmed.is_some())
        .collect();
    assert_eq!(confirmed.len(), 1);
    assert_eq!(confirmed[0].account, account("alice"));
    assert_eq!(placements.leases(clock()), 301);
}

#[tokio::test]
async fn a_users_sessions_are_found_on_all_hosts_that_answer() {
    let (agent, listeners) = (FakeAgent::new(), [listener(), listener(), listener()]);
    let farms = asked(&listeners, &agent).await;
    for (number, listener) in listeners.iter().enumerate() {
        let id = format!("alice-5{number}-1700000000_stDXFCE_dp24");
        agent.tells(&machine(listener), "alice", session(&id, &format!("ts{number}")));
    }
    agent.freeze(&machine(&listeners[1]));
    let found = farms.sessions(&offer("alice", "lab")).await;
    let mut hosts: Vec<_> = found.iter().map(|found| found.host.name.as_str()).collect();
    hosts.sort_unstable();
    assert_eq!(hosts, ["ts0", "ts2"]);
    assert!(farms.sessions(&offer("bob", "lab")).await.is_empty());
    assert!(farms.sessions(&offer("alice", "elsewhere")).await.is_empty());
}

#[tokio::test]
async fn a_host_without_an_agent_is_asked_nothing() {
    let listeners = [listener()];
    let farms = super::watched([lab(&listeners)]).await;
    let (_, placements) = empty().await;
    place(&placements, &farms, &offer("alice", "lab")).await;
    pass(Duration::from_mins(30));
    placements.review(&farms, clock).await.unwrap();
    assert_eq!(placements.leases(clock()), 1);
    assert!(farms.sessions(&offer("alice", "lab")).await.is_empty());
    let known = placements.sessions(&farms, clock());
    assert_eq!((known.len(), known[0].state), (1, "starting"));
}

#[tokio::test]
async fn hosts_that_do_not_tell_are_waited_for_once_however_many_farms_there_are() {
    let (agent, listeners) = (FakeAgent::new(), [listener(), listener(), listener()]);
    let names = ["lab", "hall", "attic"];
    let farms = names.iter().zip(&listeners).map(|(name, listener)| {
        let ts0 = host("ts0", "127.0.0.1", port_of(listener));
        farm(name, vec![ts0])
    });
    let farms = probed(farms, &agent).await;
    until(&farms, "ts0", true).await;
    listeners
        .iter()
        .for_each(|listener| agent.freeze(&machine(listener)));
    let (_store, placements) = empty().await;
    let offers = names.map(|name| offer("alice", name));
    tokio::time::pause();
    let began = tokio::time::Instant::now();
    let placed = placements.place_in_each_farm(&farms, &offers, clock(), 0).await;
    // One second; nobody else moves this clock.
    assert!(
        began.elapsed() < Duration::from_millis(1500),
        "{:?}",
        began.elapsed()
    );
    assert_eq!(placed.len(), names.len());
}

#[tokio::test]
async fn what_a_client_says_of_a_session_counts_without_a_lease() {
    let (agent, listeners) = (FakeAgent::new(), [listener()]);
    let farms = asked(&listeners, &agent).await;
    let (_store, placements) = empty().await;
    let machine = machine(&listeners[0]);
    agent.tells(
        &machine,
        "alice",
        session("alice-50-1700000000_stDXFCE_dp24", "ts0"),
    );
    let alice = offer("alice", "lab");
    assert_eq!(farms.sessions(&alice).await.len(), 1);
    agent.tells_nothing(&machine);
    assert_eq!(farms.sessions(&alice).await.len(), 1, "it was told a moment ago");
    placements.sessions_changed(&farms, &alice.account, "127.0.0.1");
    assert!(farms.sessions(&alice).await.is_empty());
}
