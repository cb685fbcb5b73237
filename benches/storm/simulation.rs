//! A login storm on simulated hosts with a simulated clock. Ours is the real ledger; the others choose as other
//! balancers do. Everything follows from the seed.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::time::Duration;

use x2godirector::agent::AgentKind;
use x2godirector::model::{Account, FarmName, HostAddress, HostName, Now, SessionUser, Source, UserName};
use x2godirector::placement::{Counted, Farm, FarmFacts, Host, HostFacts, Ledger, Site, Slot};
use x2godirector::store::LeaseRecord;

/// Longest time until a host that fails or comes back is known to, in ms.
const PROBE_MS: i64 = 5_000;
/// Time between two looks at leases that wait for their sessions, in ms.
const REVIEW_MS: i64 = 10_000;
/// How long a user waits at a host that failed before the profile is selected again, in ms.
const AGAIN_MS: i64 = 10_000;
/// The window in which starts on one host are counted, in ms.
const WINDOW_MS: i64 = 10_000;

/// What happens.
#[derive(Debug, Clone)]
pub struct Storm {
    /// How much of the load each host takes.
    pub weights: Vec<f64>,
    /// Sessions that are started.
    pub starts: usize,
    /// The time in which they are.
    pub lasts_ms: i64,
    /// From a start until its session can be seen.
    pub seen_after_ms: i64,
    /// Time between two counts of a host's sessions.
    pub count_every_ms: i64,
    /// Hosts that are dead between two moments; one that is dead from 0 joins later.
    pub dead: Vec<Dead>,
    /// Whatever is random.
    pub seed: u64,
}

/// A host that is dead for a time.
#[derive(Debug, Clone, Copy)]
pub struct Dead {
    pub host: usize,
    pub from_ms: i64,
    pub until_ms: i64,
}

/// Who chooses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chooser {
    /// The ledger and the choice of this program.
    Ours,
    /// Any host that answers.
    Random,
    /// The host with the fewest sessions for its weight, by the last count.
    LeastLoaded,
    /// The better one of two random hosts, by the last count.
    TwoChoices,
}

impl Chooser {
    pub const ALL: [Self; 4] = [Self::Ours, Self::TwoChoices, Self::Random, Self::LeastLoaded];

    pub fn name(self) -> &'static str {
        match self {
            Self::Ours => "leases",
            Self::Random => "random",
            Self::LeastLoaded => "least loaded",
            Self::TwoChoices => "two choices",
        }
    }
}

/// What came of it. Hosts that were dead at any time are left out.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// The largest distance of the fullest host from the mean so far, after each second.
    pub over_time: Vec<f64>,
    /// The largest distance at any moment: `load - mean * weight / mean weight`.
    pub fullest_minus_mean: f64,
    /// Most starts that one host was given within 10 s.
    pub starts_in_10_s: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Select(usize),
    Seen(usize, u32),
    Count(usize),
    Review,
}

/// splitmix64: enough for a simulation, and the same everywhere.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.roll() % bound
    }

    fn index(&mut self, bound: usize) -> usize {
        usize::try_from(self.below(bound as u64)).unwrap()
    }

    fn moment(&mut self, bound: i64) -> i64 {
        i64::try_from(self.below(u64::try_from(bound).unwrap())).unwrap()
    }
}

/// A user: where the session is or is about to be.
#[derive(Debug, Clone, Copy, Default)]
struct Seat {
    host: Option<usize>,
    seen: bool,
    /// When the session began to be seen.
    seen_at: i64,
    /// Raised with each select, so that what was about to happen before it does not.
    selects: u32,
}

struct World<'s> {
    storm: &'s Storm,
    farm: Farm,
    sites: Vec<[Site; 1]>,
    accounts: Vec<Account>,
    session_user: SessionUser,
    chooser: Chooser,
    ledger: Ledger,
    seats: Vec<Seat>,
    /// Sessions on each host, begun or about to.
    load: Vec<u32>,
    /// What each host told last, and before the last review.
    latest: Vec<Option<Counted>>,
    counted: Vec<Option<Counted>>,
    recent: Vec<VecDeque<i64>>,
    dice: Dice,
    events: BinaryHeap<Reverse<(i64, Event)>>,
    outcome: Outcome,
}

/// Lets a storm pass.
pub fn run(storm: &Storm, chooser: Chooser) -> Outcome {
    let mut world = World::new(storm, chooser);
    let mut second = 0;
    while let Some(Reverse((at, event))) = world.events.pop() {
        while second * 1000 <= at.min(storm.lasts_ms) {
            world.outcome.over_time.push(world.outcome.fullest_minus_mean);
            second += 1;
        }
        // The last sessions are seen, and then nothing more happens.
        if at > storm.lasts_ms + storm.seen_after_ms {
            break;
        }
        world.happen(event, at);
    }
    world.outcome
}

