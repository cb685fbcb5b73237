//! The throttle as a whole, on a clock of the test's own.

use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};

use super::*;
use crate::model::{Account, Source, UserName};
use crate::store::Embedded;

fn at(second: i64) -> Now {
    Now::from_unix_ms(1_800_000_000_000 + second * 1000)
}

fn account(number: usize) -> Name {
    Name::Account(Account {
        source: Source::Ldap,
        user: UserName::new(&format!("user{number}")).unwrap(),
    })
}

fn client(text: &str) -> ClientAddress {
    ClientAddress::new(text.parse().unwrap())
}

/// The address of the seat with that number; no two share one.
fn seat(number: usize) -> ClientAddress {
    client(&format!("10.1.{}.{}", number / 250, number % 250))
}

/// A throttle whose logins are played one after the other.
struct Stage {
    counts: Counts,
    limits: Limits,
}

impl Stage {
    fn new() -> Self {
        Self {
            counts: Counts::new(),
            limits: Limits::default(),
        }
    }

    /// Whether somebody gets as far as to try a password. What comes of it is counted.
    fn login(&mut self, name: &Name, client: ClientAddress, right: bool, second: i64) -> Result<(), Refused> {
        let typed = match name {
            Name::Account(account) => account.user.folded(),
            Name::Unknown(typed) => typed.clone(),
        };
        let (limits, at) = (&self.limits, at(second));
        self.counts.name_verdict(&typed, client, limits, at)?;
        match self.counts.verdict(name, client, limits, at) {
            Verdict::Open => {}
            Verdict::Busy => panic!("nothing is under way"),
            Verdict::Refused(refused) => return Err(refused),
        }
        let tried = Tried {
            typed,
            name: name.clone(),
            client,
            at,
        };
        self.counts.count(&tried, right, limits);
        Ok(())
    }

    fn refused_by(&mut self, name: &Name, client: ClientAddress, second: i64) -> Option<Which> {
        self.login(name, client, false, second)
            .err()
            .map(|refused| refused.which)
    }
}

#[test]
fn an_attacker_with_all_names_stops_nobody_at_a_known_seat() {
    const USERS: usize = 5_000;
    let mut stage = Stage::new();
    for user in 0..USERS {
        stage.login(&account(user), seat(user), true, -86_400).unwrap();
    }
    // From 2,000 clients, 200 names a second, for half an hour: each name again and again.
    let (mut tried, mut stopped) = (0, 0);
    for guess in 0..360_000 {
        let from = client(&format!("203.0.{}.{}", guess % 2_000 / 250, guess % 250));
        let outcome = stage.login(&account(guess % USERS), from, false, guess as i64 / 200);
        match outcome {
            Ok(()) => tried += 1,
            Err(_) => stopped += 1,
        }
    }
    assert!(
        stopped > tried,
        "the attacker tried {tried} and was stopped {stopped} times"
    );
    for user in 0..USERS {
        for right in [false, false, true] {
            let outcome = stage.login(&account(user), seat(user), right, 1_800);
            assert_eq!(outcome, Ok(()), "user{user}");
        }
    }
    let new_seat = client("10.9.9.9");
    assert_eq!(
        stage.refused_by(&account(0), new_seat, 1_800),
        Some(Which::UserElsewhere)
    );
}

/// What 400 users do who come within ten minutes, one in ten of them mistyping once or twice.
fn monday_morning(random: &mut StdRng) -> Vec<(usize, bool, i64)> {
    let mut logins = Vec::new();
    for user in 0..400 {
        let mut second = random.random_range(0..600);
        if user % 10 == 0 {
            for _ in 0..random.random_range(1..=2) {
                logins.push((user, false, second));
                second += random.random_range(5..30);
            }
        }
        logins.push((user, true, second));
    }
    logins.shuffle(random);
    logins.sort_by_key(|(_, _, second)| *second);
    logins
}

#[test]
fn four_hundred_users_behind_one_address_get_in_with_their_typos() {
    let gateway = client("192.0.2.1");
    for seed in 0..20 {
        let mut random = StdRng::seed_from_u64(seed);
        let mut stage = Stage::new();
        // On the first day nobody is known there.
        for (day, known) in [(0, false), (1, true)] {
            for (user, right, second) in monday_morning(&mut random) {
                let outcome = stage.login(&account(user), gateway, right, day * 86_400 + second);
                assert_eq!(outcome, Ok(()), "user{user}, known: {known}");
            }
        }
        // All who mistype before anybody else comes: more than the limit of the client.
        for user in (0..400).step_by(10) {
            stage.login(&account(user), gateway, false, 200_000).unwrap();
        }
        for user in 0..400 {
            stage.login(&account(user), gateway, true, 200_010).unwrap();
        }
    }
}

