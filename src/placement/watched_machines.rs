//! The machines behind the hosts of all farms, each probed and asked once whatever its names are.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;

use super::asked::{AskedMachine, Told};
use super::back_off::BackOff;
use super::database::SessionDatabase;
use super::disbelief::Witness;
use super::facts::Site;
use super::health::{Health, keep_watch};
use super::probe::Prober;
use super::watched_host::{AskedHost, WatchedHost};
use super::{Farm, Host};
use crate::agent::Agents;
use crate::model::{Machine, Now};

/// All machines, and their session databases.
#[derive(Debug)]
pub(super) struct WatchedMachines {
    machines: HashMap<Machine, WatchedMachine>,
    databases: HashMap<DatabaseKey, Arc<SessionDatabase>>,
}

/// What is known of a machine, and shared by its names.
#[derive(Debug)]
struct WatchedMachine {
    sites: Arc<[Site]>,
    health: watch::Receiver<Health>,
    back_off: Arc<Mutex<BackOff>>,
    /// None where no farm with a host on it has an agent.
    asked: Option<Arc<AskedMachine>>,
}

/// What tells session databases apart.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum DatabaseKey {
    /// Shared, by its name in conf.d.
    Shared(String),
    /// The machine's own.
    Own(Machine),
}

impl DatabaseKey {
    fn of(host: &Host) -> Self {
        match &host.session_database {
            Some(name) => Self::Shared(name.clone()),
            None => Self::Own(host.machine()),
        }
    }
}

impl WatchedMachines {
    /// Begins to probe and to ask the machines of these farms, in tasks of `tasks`.
    pub fn start(
        farms: &[Farm],
        agents: &Agents,
        previous: Option<&Self>,
        tasks: &mut JoinSet<()>,
        clock: fn() -> Now,
        witness: &Witness,
        interval: Duration,
    ) -> Self {
        let mut machines = HashMap::new();
        let prober = Arc::new(Prober::new());
        for (machine, sites) in sites_of_machines(farms) {
            let before = previous.and_then(|previous| previous.machines.get(&machine));
            let (sender, health) =
                watch::channel(before.map_or(Health::Unknown, |before| *before.health.borrow()));
            let names = listed(&sites);
            let agent = farms
                .iter()
                .filter(|farm| farm.hosts.iter().any(|host| host.machine() == machine))
                .find_map(|farm| agents.of(farm.agent));
            let asked = agent.map(|agent| {
                let before = before.and_then(|before| before.asked.as_ref());
                let told = before.map(|before| before.told().clone()).unwrap_or_default();
                let (agent, names) = (Arc::clone(agent), names.clone());
                let asked = AskedMachine::new(
                    machine.clone(),
                    agent,
                    names,
                    health.clone(),
                    told,
                    witness.clone(),
                );
                Arc::new(asked)
            });
            if let Some(asked) = &asked {
                tasks.spawn(Arc::clone(asked).keep_asking(clock));
            }
            tasks.spawn(keep_watch(
                Arc::clone(&prober),
                machine.clone(),
                names,
                interval,
                sender,
            ));
            let watched = WatchedMachine {
                sites: sites.into(),
                health,
                back_off: before
                    .map(|before| Arc::clone(&before.back_off))
                    .unwrap_or_default(),
                asked,
            };
            machines.insert(machine, watched);
        }
        let databases = databases(farms, agents, &machines, previous);
        for database in databases.values() {
            tasks.spawn(Arc::clone(database).keep_counting(clock));
        }
        Self { machines, databases }
    }

    /// Whether each of them answers.
    pub fn health(&self) -> impl Iterator<Item = watch::Receiver<Health>> {
        self.machines.values().map(|machine| machine.health.clone())
    }

    /// The hosts of a farm.
    pub fn hosts_of(&self, farm: &Farm, agents: &Agents) -> Vec<WatchedHost> {
        let machines = farm
            .hosts
            .iter()
            .filter_map(|host| self.machines.get(&host.machine()));
        let told: Arc<[_]> = machines
            .filter_map(|machine| machine.asked.as_ref())
            .map(|asked| asked.subscribe())
            .collect();
        let watched = |host: &Host| {
            let machine = self.machines.get(&host.machine())?;
            let asked = agents
                .of(farm.agent)
                .and_then(|_| self.asked(host, machine, &told));
            Some(WatchedHost {
                host: host.clone(),
                sites: Arc::clone(&machine.sites),
                health: machine.health.clone(),
                back_off: Arc::clone(&machine.back_off),
                asked,
            })
        };
        farm.hosts.iter().filter_map(watched).collect()
    }

    fn asked(
        &self,
        host: &Host,
        machine: &WatchedMachine,
        farm: &Arc<[watch::Receiver<Told>]>,
    ) -> Option<AskedHost> {
        let database = self.databases.get(&DatabaseKey::of(host))?;
        let number = database.host(&host.machine(), &host.hostname)?;
        Some(AskedHost {
            machine: Arc::clone(machine.asked.as_ref()?),
            counted: database.counted(number)?,
            number,
            database: Arc::clone(database),
            farm: Arc::clone(farm),
        })
    }
}

/// The session databases of the hosts that are asked.
fn databases(
    farms: &[Farm],
    agents: &Agents,
    machines: &HashMap<Machine, WatchedMachine>,
    previous: Option<&WatchedMachines>,
) -> HashMap<DatabaseKey, Arc<SessionDatabase>> {
    let mut members: HashMap<DatabaseKey, Vec<(Arc<AskedMachine>, String)>> = HashMap::new();
    for host in farms
        .iter()
        .filter(|farm| agents.of(farm.agent).is_some())
        .flat_map(|farm| &farm.hosts)
    {
        let machine = machines.get(&host.machine());
        let Some(asked) = machine.and_then(|machine| machine.asked.as_ref()) else {
            continue;
        };
        let members = members.entry(DatabaseKey::of(host)).or_default();
        let is_known = |(known, own_name): &(Arc<AskedMachine>, String)| {
            Arc::ptr_eq(known, asked) && own_name.eq_ignore_ascii_case(&host.hostname)
        };
        if !members.iter().any(is_known) {
            members.push((Arc::clone(asked), host.hostname.clone()));
        }
    }
    let database = |(key, members)| {
        let before = previous.and_then(|previous| previous.databases.get(&key));
        let database = SessionDatabase::new(members, before.map(AsRef::as_ref));
        (key, Arc::new(database))
    };
    members.into_iter().map(database).collect()
}

/// The machines behind all hosts, each once, with all its names.
fn sites_of_machines(farms: &[Farm]) -> BTreeMap<Machine, Vec<Site>> {
    let mut sites: BTreeMap<Machine, Vec<Site>> = BTreeMap::new();
    for farm in farms {
        for host in &farm.hosts {
            sites.entry(host.machine()).or_default().push(Site {
                farm: farm.name.clone(),
                host: host.name.clone(),
            });
        }
    }
    sites
}

/// The names of a machine as the log shows them: `students/ts01, staff/ts01`.
fn listed(sites: &[Site]) -> String {
    let names: Vec<_> = sites
        .iter()
        .map(|site| format!("{}/{}", site.farm, site.host))
        .collect();
    names.join(", ")
}