impl<'s> World<'s> {
    fn new(storm: &'s Storm, chooser: Chooser) -> Self {
        let name = FarmName::new("storm").unwrap();
        let host = |(number, weight): (usize, &f64)| {
            let name = HostName::new(&format!("ts{number}")).unwrap();
            let address = HostAddress::new(&format!("ts{number}.example.org")).unwrap();
            Host {
                weight: *weight,
                ..Host::new(name, address, 22)
            }
        };
        let hosts: Vec<Host> = storm.weights.iter().enumerate().map(host).collect();
        let site = |host: &Host| {
            [Site {
                farm: name.clone(),
                host: host.name.clone(),
            }]
        };
        let account = |number| Account {
            source: Source::Ldap,
            user: UserName::new(&format!("user{number}")).unwrap(),
        };
        let mut dice = Dice(storm.seed);
        let mut events = BinaryHeap::new();
        for user in 0..storm.starts {
            events.push(Reverse((dice.moment(storm.lasts_ms), Event::Select(user))));
        }
        for host in 0..hosts.len() {
            events.push(Reverse((dice.moment(storm.count_every_ms), Event::Count(host))));
        }
        events.push(Reverse((dice.moment(REVIEW_MS), Event::Review)));
        Self {
            sites: hosts.iter().map(site).collect(),
            session_user: SessionUser::new("somebody").unwrap(),
            accounts: (0..storm.starts).map(account).collect(),
            seats: vec![Seat::default(); storm.starts],
            load: vec![0; hosts.len()],
            latest: vec![None; hosts.len()],
            counted: vec![None; hosts.len()],
            recent: vec![VecDeque::new(); hosts.len()],
            farm: Farm {
                agent: AgentKind::Ssh,
                ..Farm::new(name, hosts)
            },
            storm,
            chooser,
            ledger: Ledger::default(),
            dice,
            events,
            outcome: Outcome::default(),
        }
    }

    fn happen(&mut self, event: Event, at: i64) {
        match event {
            Event::Select(user) => self.select(user, at),
            Event::Seen(user, select) => {
                let seat = &mut self.seats[user];
                let lives = seat.host.is_some_and(|host| !is_dead(self.storm, host, at));
                if seat.selects == select && lives {
                    seat.seen = true;
                    seat.seen_at = at;
                }
            }
            Event::Count(host) => {
                if !is_dead(self.storm, host, at) {
                    let on_it = |seat: &&Seat| seat.seen && seat.host == Some(host);
                    let sessions = self.seats.iter().filter(on_it).count();
                    self.latest[host] = Some(Counted {
                        sessions: u32::try_from(sessions).unwrap(),
                        at: Now::from_unix_ms(at),
                    });
                }
                let next = at + self.storm.count_every_ms;
                self.events.push(Reverse((next, Event::Count(host))));
            }
            Event::Review => {
                self.review(at);
                self.events.push(Reverse((at + REVIEW_MS, Event::Review)));
            }
        }
    }

    fn select(&mut self, user: usize, at: i64) {
        let Some(host) = self.choose(user, at) else {
            self.events.push(Reverse((at + AGAIN_MS, Event::Select(user))));
            return;
        };
        let seat = &mut self.seats[user];
        seat.selects += 1;
        if let Some(before) = seat.host.replace(host) {
            self.load[before] -= 1;
        }
        seat.seen = false;
        self.load[host] += 1;
        let starts = &mut self.recent[host];
        starts.retain(|start| at - start < WINDOW_MS);
        starts.push_back(at);
        self.outcome.starts_in_10_s = self.outcome.starts_in_10_s.max(starts.len());
        if is_dead(self.storm, host, at) {
            self.events.push(Reverse((at + AGAIN_MS, Event::Select(user))));
        } else {
            let seen = at + self.storm.seen_after_ms;
            self.events.push(Reverse((seen, Event::Seen(user, seat.selects))));
            if let Some(dead) = dies_before(self.storm, host, at) {
                // The session dies with its host, and its user comes back.
                self.events.push(Reverse((dead + AGAIN_MS, Event::Select(user))));
            }
        }
        self.measure();
    }

    fn choose(&mut self, user: usize, at: i64) -> Option<usize> {
        let random = self.dice.roll();
        let up: Vec<usize> = (0..self.load.len())
            .filter(|host| is_known_up(self.storm, *host, at))
            .collect();
        let stale = |host: &usize| {
            let sessions = self.latest[*host].map_or(0, |counted| counted.sessions);
            (f64::from(sessions) + 1.0) / self.storm.weights[*host]
        };
        match self.chooser {
            Chooser::Ours => self.reserve(user, at, random),
            Chooser::Random => up.get(self.dice.index(up.len())).copied(),
            Chooser::LeastLoaded => {
                let least = up.iter().map(stale).fold(f64::INFINITY, f64::min);
                let equal: Vec<usize> = up.into_iter().filter(|host| stale(host) <= least).collect();
                equal.get(self.dice.index(equal.len())).copied()
            }
            Chooser::TwoChoices => {
                let pick = (self.dice.index(up.len()), self.dice.index(up.len()));
                let (one, other) = (up[pick.0], up[pick.1]);
                Some(if stale(&one) <= stale(&other) { one } else { other })
            }
        }
    }