#[test]
fn nobody_behind_a_gateway_locks_the_site() {
    let gateway = client("192.0.2.1");
    let mut stage = Stage::new();
    for user in 0..10 {
        stage.login(&account(user), gateway, true, 0).unwrap();
    }
    let nobody = |number: usize| Name::Unknown(format!("nobody{number}"));
    let stopped = (0..100).find(|number| stage.refused_by(&nobody(*number), gateway, 400).is_some());
    assert_eq!(stopped, Some(30));
    assert_eq!(stage.refused_by(&nobody(0), gateway, 400), Some(Which::Client));
    assert_eq!(stage.refused_by(&account(77), gateway, 400), Some(Which::Client));
    for user in 0..10 {
        assert_eq!(stage.login(&account(user), gateway, true, 401), Ok(()));
    }
    // Ten more have got in since, and make up for ten of the thirty.
    assert_eq!(stage.login(&account(77), gateway, true, 402), Ok(()));
}

#[test]
fn five_failures_of_a_user_at_a_client_refuse_that_user_there_and_nobody_else() {
    let mut stage = Stage::new();
    let (here, there) = (client("10.1.0.1"), client("10.1.0.2"));
    for second in 0..5 {
        assert_eq!(stage.refused_by(&account(1), here, second), None);
    }
    let refused = stage.login(&account(1), here, true, 10).unwrap_err();
    assert_eq!((refused.which, refused.until), (Which::User, at(300)));
    assert_eq!(
        refused.to_string(),
        "throttled by `user` (5 in 5m) until 2027-01-15T08:05:00Z"
    );
    assert_eq!(stage.login(&account(2), here, true, 10), Ok(()));
    assert_eq!(stage.login(&account(1), there, true, 10), Ok(()));
    assert!(stage.login(&account(1), here, true, 299).is_err());
    assert_eq!(stage.login(&account(1), here, true, 300), Ok(()));
}

#[test]
fn who_gets_in_begins_anew() {
    let mut stage = Stage::new();
    let here = client("10.1.0.1");
    for round in 0..5 {
        for _ in 0..4 {
            stage.login(&account(1), here, false, round).unwrap();
        }
        stage.login(&account(1), here, true, round).unwrap();
    }
}

#[test]
fn an_ipv6_client_is_its_64() {
    let mut stage = Stage::new();
    for host in 1..=5 {
        assert_eq!(
            stage.refused_by(&account(1), client(&format!("2001:db8::{host}")), 0),
            None
        );
    }
    assert_eq!(
        stage.refused_by(&account(1), client("2001:db8::ffff"), 0),
        Some(Which::User)
    );
    assert_eq!(stage.refused_by(&account(1), client("2001:db8:0:1::1"), 0), None);
}

#[test]
fn an_unknown_name_counts_at_its_client_alone() {
    let mut stage = Stage::new();
    let nobody = Name::Unknown("nobody".to_owned());
    for number in 0..40 {
        assert_eq!(stage.refused_by(&nobody, seat(number), 0), None);
    }
    for _ in 1..5 {
        assert_eq!(stage.refused_by(&nobody, seat(0), 0), None);
    }
    assert_eq!(stage.refused_by(&nobody, seat(0), 0), Some(Which::User));
}

#[test]
fn a_shared_network_has_no_limit_of_its_own() {
    let mut stage = Stage::new();
    stage.limits.shared_networks = vec!["192.0.2.0/24".parse().unwrap()];
    for user in 0..1_000 {
        assert_eq!(stage.refused_by(&account(user), client("192.0.2.7"), 0), None);
    }
    for user in 0..30 {
        assert_eq!(stage.refused_by(&account(user), client("198.51.100.7"), 0), None);
    }
    assert_eq!(
        stage.refused_by(&account(30), client("198.51.100.7"), 0),
        Some(Which::Client)
    );
}

