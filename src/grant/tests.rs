//! Keys against hosts that fail, hang and forget, and a daemon that is killed.

mod laws;
mod removals;

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};
use tracing::Instrument as _;

use super::*;
use crate::agent::{Agent, AgentError, Agents, Answer as AgentAnswer, Load, ServerCount, Sessions};
use crate::model::{
    Account, AuthorizedKey, ClientAddress, FarmName, HostAddress, HostName, KeyDelivery, KeyTarget, Machine,
    Now, Offered, PublicKey, SessionId, SessionUser, Source, UserName,
};
use crate::observe::Captured;
use crate::store::{Answer, KeyId, KeyRecord, Keys, StoreError};

const USERS: [&str; 3] = ["alice", "bob", "carol"];
const MACHINES: [&str; 3] = ["ts01", "ts02", "ts03"];
const FARMS: [&str; 2] = ["students", "staff"];

/// The key of a user: no two have the same.
fn public_key(user: &str) -> PublicKey {
    use base64::Engine as _;
    let mut blob = b"\0\0\0\x0bssh-ed25519\0\0\0\x20".to_vec();
    blob.extend([user.as_bytes()[0]; 32]);
    let text = base64::engine::general_purpose::STANDARD.encode(blob);
    PublicKey::parse(&format!("ssh-ed25519 {text}")).unwrap()
}

fn machine(name: &str) -> Machine {
    Machine::new(&HostAddress::new(name).unwrap(), 22)
}

fn target(farm: &str, host: &str, delivery: KeyDelivery) -> KeyTarget {
    KeyTarget {
        farm: FarmName::new(farm).unwrap(),
        host: HostName::new(host).unwrap(),
        machine: machine(host),
        delivery,
    }
}

/// An offer of a farm to a user, whose account on the hosts has the same name.
struct Offer {
    account: Account,
    farm: FarmName,
    session_user: SessionUser,
}

impl Offer {
    fn new(user: &str, farm: &str) -> Self {
        Self {
            account: Account {
                source: Source::Ldap,
                user: UserName::new(user).unwrap(),
            },
            farm: FarmName::new(farm).unwrap(),
            session_user: SessionUser::new(user).unwrap(),
        }
    }
}

impl Offered for Offer {
    fn account(&self) -> &Account {
        &self.account
    }

    fn farm(&self) -> &FarmName {
        &self.farm
    }

    fn session_user(&self) -> &SessionUser {
        &self.session_user
    }
    fn begins_session(&self) -> bool {
        true
    }
}

/// How a host behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mood {
    Well,
    Unreachable,
    /// Does nothing and says nothing.
    Frozen,
    /// Does it and says nothing.
    Mute,
    /// Says nothing and does it 20 s later.
    Late,
    /// Says no and does nothing.
    Grumpy,
    /// Knows nobody.
    Empty,
    /// Takes 4 s for a removal: it reads the lines at once, and writes those that are left at the end.
    Slow,
}

/// What a killed daemon leaves as it was: the hosts, the store, and the time.
#[derive(Debug, Default)]
struct World {
    lines: HashMap<(Machine, SessionUser), Vec<AuthorizedKey>>,
    moods: HashMap<Machine, Mood>,
    late: Vec<(Now, Machine, SessionUser, AuthorizedKey)>,
    records: Vec<KeyRecord>,
    disk_full: bool,
    /// When the daemon was started.
    started: i64,
}

impl World {
    fn all_lines(&self) -> Vec<(&Machine, &SessionUser, &AuthorizedKey)> {
        let accounts = self.lines.iter();
        let lines =
            accounts.flat_map(|((machine, user), lines)| lines.iter().map(move |line| (machine, user, line)));
        lines.collect()
    }

    fn do_what_was_late(&mut self, now: Now) {
        let (due, rest) = self.late.drain(..).partition(|(at, ..)| *at <= now);
        self.late = rest;
        for (_, machine, user, line) in due {
            self.lines.entry((machine, user)).or_default().push(line);
        }
    }
}

#[derive(Debug, Clone)]
struct Lab {
    world: Arc<Mutex<World>>,
    began: Instant,
}

impl Lab {
    fn now(&self) -> Now {
        let elapsed = i64::try_from(self.began.elapsed().as_millis()).unwrap();
        Now::from_unix_ms(self.world.lock().unwrap().started + elapsed)
    }

