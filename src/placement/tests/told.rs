//! What agents tell: of machines, of counts and of sessions. The time is tokio's, which stands still while there is
//! something to do; nothing here opens a socket.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use super::at;
use super::fake_agent::{FakeAgent, session};
use crate::agent::{AgentError, LeftOut};
use crate::model::{HostAddress, Machine, Now, SessionUser};
use crate::placement::asked::{AskedMachine, Told};
use crate::placement::database::SessionDatabase;
use crate::placement::disbelief::{Disbelieved, Witness};
use crate::placement::health::Health;

/// A machine that takes connections.
fn machine(name: &str, agent: &Arc<FakeAgent>) -> Arc<AskedMachine> {
    watched(name, agent, Witness::nobody())
}

/// The same, with somebody who is told of what is not believed.
fn watched(name: &str, agent: &Arc<FakeAgent>, witness: Witness) -> Arc<AskedMachine> {
    let machine = Machine::new(&HostAddress::new(name).unwrap(), 22);
    let (agent, names) = (Arc::<FakeAgent>::clone(agent), name.to_owned());
    let (health, up) = watch::channel(Health::Up);
    // Held for as long as the test is.
    std::mem::forget(health);
    let told = Told::default();
    Arc::new(AskedMachine::new(machine, agent, names, up, told, witness))
}

fn database(members: &[&Arc<AskedMachine>]) -> Arc<SessionDatabase> {
    let members = members
        .iter()
        .map(|asked| (Arc::clone(*asked), asked.machine.address().to_owned()))
        .collect();
    Arc::new(SessionDatabase::new(members, None))
}

fn alice() -> SessionUser {
    SessionUser::new("alice").unwrap()
}

/// The numbers of the hosts on which alice has sessions; none if nobody can tell.
async fn hosts_of_alice(database: &Arc<SessionDatabase>) -> Option<Vec<usize>> {
    let told = database.sessions(&alice()).answer().await?;
    Some(told.on_hosts.iter().map(|(host, _)| *host).collect())
}

fn counts(database: &SessionDatabase, hosts: usize) -> Vec<Option<u32>> {
    (0..hosts)
        .map(|host| {
            let counted = *database.counted(host).unwrap().borrow();
            counted.map(|counted| counted.sessions)
        })
        .collect()
}

