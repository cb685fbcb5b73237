//! The laws of the ledger and the choice, held against a naive model with events in any order.

mod resumes;

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;

use super::{account, farm, host};
use crate::agent::AgentKind;
use crate::model::{FarmName, Limit, Now, SessionUser};
use crate::placement::{Counted, Farm, FarmFacts, Host, HostFacts, Ledger, NoHost, Site, Slot};
use crate::store::LeaseRecord;

fn moment(ms: usize) -> Now {
    Now::from_unix_ms(1_000_000 + ms as i64)
}

fn session_user() -> SessionUser {
    SessionUser::new("somebody").unwrap()
}

/// A farm, and what is known of its hosts.
struct Known {
    farm: Farm,
    sites: Vec<[Site; 1]>,
    /// Up, draining, backed off.
    states: Vec<(bool, bool, bool)>,
    counted: Vec<Option<Counted>>,
}

impl Known {
    fn new(name: &str, hosts: usize) -> Self {
        let farm = Farm {
            agent: AgentKind::Ssh,
            ..farm(
                name,
                (0..hosts)
                    .map(|number| host(&format!("ts{number}"), &format!("ts{number}.{name}"), 22))
                    .collect(),
            )
        };
        let site = |host: &Host| {
            [Site {
                farm: farm.name.clone(),
                host: host.name.clone(),
            }]
        };
        Self {
            sites: farm.hosts.iter().map(site).collect(),
            states: vec![(true, false, false); hosts],
            counted: vec![None; hosts],
            farm,
        }
    }

    fn facts(&self) -> FarmFacts<'_> {
        let hosts = self.farm.hosts.iter().enumerate();
        FarmFacts {
            settings: &self.farm,
            hosts: hosts
                .map(|(number, host)| HostFacts {
                    host,
                    sites: &self.sites[number],
                    up: self.states[number].0,
                    draining: self.states[number].1,
                    backed_off: self.states[number].2,
                    counted: self.counted[number],
                })
                .collect(),
            sessions: 0,
            resumable: Vec::new(),
            preferred: None,
        }
    }

    fn loads(&self, ledger: &Ledger, now: Now) -> Vec<u32> {
        let facts = self.facts();
        facts.hosts.iter().map(|host| ledger.load(host, now)).collect()
    }

    fn index(&self, lease: &LeaseRecord) -> usize {
        self.farm
            .hosts
            .iter()
            .position(|host| host.name == lease.host)
            .unwrap()
    }
}

fn slot(user: usize, farm: &FarmName) -> Slot {
    Slot {
        account: account(&format!("user{user}")),
        farm: farm.clone(),
    }
}

#[derive(Debug, Clone)]
enum Step {
    /// The user selects.
    Select(usize),
    /// The session of the user's lease begins, and is seen.
    Seen(usize),
    /// The user's session ends, and the broker is told.
    Finished(usize),
    /// The user's session ends, which nobody tells; the host is asked and has it no more.
    Vanished(usize),
    /// A host tells of its sessions.
    Count(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(
        prop_oneof![
            4 => (0..6_usize).prop_map(Step::Select),
            3 => (0..6_usize).prop_map(Step::Seen),
            2 => (0..6_usize).prop_map(Step::Finished),
            1 => (0..6_usize).prop_map(Step::Vanished),
            2 => (0..3_usize).prop_map(Step::Count),
        ],
        0..80,
    )
}

/// What is really there.
#[derive(Default)]
struct Truth {
    /// The host of each user's lease that has no session yet.
    about_to: BTreeMap<usize, usize>,
    /// The host of each user's session that the lease stands for.
    own: BTreeMap<usize, usize>,
    /// The hosts of sessions whose users have another lease now.
    others: Vec<usize>,
    /// Sessions that ended and are in the last count of their host.
    unnoticed: Vec<usize>,
}

impl Truth {
    fn sessions(&self, host: usize) -> usize {
        let there = |on: &&usize| **on == host;
        self.own.values().filter(there).count() + self.others.iter().filter(there).count()
    }