    /// Starts a daemon in this world; the moment is that of the runtime.
    async fn start(world: &Arc<Mutex<World>>) -> (Self, Arc<Grants>) {
        let lab = Self {
            world: Arc::clone(world),
            began: Instant::now(),
        };
        let clock = lab.clone();
        let pool = Pool::start(&[], Now::from_unix_ms(0));
        let store = Arc::new(lab.clone());
        let grants = Grants::load(store, pool, move || clock.now()).await.unwrap();
        let agents = Agents {
            ssh: Some(Arc::new(lab.clone())),
            local: None,
        };
        grants.configure(agents, 0);
        let grants = Arc::new(grants);
        let tended = Arc::clone(&grants);
        tokio::spawn(async move { tended.tend(|_| ()).await });
        (lab, grants)
    }

    async fn pass(&self, time: Duration) {
        let end = self.now().plus(time);
        while self.now() < end {
            // What is late comes between.
            let is_late = !self.world.lock().unwrap().late.is_empty();
            let rest = end.since(self.now());
            sleep(if is_late {
                rest.min(Duration::from_secs(1))
            } else {
                rest
            })
            .await;
            let now = self.now();
            self.world.lock().unwrap().do_what_was_late(now);
        }
    }

    fn mood(&self, machine: &Machine) -> Mood {
        *self
            .world
            .lock()
            .unwrap()
            .moods
            .get(machine)
            .unwrap_or(&Mood::Well)
    }

    async fn ask(&self, machine: &Machine, change: impl FnOnce(&mut World) + Send) -> Result<(), AgentError> {
        sleep(Duration::from_millis(100)).await;
        match self.mood(machine) {
            Mood::Well | Mood::Slow => change(&mut self.world.lock().unwrap()),
            Mood::Mute => {
                change(&mut self.world.lock().unwrap());
                std::future::pending::<()>().await;
            }
            Mood::Frozen | Mood::Late => std::future::pending::<()>().await,
            Mood::Unreachable => return Err(AgentError::Unreachable("refused".to_owned())),
            Mood::Grumpy => return Err(AgentError::Refused("no".to_owned())),
            Mood::Empty => return Err(AgentError::NoSuchUser("nobody".to_owned())),
        }
        Ok(())
    }
}

impl Agent for Lab {
    fn ping<'a>(&'a self, _: &'a Machine) -> AgentAnswer<'a, ()> {
        Box::pin(async { Ok(()) })
    }

    fn load<'a>(&'a self, _: &'a Machine) -> AgentAnswer<'a, Load> {
        Box::pin(async { Err(AgentError::Busy) })
    }

    fn session_counts<'a>(&'a self, _: &'a Machine, _: &'a SessionUser) -> AgentAnswer<'a, Vec<ServerCount>> {
        Box::pin(async { Err(AgentError::Busy) })
    }

    fn sessions<'a>(&'a self, _: &'a Machine, _: &'a SessionUser) -> AgentAnswer<'a, Sessions> {
        Box::pin(async { Err(AgentError::Busy) })
    }

    fn suspend<'a>(&'a self, _: &'a Machine, _: &'a SessionUser, _: &'a SessionId) -> AgentAnswer<'a, ()> {
        Box::pin(async { Err(AgentError::Busy) })
    }

    fn terminate<'a>(&'a self, _: &'a Machine, _: &'a SessionUser, _: &'a SessionId) -> AgentAnswer<'a, ()> {
        Box::pin(async { Err(AgentError::Busy) })
    }

    fn add_key<'a>(
        &'a self,
        machine: &'a Machine,
        user: &'a SessionUser,
        key: &'a AuthorizedKey,
    ) -> AgentAnswer<'a, ()> {
        Box::pin(async move {
            if self.mood(machine) == Mood::Late {
                let at = self.now().plus(Duration::from_secs(20));
                let late = (at, machine.clone(), user.clone(), key.clone());
                self.world.lock().unwrap().late.push(late);
            }
            let add = |world: &mut World| {
                let lines = world.lines.entry((machine.clone(), user.clone())).or_default();
                lines.push(key.clone());
            };
            self.ask(machine, add).await
        })
    }

    fn remove_key<'a>(
        &'a self,
        machine: &'a Machine,
        user: &'a SessionUser,
        key: &'a AuthorizedKey,
    ) -> AgentAnswer<'a, ()> {
        Box::pin(async move {
            let home = (machine.clone(), user.clone());
            let mut left = self
                .world
                .lock()
                .unwrap()
                .lines
                .get(&home)
                .cloned()
                .unwrap_or_default();
            left.retain(|line| line != key);
            if self.mood(machine) == Mood::Slow {
                sleep(Duration::from_secs(4)).await;
            }
            let write = |world: &mut World| {
                world.lines.insert(home, left);
            };
            self.ask(machine, write).await
        })
    }
}