/// The time that tokio says, on a wall.
fn clock() -> Now {
    thread_local! {
        static BEGAN: Instant = Instant::now();
    }
    at(1_000).plus(BEGAN.with(Instant::elapsed))
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_stops_answering_is_silent_and_found_again() {
    let agent = FakeAgent::new();
    let ts01 = machine("ts01", &agent);
    let mut tasks = JoinSet::new();
    tasks.spawn(Arc::clone(&ts01).keep_asking(clock));
    sleep(Duration::from_secs(60)).await;
    assert!(ts01.told().load.is_some() && ts01.answers());
    agent.freeze(&ts01.machine);
    let mut told = ts01.subscribe();
    let silent = told.wait_for(Told::is_silent);
    drop(timeout(Duration::from_secs(120), silent).await.unwrap());
    assert!(!ts01.answers());
    agent.thaw(&ts01.machine);
    let answers = told.wait_for(|told| !told.is_silent());
    drop(timeout(Duration::from_secs(20), answers).await.unwrap());
    assert!(ts01.answers());
}

#[tokio::test(start_paused = true)]
async fn a_question_without_an_answer_is_followed_by_one_of_the_background() {
    let agent = FakeAgent::new();
    let ts01 = machine("ts01", &agent);
    let mut tasks = JoinSet::new();
    tasks.spawn(Arc::clone(&ts01).keep_asking(clock));
    sleep(Duration::from_secs(60)).await;
    agent.freeze(&ts01.machine);
    let own = database(&[&ts01]);
    assert_eq!(hosts_of_alice(&own).await, None);
    assert!(!ts01.answers());
    agent.asked();
    // From here on nobody waits for it. The question of the background that is under way takes 10 s at most.
    sleep(Duration::from_secs(20)).await;
    let began = Instant::now();
    assert_eq!(hosts_of_alice(&own).await, None);
    assert_eq!(began.elapsed(), Duration::ZERO);
    let asked = agent.asked();
    assert!(asked.contains(&"load ts01".to_owned()), "{asked:?}");
    assert!(!asked.contains(&"sessions ts01".to_owned()), "{asked:?}");
    agent.thaw(&ts01.machine);
    sleep(Duration::from_secs(20)).await;
    assert_eq!(hosts_of_alice(&own).await, Some(vec![]));
}

#[tokio::test(start_paused = true)]
async fn a_host_is_believed_about_itself_alone() {
    let agent = FakeAgent::new();
    let (ts01, ts02) = (machine("ts01", &agent), machine("ts02", &agent));
    for (id, server) in [
        ("alice-50-1700000000_stDXFCE_dp24", "ts01"),
        ("alice-51-1700000000_stDXFCE_dp24", "ts02"),
        ("alice-52-1700000000_stDXFCE_dp24", "TS01.example.org"),
        ("bob-53-1700000000_stDXFCE_dp24", "ts01"),
    ] {
        agent.tells(&ts01.machine, "alice", session(id, server));
    }
    let own = database(&[&ts01]);
    let told = own.sessions(&alice()).answer().await.unwrap();
    let ids: Vec<_> = told.on_hosts.iter().map(|(_, session)| session.display).collect();
    assert_eq!(told.on_hosts.len(), 2, "{ids:?}");
    assert!(told.elsewhere);
    assert_eq!(own.stranger().as_deref(), Some("ts02"));
    // Where they share a database, each speaks of both.
    let shared = database(&[&ts01, &ts02]);
    agent.freeze(&ts02.machine);
    assert_eq!(hosts_of_alice(&shared).await, Some(vec![0, 1, 0]));
}

#[tokio::test(start_paused = true)]
async fn a_host_that_makes_names_up_is_spoken_of_a_few_times() {
    let agent = FakeAgent::new();
    let ts01 = machine("ts01", &agent);
    for number in 0..40 {
        let id = format!("alice-{}-1700000000_stDXFCE_dp24", 50 + number);
        agent.tells(&ts01.machine, "alice", session(&id, &format!("made-up-{number}")));
    }
    let own = database(&[&ts01]);
    own.sessions(&alice()).answer().await.unwrap();
    assert_eq!(own.stranger().as_deref(), Some("made-up-15"));
}

#[tokio::test(start_paused = true)]
async fn a_database_that_is_shared_is_asked_of_another_host_when_one_is_slow() {
    let agent = FakeAgent::new();
    let machines: Vec<_> = (0..4).map(|n| machine(&format!("ts0{n}"), &agent)).collect();
    let shared = database(&machines.iter().collect::<Vec<_>>());
    for frozen in &machines[..2] {
        agent.freeze(&frozen.machine);
    }
    let id = "alice-50-1700000000_stDXFCE_dp24";
    for told in &machines[2..] {
        agent.tells(&told.machine, "alice", session(id, "ts00"));
    }
    let began = Instant::now();
    assert_eq!(hosts_of_alice(&shared).await, Some(vec![0]));
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    // The frozen ones are known as such some time later, and are asked no more.
    sleep(Duration::from_secs(15)).await;
    agent.asked();
    assert_eq!(hosts_of_alice(&shared).await, Some(vec![0]));
    assert_eq!(agent.asked().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn one_host_that_does_not_know_a_user_does_not_speak_for_the_others() {
    let agent = FakeAgent::new();
    let (ts01, ts02) = (machine("ts01", &agent), machine("ts02", &agent));
    let no_user = || AgentError::NoSuchUser("no such user on system: alice".to_owned());
    agent.fails(&ts01.machine, no_user());
    let id = "alice-50-1700000000_stDXFCE_dp24";
    agent.tells(&ts02.machine, "alice", session(id, "ts02"));
    let shared = database(&[&ts01, &ts02]);
    // Whoever of them is asked first.
    for _ in 0..2 {
        assert_eq!(hosts_of_alice(&shared).await, Some(vec![1]));
        sleep(Duration::from_secs(6)).await;
    }
    // One that cannot tell may know the user.
    agent.fails(&ts02.machine, AgentError::Garbled("no list".to_owned()));
    assert_eq!(hosts_of_alice(&shared).await, None);
    sleep(Duration::from_secs(6)).await;
    agent.fails(&ts02.machine, no_user());
    let told = shared.sessions(&alice()).answer().await.unwrap();
    assert!(told.no_user && told.on_hosts.is_empty());
}

#[tokio::test(start_paused = true)]
async fn many_who_ask_the_same_are_one_question() {
    let agent = FakeAgent::new();
    let ts01 = machine("ts01", &agent);
    let own = database(&[&ts01]);
    let flights: Vec<_> = (0..100).map(|_| own.sessions(&alice())).collect();
    for flight in flights {
        assert!(flight.answer().await.is_some());
    }
    assert_eq!(agent.asked(), ["sessions ts01"]);
    sleep(Duration::from_secs(6)).await;
    hosts_of_alice(&own).await;
    assert_eq!(agent.asked(), ["sessions ts01"]);
}

#[tokio::test(start_paused = true)]
async fn counts_are_of_the_hosts_that_share_a_database_and_grow_old() {
    let agent = FakeAgent::new();
    let (ts01, ts02) = (machine("ts01", &agent), machine("ts02", &agent));
    let shared = database(&[&ts01, &ts02]);
    for host in [&ts01, &ts02] {
        agent.counts(&host.machine, Ok(&[("ts01", 7), ("elsewhere", 900)]));
    }
    let mut tasks = JoinSet::new();
    tasks.spawn(Arc::clone(&shared).keep_counting(clock));
    sleep(Duration::from_secs(60)).await;
    assert_eq!(counts(&shared, 2), [None, None], "in whose name?");
    hosts_of_alice(&shared).await.unwrap();
    agent.asked();
    sleep(Duration::from_secs(20)).await;
    assert_eq!(counts(&shared, 2), [Some(7), Some(0)]);
    assert!(agent.asked().len() <= 2, "one of them is asked");
    agent.freeze(&ts01.machine);
    agent.freeze(&ts02.machine);
    sleep(Duration::from_secs(60)).await;
    assert_eq!(counts(&shared, 2), [Some(7), Some(0)]);
    sleep(Duration::from_secs(120)).await;
    assert_eq!(counts(&shared, 2), [None, None]);
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_cannot_count_is_seldom_asked_to() {
    let agent = FakeAgent::new();
    let ts01 = machine("ts01", &agent);
    let own = database(&[&ts01]);
    let garbled = AgentError::Garbled("`ts01` is no server with a number".to_owned());
    agent.counts(&ts01.machine, Err(garbled));
    hosts_of_alice(&own).await.unwrap();
    let mut tasks = JoinSet::new();
    tasks.spawn(Arc::clone(&own).keep_counting(clock));
    agent.asked();
    sleep(Duration::from_secs(200)).await;
    assert_eq!(agent.asked(), ["counts ts01"]);
    assert_eq!(counts(&own, 1), [None]);
    assert!(ts01.answers(), "it does answer");
}

#[tokio::test(start_paused = true)]
async fn what_is_not_believed_is_said_once_in_a_while_and_without_a_word_of_the_host() {
    let agent = FakeAgent::new();
    let heard = Arc::new(Mutex::new(Vec::<Disbelieved>::new()));
    let hears = Arc::clone(&heard);
    let witness = Witness::new(move |disbelieved| hears.lock().unwrap().push(disbelieved));
    let ts01 = watched("ts01", &agent, witness);
    let own = database(&[&ts01]);
    let heard = || std::mem::take(&mut *heard.lock().unwrap());
    hosts_of_alice(&own).await.unwrap();
    assert_eq!(heard(), []);

    // One session is bob's by its id, one is on a host that ts01 does not speak for, and two lines were no sessions.
    agent.tells(
        &ts01.machine,
        "alice",
        session("bob-51-1700000000_stDXFCE_dp24", "ts01"),
    );
    agent.tells(
        &ts01.machine,
        "alice",
        session("alice-52-1700000000_stDXFCE_dp24", "evil"),
    );
    agent.lists_wrongly(LeftOut {
        with_protocol_words: 2,
        ..LeftOut::default()
    });
    for asked in 0..50 {
        sleep(Duration::from_secs(6)).await;
        assert_eq!(hosts_of_alice(&own).await, Some(vec![]));
        let heard = heard();
        if asked > 0 {
            assert_eq!(heard, []);
            continue;
        }
        let what = "1 line of another user, 2 lines with words of the broker protocol, \
                    1 line of sessions on a host that it does not speak for";
        assert_eq!(heard.len(), 1);
        assert_eq!(heard[0].what.to_string(), what);
        assert_eq!((heard[0].host.as_str(), &heard[0].user), ("ts01", &alice()));
    }
    sleep(Duration::from_mins(10)).await;
    hosts_of_alice(&own).await.unwrap();
    assert_eq!(heard().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_was_told_shortly_before_stands_in_for_an_answer_that_is_late() {
    let agent = FakeAgent::new();
    let ts01 = machine("ts01", &agent);
    let held = session("alice-51-1700000000_stDXFCE_dp24", "ts01");
    agent.tells(&ts01.machine, "alice", held);
    let own = database(&[&ts01]);
    let soon = async || {
        let deadline = Instant::now() + Duration::from_secs(1);
        let told = own.sessions(&alice()).answer_by(deadline).await;
        told.map(|told| told.on_hosts.len())
    };
    assert_eq!(soon().await, Some(1));
    agent.slow(&ts01.machine, Duration::from_secs(3));
    // Longer than one answer serves everybody.
    sleep(Duration::from_secs(6)).await;
    assert_eq!(soon().await, Some(1), "the new answer is late");
    sleep(Duration::from_secs(33)).await;
    assert_eq!(soon().await, None, "that was told too long ago");
    sleep(Duration::from_secs(9)).await;
    assert_eq!(soon().await, Some(1), "what came too late then stands in now");
    own.outdate(&alice());
    sleep(Duration::from_secs(6)).await;
    assert_eq!(soon().await, None, "something has happened to the sessions since");

    sleep(Duration::from_secs(9)).await;
    agent.tells_nothing(&ts01.machine);
    assert_eq!(soon().await, Some(1));
    sleep(Duration::from_secs(3)).await;
    assert_eq!(soon().await, Some(0), "the answer counts as soon as it is there");
}