    fn reserve(&mut self, user: usize, at: i64, random: u64) -> Option<usize> {
        let hosts = self.farm.hosts.iter().enumerate();
        let farm = FarmFacts {
            settings: &self.farm,
            hosts: hosts
                .map(|(number, host)| HostFacts {
                    host,
                    sites: &self.sites[number],
                    up: is_known_up(self.storm, number, at),
                    draining: false,
                    backed_off: false,
                    counted: self.counted[number],
                })
                .collect(),
            sessions: 0,
            resumable: Vec::new(),
            preferred: None,
        };
        let (account, now) = (&self.accounts[user], Now::from_unix_ms(at));
        let reservation = self
            .ledger
            .reserve(account, &self.session_user, &[farm], now, random)
            .ok()?;
        let chosen = &reservation.lease.host;
        self.farm.hosts.iter().position(|host| host.name == *chosen)
    }

    /// Confirms the leases whose sessions are there.
    fn review(&mut self, at: i64) {
        let users: HashMap<&Account, usize> = self.accounts.iter().zip(0..).collect();
        let seen: Vec<LeaseRecord> = self
            .ledger
            .all()
            .filter(|lease| lease.confirmed.is_none() && self.seats[users[&lease.account]].seen)
            .cloned()
            .collect();
        for lease in seen {
            let seat = self.seats[users[&lease.account]];
            self.ledger.put(LeaseRecord {
                confirmed: Some(Now::from_unix_ms(seat.seen_at)),
                ..lease
            });
        }
        // Sessions of hosts that died are gone, and so is what they were counted by.
        for (user, seat) in self.seats.iter_mut().enumerate() {
            let Some(host) = seat.host.filter(|host| is_dead(self.storm, *host, at)) else {
                continue;
            };
            self.load[host] -= 1;
            *seat = Seat {
                host: None,
                seen: false,
                seen_at: 0,
                selects: seat.selects,
            };
            let slot = Slot {
                account: self.accounts[user].clone(),
                farm: self.farm.name.clone(),
            };
            self.ledger.end(&slot, None, Now::from_unix_ms(at));
            self.latest[host] = None;
        }
        self.counted.clone_from(&self.latest);
    }

    fn measure(&mut self) {
        let healthy = |host: &usize| self.storm.dead.iter().all(|dead| dead.host != *host);
        let hosts: Vec<usize> = (0..self.load.len()).filter(healthy).collect();
        let weight: f64 = hosts.iter().map(|host| self.storm.weights[*host]).sum();
        let load: u32 = hosts.iter().map(|host| self.load[*host]).sum();
        for host in hosts {
            let share = f64::from(load) * self.storm.weights[host] / weight;
            let distance = f64::from(self.load[host]) - share;
            self.outcome.fullest_minus_mean = self.outcome.fullest_minus_mean.max(distance);
        }
    }
}

fn is_dead(storm: &Storm, host: usize, at: i64) -> bool {
    let now = |dead: &&Dead| dead.host == host && (dead.from_ms..dead.until_ms).contains(&at);
    storm.dead.iter().any(|dead| now(&dead))
}

/// What the last probe said.
fn is_known_up(storm: &Storm, host: usize, at: i64) -> bool {
    let probe = at - at.rem_euclid(PROBE_MS);
    !is_dead(storm, host, probe)
}

/// When a host that lives at that moment dies next.
fn dies_before(storm: &Storm, host: usize, at: i64) -> Option<i64> {
    let later = storm
        .dead
        .iter()
        .filter(|dead| dead.host == host && dead.from_ms > at);
    later.map(|dead| dead.from_ms).min()
}

/// The storm of the goal: 2,000 starts in 10 minutes on 50 hosts, sessions seen 5 s late. Two hosts fail and come back
/// empty, and three join on the way.
pub fn goal(count_every: Duration, seed: u64) -> Storm {
    let dead = |host, from_s: i64, until_s: i64| Dead {
        host,
        from_ms: from_s * 1000,
        until_ms: until_s * 1000,
    };
    Storm {
        weights: vec![1.0; 50],
        starts: 2_000,
        lasts_ms: 600_000,
        seen_after_ms: 5_000,
        count_every_ms: i64::try_from(count_every.as_millis()).unwrap(),
        dead: vec![
            dead(3, 120, 400),
            dead(17, 300, 420),
            dead(47, 0, 240),
            dead(48, 0, 240),
            dead(49, 0, 480),
        ],
        seed,
    }
}
