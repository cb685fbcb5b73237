//! A session database: which hosts it speaks of, and what it says of them and of their users.
//!
//! Hosts that share one are asked in turn, and any of them answers for all. A host with its own is believed about
//! itself alone. What is said of any other host is dropped.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tracing::Instrument as _;

use super::asked::AskedMachine;
use super::disbelief::WrongLines;
use super::facts::Counted;
use super::flights::{Flight, Flights, Progress, UserSessions};
use super::found::is_of;
use super::health::jittered;
use super::own_names::index_of;
use crate::agent::{AgentError, ServerCount, Sessions};
use crate::model::{Machine, Now, SessionUser};

/// Time between two counts.
const COUNT_INTERVAL: Duration = Duration::from_secs(15);
/// Time until the next one where the agents cannot count: with SQLite, x2gogetservers names the servers only.
const UNABLE_INTERVAL: Duration = Duration::from_mins(5);
/// A count older than this is no count.
const COUNT_AGE_MAX: Duration = Duration::from_mins(2);
/// Hosts that are asked the same, one after the other, before nobody can tell.
const MEMBERS_MAX: usize = 3;
/// How long one of them is waited for before the next is asked beside it.
pub(super) const PATIENCE: Duration = Duration::from_millis(300);
/// Users in whose name a database may be asked for counts.
const USERS_MAX: usize = 4;
/// Most sessions of one user.
const SESSIONS_MAX: usize = 64;
/// Names of no host that are spoken of. Whoever makes names up fills no log with them.
const STRANGERS_MAX: usize = 16;

/// One session database.
#[derive(Debug)]
pub(super) struct SessionDatabase {
    /// Those who can be asked.
    members: Vec<Arc<AskedMachine>>,
    /// The hosts that it is believed about.
    hosts: Vec<CountedHost>,
    /// Users whom its hosts know, the last one that was seen first.
    users: Mutex<VecDeque<SessionUser>>,
    /// Whose turn it is to be asked.
    turn: AtomicUsize,
    flights: Flights,
    /// Held while the leases on its hosts are looked at.
    review_turn: tokio::sync::Mutex<()>,
    /// The names it spoke of that are no host's, the last one at the end; not more than [`STRANGERS_MAX`].
    strangers: Mutex<Vec<String>>,
}

/// A host that a session database speaks of.
#[derive(Debug)]
struct CountedHost {
    machine: Machine,
    /// The name it has for itself.
    own_name: String,
    counted: watch::Sender<Option<Counted>>,
}

/// What came of an attempt to count.
enum Count {
    Told,
    /// Nobody could be asked now.
    NotTold,
    /// The agents cannot count.
    Unable,
}

impl SessionDatabase {
    /// The database of these hosts: who can be asked, and the name that it has for itself. What `previous` knows of
    /// them is taken over.
    pub fn new(members: Vec<(Arc<AskedMachine>, String)>, previous: Option<&Self>) -> Self {
        let before = |machine: &Machine, own_name: &str| {
            let previous = previous?;
            let counted = previous.counted(previous.host(machine, own_name)?)?;
            *counted.borrow()
        };
        let (mut machines, mut hosts) = (Vec::<Arc<AskedMachine>>::new(), Vec::new());
        for (asked, own_name) in members {
            let machine = asked.machine.clone();
            hosts.push(CountedHost {
                counted: watch::Sender::new(before(&machine, &own_name)),
                machine: machine.clone(),
                own_name,
            });
            if machines.iter().all(|known| known.machine != machine) {
                machines.push(asked);
            }
        }
        Self {
            members: machines,
            hosts,
            users: Mutex::new(
                previous
                    .map(|previous| lock(&previous.users).clone())
                    .unwrap_or_default(),
            ),
            turn: AtomicUsize::default(),
            flights: Flights::default(),
            review_turn: tokio::sync::Mutex::default(),
            strangers: Mutex::default(),
        }
    }