impl Keys for Lab {
    fn keys(&self) -> Answer<'_, Vec<KeyRecord>> {
        let records = self.world.lock().unwrap().records.clone();
        Box::pin(async { Ok(records) })
    }

    fn put_key(&self, records: Vec<KeyRecord>) -> Answer<'_, ()> {
        Box::pin(async move {
            let mut world = self.world.lock().unwrap();
            if world.disk_full {
                return Err(StoreError("full".to_owned()));
            }
            for new in &records {
                for old in &mut world.records {
                    if old.account == new.account && old.farm == new.farm && old.id != new.id {
                        old.expires = old.expires.min(new.placed);
                    }
                }
            }
            world.records.extend(records);
            Ok(())
        })
    }

    fn remove_key(&self, id: KeyId, machine: &Machine) -> Answer<'_, ()> {
        let machine = machine.clone();
        Box::pin(async move {
            let gone = |record: &KeyRecord| record.id == id && record.target.machine == machine;
            self.world.lock().unwrap().records.retain(|record| !gone(record));
            Ok(())
        })
    }
}

static USUAL: LazyLock<Settings> = LazyLock::new(Settings::default);

fn asked<'s>(settings: &'s Settings, user: &str, targets: &[KeyTarget], random: u64) -> Asked<'s> {
    Asked {
        settings,
        chosen: targets.first().cloned(),
        others: targets.get(1..).unwrap_or_default().to_vec(),
        key: Wanted::Clients(public_key(user)),
        origin: Origin::Client(ClientAddress::new("192.0.2.7".parse().unwrap())),
        random,
    }
}

/// Runs in a time of its own, in which nothing waits really.
fn run<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(work)
}

/// Runs until the daemon is killed.
fn run_until_killed(world: &Arc<Mutex<World>>, work: impl AsyncFnOnce(&Lab, &Arc<Grants>)) {
    let now = run(async {
        let (lab, grants) = Lab::start(world).await;
        work(&lab, &grants).await;
        lab.now()
    });
    world.lock().unwrap().started = now.unix_ms();
}

fn ssh(farm: &str, host: &str) -> KeyTarget {
    target(farm, host, KeyDelivery::Ssh)
}

#[test]
fn a_key_is_on_the_chosen_host_and_the_others_and_goes_when_its_time_is_over() {
    let world = Arc::default();
    run_until_killed(&world, async |lab, grants| {
        let targets = [
            ssh("students", "ts01"),
            ssh("students", "ts02"),
            ssh("staff", "ts01"),
        ];
        let offer = Offer::new("alice", "students");
        let given = grants.give(&offer, asked(&USUAL, "alice", &targets, 7));
        assert_eq!(given.await.unwrap().id, KeyId(7));
        {
            let world = lab.world.lock().unwrap();
            let lines = world.all_lines();
            assert_eq!(lines.len(), 2);
            for (_, user, line) in lines {
                assert_eq!(user.as_str(), "alice");
                assert!(
                    line.as_str().ends_with(" x2godirector-0000000000000007"),
                    "{line:?}"
                );
                assert!(!line.as_str().contains("from="));
            }
        }
        assert_eq!(
            (grants.counts(lab.now()).open, grants.counts(lab.now()).over),
            (2, 0)
        );
        lab.pass(Duration::from_secs(115)).await;
        assert_eq!(lab.world.lock().unwrap().all_lines().len(), 2);
        lab.pass(Duration::from_secs(10)).await;
        assert!(lab.world.lock().unwrap().all_lines().is_empty());
        assert!(lab.world.lock().unwrap().records.is_empty());
        assert_eq!(grants.counts(lab.now()).removed, 2);
    });
}

