//! What an admin should know of agents, for `doctor` and `agent-test`: everything is asked that changes nothing.

use std::io;
use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::carrier::Carrier;
use super::command::Command;
use super::{Agent, AgentError, AgentKind, Local, Settings, Ssh, broker_key, task_lines};
use crate::model::{Check, HostName, Machine, Outcome, SessionUser};

/// Hosts that are asked at once: as many connections as are opened at once, so that none has to wait for its turn.
const AT_ONCE: usize = 8;
/// What the broker asks of a host beside `ping`.
const TASKS: [&str; 6] = [
    "addauthkey",
    "checkload",
    "delauthkey",
    "getservers",
    "listsessions",
    "suspendsession",
];
/// What a shell says where there is no sudo.
const NO_SUDO: &str = "sudo: not found";

/// A host, and how it is asked.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Its name.
    pub name: HostName,
    /// What it is reached under.
    pub machine: Machine,
    /// How it is asked. A host that is not says nothing.
    pub kind: AgentKind,
}

/// Asks agents as the daemon would.
#[derive(Debug)]
pub struct Examination {
    settings: Settings,
    ssh: Ssh,
    local: Local,
}

impl Examination {
    /// Asks nothing yet.
    ///
    /// # Errors
    /// There is no place for the sockets of connections.
    pub fn new(settings: Settings) -> io::Result<Self> {
        Ok(Self {
            ssh: Ssh::new(settings.clone())?,
            local: Local::new(settings.clone()),
            settings,
        })
    }

    /// Looks at the broker's key. Blocks on file access.
    pub fn key(&self) -> Check {
        match broker_key::examine(&self.settings) {
            Ok(()) => Check::good(format!(
                "the broker's SSH key {} is there",
                self.settings.private_key.display()
            )),
            Err(error) => wrong(error.to_string()),
        }
    }

    /// Whether the agents of these hosts answer, in their order.
    pub async fn hosts(self: &Arc<Self>, hosts: Vec<Asked>) -> Vec<Check> {
        let turns = Arc::new(Semaphore::new(AT_ONCE));
        let mut asking = JoinSet::new();
        for (at, asked) in hosts.into_iter().enumerate() {
            let (this, turns) = (Arc::clone(self), Arc::clone(&turns));
            asking.spawn(async move {
                // The turns are never closed.
                let _turn = turns.acquire().await;
                (at, this.answers(&asked).await)
            });
        }
        let mut checks = Vec::new();
        while let Some(answer) = asking.join_next().await {
            checks.extend(answer.ok());
        }
        checks.sort_by_key(|(at, _)| *at);
        checks.into_iter().map(|(_, check)| check).collect()
    }

    /// Whether the agent of a host answers.
    async fn answers(&self, asked: &Asked) -> Check {
        let Asked { name, machine, kind } = asked;
        let answer = match kind {
            AgentKind::None => return Check::good(format!("{name} ({machine}) is not asked")),
            AgentKind::Ssh => self.ssh.ping(machine).await,
            AgentKind::Local => self.local.ping(machine).await,
        };
        match answer {
            Ok(()) => Check::good(format!("the agent of {name} ({machine}) answers")),
            Err(error) => wrong(format!("{name}: {error}")),
        }
    }

    /// Everything about one host, and what it does for a user if one is named.
    pub async fn host(&self, asked: &Asked, user: Option<&SessionUser>) -> Vec<Check> {
        let mut checks = Vec::new();
        if asked.kind == AgentKind::Ssh {
            checks.push(self.key());
        }
        if checks.iter().all(is_good) {
            checks.push(self.answers(asked).await);
        }
        if checks.iter().all(is_good) {
            checks.extend(match asked.kind {
                AgentKind::None => Vec::new(),
                AgentKind::Ssh => more(&self.ssh, &asked.machine, user).await,
                AgentKind::Local => more(&self.local, &asked.machine, user).await,
            });
        }
        checks
    }
}

/// What an agent that answers has to say.
async fn more<C: Carrier>(agent: &C, machine: &Machine, user: Option<&SessionUser>) -> Vec<Check> {
    let mut checks = vec![tasks(agent, machine).await, load(agent, machine).await];
    if let Some(user) = user {
        let acts = acts_for(agent, machine, user).await;
        let works = is_good(&acts);
        checks.push(acts);
        if works {
            checks.push(sessions(agent, machine, user).await);
        }
    }
    checks
}

async fn tasks<C: Carrier>(agent: &C, machine: &Machine) -> Check {
    let tasks = match agent.ask(machine, Command::AvailableTasks).await {
        Ok(body) => task_lines::read(&body),
        Err(error) => return wrong(format!("availabletasks: {error}")),
    };
    let missing: Vec<_> = TASKS.into_iter().filter(|task| !tasks.contains(*task)).collect();
    if missing.is_empty() {
        return Check::good("it has all tasks that the broker asks for");
    }
    Check::doubtful(
        format!("it does not have {}", missing.join(", ")),
        "install x2goserver there (apt-get install x2goserver): without it the agent only places keys",
    )
}

async fn load<C: Carrier>(agent: &C, machine: &Machine) -> Check {
    match agent.load(machine).await {
        Ok(load) => Check::good(format!(
            "its load is {}.{:02} on {} processors, and {} MB of memory can be had",
            load.average_percent / 100,
            load.average_percent % 100,
            load.processors,
            load.memory_available_mb
        )),
        Err(error) => wrong(format!("checkload: {error}")),
    }
}

/// Whether the agent can act in the name of the user, which it does through sudo. Where that is missing, it says of
/// everybody that they have no sessions, and says nothing of the reason.
async fn acts_for<C: Carrier>(agent: &C, machine: &Machine, user: &SessionUser) -> Check {
    match agent.ask(machine, Command::ActAs(user)).await {
        Ok(_) => Check::good(format!("it can act for {user}")),
        Err(AgentError::Refused(why)) if why.contains(NO_SUDO) => Check::doubtful(
            "it cannot act for users: there is no sudo on the host, and so nobody has sessions and no key is placed",
            "install it there: apt-get install sudo",
        ),
        Err(AgentError::NoSuchUser(why)) => Check::doubtful(
            format!("it does not serve {user}: {why}"),
            "name somebody with an account there and a uid of at least 1000",
        ),
        Err(error) => wrong(format!("it cannot act for {user}: {error}")),
    }
}

async fn sessions<C: Carrier>(agent: &C, machine: &Machine, user: &SessionUser) -> Check {
    let told = match agent.sessions(machine, user).await {
        Ok(told) => told,
        Err(error) => return wrong(format!("listsessions: {error}")),
    };
    if !told.left_out.is_empty() {
        return Check::doubtful(
            format!(
                "what it gives as sessions of {user} has lines that cannot be sessions of that user: {}",
                told.left_out
            ),
            "compare them with what x2golistsessions prints there",
        );
    }
    let ids: Vec<_> = told
        .sessions
        .iter()
        .map(|session| format!(" {} on {}", session.id, session.server))
        .collect();
    Check::good(match ids.len() {
        0 => format!("{user} has no session"),
        1 => format!("{user} has 1 session:{}", ids.concat()),
        many => format!("{user} has {many} sessions:{}", ids.join(",")),
    })
}

fn is_good(check: &Check) -> bool {
    check.outcome == Outcome::Good
}

/// What is wrong, in words that say themselves what to do. Logins go on without agents.
fn wrong(what: String) -> Check {
    Check {
        what,
        outcome: Outcome::Doubtful,
        advice: None,
    }
}