    /// The number of a host, by its machine and the name that it has for itself.
    pub fn host(&self, machine: &Machine, own_name: &str) -> Option<usize> {
        self.hosts
            .iter()
            .position(|host| host.machine == *machine && host.own_name.eq_ignore_ascii_case(own_name))
    }

    /// How many sessions a host has, now and from now on.
    pub fn counted(&self, host: usize) -> Option<watch::Receiver<Option<Counted>>> {
        self.hosts.get(host).map(|host| host.counted.subscribe())
    }

    /// How many machines can be asked.
    pub fn members(&self) -> usize {
        self.members.len()
    }

    /// The turn to look at the leases on its hosts.
    ///
    /// # Errors
    /// Somebody has it.
    pub fn review_turn(&self) -> Result<tokio::sync::MutexGuard<'_, ()>, tokio::sync::TryLockError> {
        self.review_turn.try_lock()
    }

    /// The last name that was told of and that is no host's.
    pub fn stranger(&self) -> Option<String> {
        lock(&self.strangers).last().cloned()
    }

    /// The users whose sessions are remembered, and how long ago they were asked for.
    pub fn remembered(&self) -> Vec<(SessionUser, Duration, Arc<UserSessions>)> {
        self.flights.remembered()
    }

    /// Asks for a user's sessions, unless that was done just now. The question goes on when nobody waits for it any
    /// more, so that its answer serves the next one.
    pub fn sessions(self: &Arc<Self>, user: &SessionUser) -> Flight {
        let (flight, sender) = self.flights.join(user);
        if let Some(sender) = sender {
            let (database, user) = (Arc::clone(self), user.clone());
            let find = async move {
                let found = database.find(&user).await;
                sender
                    .send_replace(found.map_or(Progress::Unknown, |found| Progress::Known(Arc::new(found))));
            };
            // What is logged on the way belongs to the request that asked first.
            tokio::spawn(find.in_current_span());
        }
        flight
    }

    /// Lets what was told of a user serve no more, since something happened to the user's sessions.
    pub fn outdate(&self, user: &SessionUser) {
        self.flights.outdate(user);
    }

    /// Counts sessions for ever.
    pub async fn keep_counting(self: Arc<Self>, clock: fn() -> Now) {
        loop {
            let pause = match self.count(clock).await {
                Count::Told | Count::NotTold => COUNT_INTERVAL,
                Count::Unable => UNABLE_INTERVAL,
            };
            sleep(jittered(pause)).await;
        }
    }

    /// A user's sessions; none if nobody can tell. One host after the other is asked, the next one as soon as it takes
    /// long, and the first answer counts. That there is no such user is believed of all who were asked together: one
    /// that cannot reach its directory says so too.
    async fn find(&self, user: &SessionUser) -> Option<UserSessions> {
        let mut members = self.members_in_turn();
        let mut asked = JoinSet::new();
        let (mut strangers, mut unable) = (0_usize, 0_usize);
        loop {
            if let Some(member) = members.next() {
                let user = user.clone();
                let ask = async move {
                    let told = member.answer(member.agent.sessions(&member.machine, &user)).await;
                    (member, told)
                };
                asked.spawn(ask.in_current_span());
            }
            match timeout(PATIENCE, asked.join_next()).await {
                Ok(Some(Ok((member, Ok(sessions))))) => {
                    asked.detach_all();
                    self.note_user(user);
                    let (believed, wrong) = self.believed(user, sessions);
                    member.disbelieve(user, wrong);
                    return Some(believed);
                }
                Ok(Some(Ok((_, Err(AgentError::NoSuchUser(_)))))) => strangers += 1,
                Ok(Some(_)) => unable += 1,
                Ok(None) => {
                    return (strangers > 0 && unable == 0).then(|| UserSessions {
                        no_user: true,
                        ..UserSessions::default()
                    });
                }
                Err(_) => {}
            }
        }
    }

    /// The sessions that are the user's and on a host that is spoken of here, and what is not believed.
    fn believed(&self, user: &SessionUser, told: Sessions) -> (UserSessions, WrongLines) {
        let mut believed = UserSessions {
            elsewhere: !told.left_out.is_empty(),
            ..UserSessions::default()
        };
        let mut wrong = WrongLines {
            left_out: told.left_out,
            ..WrongLines::default()
        };
        let (own, of_others): (Vec<_>, Vec<_>) = told
            .sessions
            .into_iter()
            .partition(|session| is_of(session, user));
        wrong.left_out.of_others += of_others.len();
        for session in own.into_iter().take(SESSIONS_MAX) {
            match self.meant(&session.server) {
                Some(host) => believed.on_hosts.push((host, session)),
                None => {
                    believed.elsewhere = true;
                    wrong.of_other_hosts += 1;
                }
            }
        }
        (believed, wrong)
    }

    async fn count(&self, clock: fn() -> Now) -> Count {
        let mut unable = false;
        for member in self.members_in_turn() {
            let users = lock(&self.users).clone();
            for user in users {
                let asked = clock();
                let counts = member.agent.session_counts(&member.machine, &user);
                match member.answer(counts).await {
                    Ok(counts) => {
                        self.publish(&counts, asked);
                        return Count::Told;
                    }
                    Err(AgentError::NoSuchUser(_)) => self.forget_user(&user),
                    Err(error) => {
                        unable |= matches!(error, AgentError::Refused(_) | AgentError::Garbled(_));
                        break;
                    }
                }
            }
        }
        let now = clock();
        for host in &self.hosts {
            host.counted.send_if_modified(|counted| {
                let old = |counted: &Counted| counted.at > now || now.since(counted.at) > COUNT_AGE_MAX;
                counted.take_if(|counted| unable || old(counted)).is_some()
            });
        }
        if unable { Count::Unable } else { Count::NotTold }
    }

    /// A host that is not told of has no sessions.
    fn publish(&self, counts: &[ServerCount], at: Now) {
        let mut sessions = vec![0_u32; self.hosts.len()];
        for count in counts {
            let host = self.meant(&count.server);
            if let Some(host) = host.and_then(|host| sessions.get_mut(host)) {
                *host = host.saturating_add(count.sessions);
            }
        }
        for (host, sessions) in self.hosts.iter().zip(sessions) {
            host.counted.send_replace(Some(Counted { sessions, at }));
        }
    }

    /// The host that calls itself so.
    fn meant(&self, server: &str) -> Option<usize> {
        let names = self.hosts.iter().map(|host| host.own_name.as_str());
        let meant = index_of(server, names);
        if meant.is_none() {
            self.note_stranger(server);
        }
        meant
    }

    fn note_stranger(&self, server: &str) {
        let mut strangers = lock(&self.strangers);
        if strangers.len() == STRANGERS_MAX || strangers.iter().any(|known| known == server) {
            return;
        }
        if let Some(member) = self.members.first() {
            member.log_stranger(server);
        }
        strangers.push(server.to_owned());
    }

    /// A few of the machines that are likely to answer, beginning with the one whose turn it is.
    fn members_in_turn(&self) -> impl Iterator<Item = Arc<AskedMachine>> + use<> {
        let first = self.turn.fetch_add(1, Ordering::Relaxed) % self.members.len().max(1);
        let (before, after) = self.members.split_at(first);
        let answering: Vec<_> = after
            .iter()
            .chain(before)
            .filter(|member| member.answers())
            .take(MEMBERS_MAX)
            .cloned()
            .collect();
        answering.into_iter()
    }

    fn note_user(&self, user: &SessionUser) {
        let mut users = lock(&self.users);
        if users.front() != Some(user) {
            users.retain(|known| known != user);
            users.push_front(user.clone());
            users.truncate(USERS_MAX);
        }
    }

    fn forget_user(&self, user: &SessionUser) {
        lock(&self.users).retain(|known| known != user);
    }
}

/// A lock that a panic elsewhere does not close for ever.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