#[test]
fn a_repeated_select_replaces_the_key_of_this_farm_alone() {
    let world = Arc::default();
    run_until_killed(&world, async |lab, grants| {
        let settings = Settings {
            from_client: true,
            ..Settings::default()
        };
        for (farm, random) in [("students", 1), ("staff", 2), ("students", 3)] {
            let offer = Offer::new("alice", farm);
            let targets = [ssh(farm, "ts01")];
            let given = grants.give(&offer, asked(&settings, "alice", &targets, random));
            given.await.unwrap();
        }
        lab.pass(Duration::from_secs(5)).await;
        let world = lab.world.lock().unwrap();
        let ends: Vec<_> = world
            .all_lines()
            .iter()
            .map(|(_, _, line)| line.as_str().rsplit_once('-').unwrap().1.to_owned())
            .collect();
        assert_eq!(ends, ["0000000000000002", "0000000000000003"]);
        assert!(world.all_lines()[0].2.as_str().contains(",from=\"192.0.2.7\" "));
    });
}

#[test]
fn a_key_for_one_address_is_not_given_to_an_unknown_one() {
    let only_the_clients = Settings {
        from_client: true,
        ..Settings::default()
    };
    for (settings, origin, is_given) in [
        (&only_the_clients, Origin::Unknown, false),
        (&only_the_clients, Origin::Proxy, true),
        (&*USUAL, Origin::Unknown, true),
    ] {
        let world = Arc::default();
        run_until_killed(&world, async |lab, grants| {
            let offer = Offer::new("alice", "students");
            let asked = Asked {
                origin,
                ..asked(settings, "alice", &[ssh("students", "ts01")], 7)
            };
            let given = grants.give(&offer, asked).await;
            lab.pass(Duration::from_secs(5)).await;
            let world = lab.world.lock().unwrap();
            assert_eq!(given.is_ok(), is_given, "{origin:?}: {given:?}");
            assert_eq!(world.all_lines().len(), usize::from(is_given));
            assert!(is_given || matches!(given, Err(NoKey::FromUnknown)));
            assert!(
                world
                    .all_lines()
                    .iter()
                    .all(|(_, _, line)| !line.as_str().contains("from="))
            );
        });
    }
}

#[test]
fn a_host_that_asks_is_told_for_as_long_as_the_key_counts_and_nothing_is_written() {
    let world = Arc::default();
    run_until_killed(&world, async |lab, grants| {
        let targets = [target("students", "ts01", KeyDelivery::Command)];
        let offer = Offer::new("alice", "students");
        let given = grants.give(&offer, asked(&USUAL, "alice", &targets, 7));
        given.await.unwrap();
        let lines = |user: &str, host: &str| {
            let user = SessionUser::new(user).unwrap();
            grants.keys_for(&user, &machine(host), lab.now()).len()
        };
        assert_eq!(lines("alice", "ts01"), 1);
        assert_eq!(lines("bob", "ts01"), 0);
        assert_eq!(lines("alice", "ts02"), 0);
        lab.pass(Duration::from_secs(121)).await;
        assert_eq!(lines("alice", "ts01"), 0);
        let world = lab.world.lock().unwrap();
        assert!(world.all_lines().is_empty() && world.records.is_empty());
    });
}

#[test]
fn a_host_that_says_nothing_costs_a_few_seconds_and_then_there_is_no_key() {
    for (mood, expected) in [
        (Mood::Frozen, "not on the host in time"),
        (Mood::Unreachable, "cannot be reached"),
        (Mood::Grumpy, "refused"),
        (Mood::Empty, "does not serve the user"),
    ] {
        let world: Arc<Mutex<World>> = Arc::default();
        world.lock().unwrap().moods.insert(machine("ts01"), mood);
        run_until_killed(&world, async |lab, grants| {
            let targets = [ssh("students", "ts01"), ssh("students", "ts02")];
            let offer = Offer::new("alice", "students");
            let began = lab.now();
            let given = grants.give(&offer, asked(&USUAL, "alice", &targets, 7));
            let cause = given.await.unwrap_err().to_string();
            assert!(cause.contains(expected), "{cause}");
            assert!(lab.now().since(began) <= Duration::from_secs(6));
            // The other host has it for nothing.
            lab.pass(Duration::from_secs(20)).await;
            assert!(lab.world.lock().unwrap().all_lines().is_empty());
        });
    }
}

