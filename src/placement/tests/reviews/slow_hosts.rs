//! Hosts that answer just in time.

use proptest::prelude::*;

use super::*;

/// A moment before an agent counts as silent.
const SLOW: Duration = Duration::from_secs(9);
/// Longer than an answer serves, and sooner than the first slow one.
const SOON: Duration = Duration::from_secs(6);
/// Most questions to one host at the same time.
const AT_ONCE: usize = 4;

/// How many leases wait on a host, and whether it is slow.
type Waiting = (usize, bool);

/// The leases of each host, and a session for each.
async fn waiting(hosts: &[Waiting], listeners: &[TcpListener], agent: &FakeAgent) -> Arc<MemoryStore> {
    let store = Arc::new(MemoryStore::default());
    for (host, (leases, slow)) in hosts.iter().enumerate() {
        let machine = machine(&listeners[host]);
        if *slow {
            agent.slow(&machine, SLOW);
        }
        for number in 0..*leases {
            let user = format!("user{number}of{host}");
            let server = format!("ts{host}");
            agent.tells(
                &machine,
                &user,
                session(&format!("{user}-50-1700000000_stDXFCE_dp24"), &server),
            );
            store
                .put_lease(waiting_lease(&user, &server, clock()))
                .await
                .unwrap();
        }
    }
    store
}

/// How many leases there are on each host, and how many of them are confirmed.
fn on_hosts(store: &MemoryStore, hosts: usize) -> Vec<(usize, usize)> {
    let all = store.all();
    let on = |host: usize| {
        let there = || {
            all.iter()
                .filter(move |lease| lease.host.as_str() == format!("ts{host}"))
        };
        let confirmed = there().filter(|lease| lease.confirmed.is_some());
        (there().count(), confirmed.count())
    };
    (0..hosts).map(on).collect()
}

async fn only_their_own(hosts: &[Waiting]) {
    let agent = FakeAgent::new();
    let listeners: Vec<_> = hosts.iter().map(|_| listener()).collect();
    let farms = asked(&listeners, &agent).await;
    let store = waiting(hosts, &listeners, &agent).await;
    let placements = Placements::load(super::super::stores(&store)).await.unwrap();
    pass(Duration::from_secs(10));
    agent.asked();
    tokio::time::pause();
    let began = tokio::time::Instant::now();
    let first = async {
        placements.review(&farms, clock).await.unwrap();
        began.elapsed()
    };
    let meanwhile = async {
        tokio::time::sleep(SOON).await;
        let confirmed: Vec<_> = hosts
            .iter()
            .map(|(leases, slow)| (*leases, if *slow { 0 } else { *leases }))
            .collect();
        assert_eq!(on_hosts(&store, hosts.len()), confirmed);
        let asked = agent.asked();
        for (host, (leases, slow)) in hosts.iter().enumerate() {
            agent.tells_nothing(&machine(&listeners[host]));
            let question = format!("sessions {}", machine(&listeners[host]).address());
            if listeners.len() == 1 && *slow {
                let questions = asked.iter().filter(|asked| **asked == question).count();
                assert_eq!(
                    questions,
                    (*leases).min(AT_ONCE),
                    "what a slow host is asked at once"
                );
            }
        }
        // All sessions end, and the next look is made while the first still waits for slow hosts.
        pass(Duration::from_mins(6));
        placements.review(&farms, clock).await.unwrap();
        let left: Vec<_> = hosts
            .iter()
            .map(|(leases, slow)| if *slow { (*leases, 0) } else { (0, 0) })
            .collect();
        assert_eq!(on_hosts(&store, hosts.len()), left);
        began.elapsed()
    };
    let (first, meanwhile) = tokio::join!(first, meanwhile);
    if hosts.iter().any(|(leases, slow)| *leases > 0 && *slow) {
        assert!(first > meanwhile, "the first look waited for a slow host");
    }
    tokio::time::resume();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_slow_host_delays_its_own_leases_alone(
        hosts in prop::collection::vec((0..24_usize, any::<bool>()), 1..6),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(only_their_own(&hosts));
    }
}