#[test]
fn no_attack_makes_the_tables_forget_whom_they_refuse() {
    let mut stage = Stage::new();
    stage.counts = Counts::bounded(20, 50);
    let here = client("10.1.0.1");
    for _ in 0..5 {
        stage.login(&account(1), here, false, 0).unwrap();
    }
    for guess in 0..500 {
        let _ = stage.login(&account(guess + 2), seat(guess), false, 1);
    }
    assert_eq!(stage.refused_by(&account(1), here, 2), Some(Which::User));
    // Full of those that refuse.
    for user in 0..100 {
        for _ in 0..5 {
            let _ = stage.login(&account(user), seat(user), false, 3);
        }
    }
    assert!(stage.counts.is_too_full_for("user999", seat(999), at(4)));
    assert!(
        !stage.counts.is_too_full_for("user1", here, at(4)),
        "is counted already"
    );
    assert!(!stage.counts.is_too_full_for("user999", seat(999), at(304)));
    stage.login(&account(1), here, true, 304).unwrap();
    assert!(
        !stage.counts.is_too_full_for("user999", here, at(4)),
        "a seat of somebody"
    );
}

#[tokio::test(start_paused = true)]
async fn a_newcomer_to_full_tables_waits_and_is_not_shut_out() {
    let throttle = Throttle::in_memory();
    let limits = Limits::default();
    *throttle.counts() = Counts::bounded(1, 50);
    let admit = async |name: &str, host: &str| {
        let begun = tokio::time::Instant::now();
        let typed = TypedName::new(name).unwrap();
        throttle
            .admit_name(&typed, client(host), &limits, at(1))
            .await
            .unwrap();
        begun.elapsed()
    };
    assert_eq!(admit("alice", "10.1.0.1").await, Duration::ZERO);
    for _ in 0..5 {
        let tried = Tried {
            typed: "user1".to_owned(),
            name: account(1),
            client: seat(1),
            at: at(0),
        };
        throttle.counts().count(&tried, false, &limits);
    }
    assert_eq!(admit("alice", "10.1.0.1").await, NEWCOMER_DELAY);
}

#[test]
fn connection_tests_have_a_limit_of_their_own() {
    let throttle = Throttle::in_memory();
    for _ in 0..10 {
        throttle.connection_test(seat(1), at(0)).unwrap();
    }
    let refused = throttle.connection_test(seat(1), at(59)).unwrap_err();
    assert_eq!((refused.which, refused.until), (Which::ConnectionTests, at(60)));
    throttle.connection_test(seat(2), at(59)).unwrap();
    throttle.connection_test(seat(1), at(60)).unwrap();
}

#[tokio::test]
async fn what_was_counted_outlives_a_restart_until_it_is_cleared() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    let limits = Arc::new(Limits::default());
    let begin = || {
        let store = Arc::new(Embedded::open(&path).unwrap());
        Arc::new(Throttle::restore(store, &limits))
    };
    let alice = TypedName::new("Alice ").unwrap();
    let attempt = |throttle: &Arc<Throttle>, client, success, second| {
        match throttle.begin(&alice, account(1), client, &limits, at(second)) {
            Beginning::Open(pass) => pass.count(success),
            Beginning::Busy => panic!("nothing is under way"),
            Beginning::Refused(refused) => return Some(refused.which),
        }
        None
    };
    let throttle = begin();
    attempt(&throttle, seat(1), true, -86_400);
    attempt(&throttle, seat(2), true, -86_400);
    for number in 0..5 {
        attempt(&throttle, seat(1), false, 0);
        attempt(&throttle, seat(100 + number), false, 0);
    }
    let listed = throttle.list(&limits, at(1));
    drop(throttle);

    let throttle = begin();
    assert_eq!(throttle.list(&limits, at(1)), listed);
    assert_eq!(attempt(&throttle, seat(1), true, 1), Some(Which::User));
    assert_eq!(attempt(&throttle, seat(99), true, 1), Some(Which::UserElsewhere));
    assert_eq!(attempt(&throttle, seat(2), false, 1), None, "a known seat");
    assert!(throttle.clear(Forgotten::Name("user1".to_owned())).await.unwrap() > 0);
    assert_eq!(attempt(&throttle, seat(99), false, 1), None);
    for _ in 0..4 {
        assert_eq!(attempt(&throttle, seat(1), false, 2), None);
    }
    drop(throttle);

    let throttle = begin();
    assert_eq!(attempt(&throttle, seat(1), false, 3), None, "four and not nine");
    assert!(
        throttle
            .clear(Forgotten::Client(seat(1).network()))
            .await
            .unwrap()
            > 0
    );
    assert_eq!(attempt(&throttle, seat(1), false, 3), None);
    assert!(throttle.clear(Forgotten::All).await.unwrap() > 0);
    assert_eq!(throttle.list(&limits, at(3)), []);
    assert!(throttle.prune(at(31 * 86_400)).await.unwrap() > 0);
}