    fn load(&self, host: usize) -> usize {
        let there = |on: &&usize| **on == host;
        self.sessions(host)
            + self.about_to.values().filter(there).count()
            + self.unnoticed.iter().filter(there).count()
    }
}

proptest! {
    /// Whatever happens in whatever order and however old the counts are: nothing is counted twice, and no start is
    /// forgotten.
    #[test]
    fn a_session_is_counted_once_from_its_lease_to_its_end(steps in steps()) {
        let mut known = Known::new("lab", 3);
        for host in 0..3 {
            known.counted[host] = Some(Counted { sessions: 0, at: moment(0) });
        }
        let (mut ledger, mut truth) = (Ledger::default(), Truth::default());
        for (number, step) in steps.into_iter().enumerate() {
            let now = moment(number + 1);
            match step {
                Step::Select(user) => {
                    let account = account(&format!("user{user}"));
                    let farms = [known.facts()];
                    let reservation = ledger.reserve(&account, &session_user(), &farms, now, 7).unwrap();
                    truth.others.extend(truth.own.remove(&user));
                    truth.about_to.insert(user, known.index(&reservation.lease));
                }
                Step::Seen(user) => {
                    let Some(host) = truth.about_to.remove(&user) else { continue };
                    truth.own.insert(user, host);
                    let lease = ledger.lease(&slot(user, &known.farm.name)).unwrap().clone();
                    ledger.put(LeaseRecord { confirmed: Some(now), ..lease });
                }
                Step::Finished(user) => {
                    truth.about_to.remove(&user);
                    truth.own.remove(&user);
                    ledger.end(&slot(user, &known.farm.name), Some(now), now);
                }
                Step::Vanished(user) => {
                    let slot = slot(user, &known.farm.name);
                    truth.about_to.remove(&user);
                    if let Some(host) = truth.own.remove(&user) {
                        let seen = ledger.lease(&slot).unwrap().confirmed.unwrap();
                        if seen <= known.counted[host].unwrap().at {
                            truth.unnoticed.push(host);
                        }
                    }
                    ledger.end(&slot, None, now);
                }
                Step::Count(host) => {
                    let sessions = u32::try_from(truth.sessions(host)).unwrap();
                    known.counted[host] = Some(Counted { sessions, at: now });
                    truth.unnoticed.retain(|unnoticed| *unnoticed != host);
                }
            }
            for (host, load) in known.loads(&ledger, now).into_iter().enumerate() {
                prop_assert_eq!(load as usize, truth.load(host), "host {} at step {}", host, number);
            }
        }
    }

    #[test]
    fn nothing_starts_where_nothing_may(
        states in prop::collection::vec((any::<bool>(), any::<bool>(), any::<bool>(), 0..4_u32), 1..8),
        most in prop::option::of(1..4_u32),
        starts in prop::option::of(1..4_u16),
        selects in prop::collection::vec((0..30_usize, any::<u64>()), 1..60),
    ) {
        let mut known = Known::new("lab", states.len());
        known.farm.max_sessions_per_host = most;
        let within = Duration::from_millis(40);
        known.farm.starts_per_host = starts.map(|count| Limit { count, within });
        for (host, (up, draining, backed_off, sessions)) in states.iter().enumerate() {
            known.states[host] = (*up, *draining, *backed_off);
            known.counted[host] = Some(Counted { sessions: *sessions, at: moment(0) });
        }
        let mut ledger = Ledger::default();
        let mut started: Vec<(usize, usize)> = Vec::new();
        for (number, (user, random)) in selects.into_iter().enumerate() {
            let now = moment(number + 1);
            let before = known.loads(&ledger, now);
            let account = account(&format!("user{user}"));
            let held = ledger.lease(&slot(user, &known.farm.name)).cloned();
            let recent = |host: usize| {
                let counts = |(at, on): &&(usize, usize)| *on == host && number - at < 40;
                started.iter().filter(counts).count()
            };
            let takes = |host: usize| {
                let (up, draining, _) = known.states[host];
                up && !draining
                    && most.is_none_or(|most| before[host] < most)
                    && starts.is_none_or(|starts| recent(host) < usize::from(starts))
            };
            let farms = [known.facts()];
            match ledger.reserve(&account, &session_user(), &farms, now, random) {
                Ok(reservation) => {
                    let host = known.index(&reservation.lease);
                    let after = known.loads(&ledger, now);
                    if held.is_some_and(|held| held.host == reservation.lease.host) {
                        prop_assert!(reservation.placement.renewed());
                        prop_assert_eq!(after, before);
                        continue;
                    }
                    prop_assert!(takes(host));
                    let alone = known.states[host].2;
                    for other in (0..known.states.len()).filter(|other| takes(*other)) {
                        if !known.states[other].2 {
                            prop_assert!(!alone, "backed off although {other} is not");
                        }
                        if known.states[other].2 == alone {
                            prop_assert!(before[host] <= before[other]);
                        }
                    }
                    started.push((number, host));
                }
                Err(NoHost::NoneTakes(farms)) => {
                    prop_assert!(!(0..known.states.len()).any(takes));
                    let full = &farms[0];
                    prop_assert_eq!(full.down + full.draining + full.full + full.hurried, full.hosts);
                    prop_assert_eq!(known.loads(&ledger, now), before);
                }
                Err(other) => prop_assert!(false, "{other}"),
            }
        }
    }

    #[test]
    fn a_lease_that_could_not_be_kept_leaves_everything_as_it_was(
        selects in prop::collection::vec((0..5_usize, any::<bool>(), any::<bool>()), 1..40),
    ) {
        let mut lab = Known::new("lab", 2);
        let mut spare = Known::new("spare", 2);
        lab.farm.max_sessions_per_host = Some(1);
        for known in [&mut lab, &mut spare] {
            known.farm.starts_per_host = Some(Limit { count: 900, within: Duration::from_hours(1) });
        }
        let mut ledger = Ledger::default();
        for (number, (user, of_spare, kept)) in selects.into_iter().enumerate() {
            let now = moment(number);
            let account = account(&format!("user{user}"));
            let farms = if of_spare { vec![spare.facts()] } else { vec![lab.facts(), spare.facts()] };
            let leases = |ledger: &Ledger| {
                let mut all: Vec<LeaseRecord> = ledger.all().cloned().collect();
                all.sort_by_key(Slot::of_lease);
                all
            };
            let loads = |ledger: &Ledger| (lab.loads(ledger, now), spare.loads(ledger, now));
            let before = (leases(&ledger), loads(&ledger));
            let reservation = ledger.reserve(&account, &session_user(), &farms, now, 3).unwrap();
            if !kept {
                ledger.undo(reservation);
                prop_assert_eq!((leases(&ledger), loads(&ledger)), before);
            }
        }
    }
}

#[test]
fn a_fallback_takes_what_the_farm_cannot_and_keeps_it() {
    let (mut lab, spare) = (Known::new("lab", 1), Known::new("spare", 2));
    lab.farm.max_sessions_per_host = Some(1);
    let mut ledger = Ledger::default();
    let mut select = |user: &str, lab: &Known, now: usize| {
        let farms = [lab.facts(), spare.facts()];
        let reservation = ledger
            .reserve(&account(user), &session_user(), &farms, moment(now), 0)
            .unwrap();
        (
            reservation.lease.farm.to_string(),
            reservation.placement.renewed(),
            reservation.lease.offered,
        )
    };
    assert_eq!(select("alice", &lab, 0).0, "lab");
    let (farm, renewed, offered) = select("bob", &lab, 1);
    assert_eq!(
        (farm.as_str(), renewed, offered.as_str()),
        ("spare", false, "lab")
    );
    lab.farm.max_sessions_per_host = None;
    let (farm, renewed, _) = select("bob", &lab, 2);
    assert_eq!(
        (farm.as_str(), renewed),
        ("spare", true),
        "there is room in lab by now"
    );
    // What bob was given in spare goes when lab takes him after all.
    let farms = [lab.facts()];
    let moved = ledger
        .reserve(&account("bob"), &session_user(), &farms, moment(3), 0)
        .unwrap();
    assert_eq!(moved.lease.farm.as_str(), "lab");
    assert_eq!(ledger.of(&account("bob")).len(), 1);
    assert_eq!(spare.loads(&ledger, moment(3)), [0, 0]);
}

#[test]
fn a_users_bound_is_of_the_farm_that_is_asked_and_skips_a_fallback() {
    let (mut lab, mut spare) = (Known::new("lab", 1), Known::new("spare", 1));
    lab.farm.max_sessions_per_user = Some(2);
    spare.farm.max_sessions_per_user = Some(1);
    let reserve = |lab: &Known, in_lab: u32, in_spare: u32| {
        let farms = [
            FarmFacts {
                sessions: in_lab,
                ..lab.facts()
            },
            FarmFacts {
                sessions: in_spare,
                ..spare.facts()
            },
        ];
        Ledger::default().reserve(&account("alice"), &session_user(), &farms, moment(0), 0)
    };
    assert!(reserve(&lab, 1, 1).is_ok());
    let refused = reserve(&lab, 2, 0).unwrap_err();
    assert!(
        matches!(
            refused,
            NoHost::TooManySessions {
                sessions: 2,
                most: 2,
                ..
            }
        ),
        "{refused}"
    );
    lab.states[0].0 = false;
    assert_eq!(reserve(&lab, 0, 0).unwrap().lease.farm.as_str(), "spare");
    let refused = reserve(&lab, 0, 1).unwrap_err().to_string();
    assert_eq!(
        refused,
        "no host takes a new session; farm lab: of 1 hosts 1 down; \
         farm spare: the user has 1 sessions (max_sessions_per_user = 1)"
    );
}

#[test]
fn the_last_host_is_taken_again_while_it_takes_anything() {
    let mut known = Known::new("lab", 3);
    known.counted[2] = Some(Counted {
        sessions: 50,
        at: moment(0),
    });
    let last = known.farm.hosts[2].name.clone();
    let host = |known: &Known| {
        let farms = [FarmFacts {
            preferred: Some(last.clone()),
            ..known.facts()
        }];
        let reserved = Ledger::default().reserve(&account("alice"), &session_user(), &farms, moment(1), 0);
        reserved.unwrap().lease.host.to_string()
    };
    assert_eq!(host(&known), "ts2");
    known.states[2].1 = true;
    assert_ne!(host(&known), "ts2", "it is drained");
    known.states[2] = (true, false, true);
    assert_ne!(host(&known), "ts2", "it is backed off");
    known.states[2] = (true, false, false);
    known.farm.max_sessions_per_host = Some(50);
    assert_ne!(host(&known), "ts2", "it is full");
}

#[test]
fn a_lease_without_session_leaves_a_host_that_is_drained_or_backed_off() {
    let mut known = Known::new("lab", 2);
    let mut ledger = Ledger::default();
    let alice = account("alice");
    let mut select = |known: &Known, now: usize| {
        let reserved = ledger.reserve(&alice, &session_user(), &[known.facts()], moment(now), 0);
        reserved.map(|reservation| known.index(&reservation.lease))
    };
    assert_eq!(select(&known, 0).unwrap(), 0);
    known.states[0].2 = true;
    assert_eq!(select(&known, 1).unwrap(), 1);
    known.states[1].2 = true;
    assert_eq!(select(&known, 2).unwrap(), 1, "no other is better");
    known.states[1].1 = true;
    assert_eq!(select(&known, 3).unwrap(), 0);
    known.states[0].1 = true;
    let refused = select(&known, 4).unwrap_err().to_string();
    assert_eq!(
        refused,
        "no host takes a new session; farm lab: of 2 hosts 2 draining"
    );
}

#[test]
fn without_an_agent_a_session_that_was_seen_is_come_back_to_wherever_it_is() {
    let mut known = Known::new("lab", 2);
    known.farm.agent = AgentKind::None;
    let mut ledger = Ledger::default();
    let alice = account("alice");
    let first = ledger
        .reserve(&alice, &session_user(), &[known.facts()], moment(0), 0)
        .unwrap();
    ledger.put(LeaseRecord {
        confirmed: Some(moment(1)),
        ..first.lease
    });
    known.states[0].1 = true;
    let again = ledger
        .reserve(&alice, &session_user(), &[known.facts()], moment(2), 0)
        .unwrap();
    assert!(again.placement.renewed());
    assert_eq!(again.lease.confirmed, Some(moment(1)));
    // With an agent the broker would have been told of the session: something new is to start.
    known.farm.agent = AgentKind::Ssh;
    let other = ledger
        .reserve(&alice, &session_user(), &[known.facts()], moment(3), 0)
        .unwrap();
    assert_eq!(known.index(&other.lease), 1);
}

#[test]
fn what_was_seen_before_the_clock_was_set_back_is_in_every_count() {
    let mut known = Known::new("lab", 1);
    let mut ledger = Ledger::default();
    let late = moment(10_000_000);
    let first = ledger
        .reserve(&account("alice"), &session_user(), &[known.facts()], late, 0)
        .unwrap();
    ledger.put(LeaseRecord {
        confirmed: Some(late),
        ..first.lease
    });
    known.counted[0] = Some(Counted {
        sessions: 1,
        at: moment(0),
    });
    assert_eq!(known.loads(&ledger, moment(5)), [1]);
}