#[test]
fn whoever_gives_up_waiting_has_missed_the_key() {
    let world: Arc<Mutex<World>> = Arc::default();
    world.lock().unwrap().moods.insert(machine("ts01"), Mood::Frozen);
    run_until_killed(&world, async |lab, grants| {
        let offer = Offer::new("alice", "students");
        let counts = || {
            let counts = grants.counts(lab.now());
            (counts.given, counts.missed)
        };
        let frozen = [ssh("students", "ts01")];
        let given = grants.give(&offer, asked(&USUAL, "alice", &frozen, 7));
        assert!(timeout(Duration::from_secs(2), given).await.is_err());
        assert_eq!(counts(), (0, 1));
        let well = [ssh("students", "ts02")];
        let given = grants.give(&offer, asked(&USUAL, "alice", &well, 8));
        given.await.unwrap();
        assert_eq!(counts(), (1, 1));
    });
}

#[test]
fn one_frozen_host_of_the_others_delays_nobody_for_long() {
    let world: Arc<Mutex<World>> = Arc::default();
    world.lock().unwrap().moods.insert(machine("ts02"), Mood::Frozen);
    run_until_killed(&world, async |lab, grants| {
        let targets = [ssh("students", "ts01"), ssh("students", "ts02")];
        let offer = Offer::new("alice", "students");
        let began = lab.now();
        let given = grants.give(&offer, asked(&USUAL, "alice", &targets, 7));
        given.await.unwrap();
        assert!(lab.now().since(began) <= Duration::from_secs(1));
    });
}

#[test]
fn what_is_logged_about_a_key_names_the_request() {
    let world: Arc<Mutex<World>> = Arc::default();
    world.lock().unwrap().moods.insert(machine("ts02"), Mood::Grumpy);
    let (log, _guard) = Captured::begin();
    run_until_killed(&world, async |_, grants| {
        let targets = [ssh("students", "ts01"), ssh("students", "ts02")];
        let offer = Offer::new("alice", "students");
        let given = grants.give(&offer, asked(&USUAL, "alice", &targets, 7));
        let request = tracing::error_span!("request", decision_id = "4T9");
        given.instrument(request).await.unwrap();
    });
    let line = log.line("no key there");
    assert!(line.contains("request{decision_id=\"4T9\"}"), "{line}");
}

#[test]
fn nobody_gets_a_key_who_has_proven_nothing_or_whose_host_takes_none() {
    let world: Arc<Mutex<World>> = Arc::default();
    run_until_killed(&world, async |lab, grants| {
        let settings = &USUAL;
        let mut offer = Offer::new("alice", "students");
        let none = grants.give(&offer, asked(settings, "alice", &[], 7)).await;
        assert!(matches!(none, Err(NoKey::NoWay)));
        offer.account.source = Source::Unproven;
        let targets = [ssh("students", "ts01")];
        let none = grants.give(&offer, asked(settings, "alice", &targets, 7)).await;
        assert!(matches!(none, Err(NoKey::Unproven)));
        let offer = Offer::new("alice", "students");
        let ours = Asked {
            key: Wanted::Ours,
            ..asked(settings, "alice", &targets, 7)
        };
        let none = grants.give(&offer, ours).await;
        assert!(matches!(none, Err(NoKey::NoneReady)));
        lab.world.lock().unwrap().disk_full = true;
        let none = grants.give(&offer, asked(settings, "alice", &targets, 7));
        assert!(matches!(none.await, Err(NoKey::Store(_))));
        assert!(lab.world.lock().unwrap().all_lines().is_empty());
    });
}

#[test]
fn a_host_that_is_gone_for_long_is_tried_for_a_week() {
    let world: Arc<Mutex<World>> = Arc::default();
    run_until_killed(&world, async |lab, grants| {
        for (user, random) in [("alice", 1), ("bob", 2)] {
            let targets = [ssh("students", "ts01")];
            let offer = Offer::new(user, "students");
            let given = grants.give(&offer, asked(&USUAL, user, &targets, random));
            given.await.unwrap();
        }
        lab.world
            .lock()
            .unwrap()
            .moods
            .insert(machine("ts01"), Mood::Unreachable);
        lab.pass(Duration::from_hours(6 * 24)).await;
        assert_eq!(grants.counts(lab.now()).over, 2);
        lab.pass(Duration::from_hours(2 * 24)).await;
        assert_eq!(grants.counts(lab.now()).over, 0);
        assert!(lab.world.lock().unwrap().records.is_empty());
    });
}
