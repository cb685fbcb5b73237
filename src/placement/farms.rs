//! The farms of one configuration, with what is known of their hosts right now.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::health::{Health, PROBE_INTERVAL, keep_watch};
use super::ledger::Site;
use super::probe::{PROBE_TIMEOUT, Prober};
use super::{Farm, Host};
use crate::agent::{Agent, Agents};
use crate::model::{FarmName, HostName, Machine};

/// The farms of one configuration and the background tasks that probe their hosts. Dropping it ends the tasks.
#[derive(Debug)]
pub struct Farms {
    farms: BTreeMap<FarmName, WatchedFarm>,
    machines: HashMap<Machine, watch::Receiver<Health>>,
    /// Held to be ended with the rest.
    _probes: JoinSet<()>,
}

/// A farm as a select sees it.
#[derive(Debug)]
pub(super) struct WatchedFarm {
    /// What the admin wrote; its hosts are in `hosts`.
    pub settings: Farm,
    /// Who asks its hosts; nobody where nothing is asked.
    pub agent: Option<Arc<dyn Agent>>,
    pub hosts: Vec<WatchedHost>,
}

/// A host as a select sees it.
#[derive(Debug)]
pub(super) struct WatchedHost {
    pub host: Host,
    /// Every name of the same machine, in this farm and others: its load is the load of them all.
    pub sites: Arc<[Site]>,
    health: watch::Receiver<Health>,
}

impl WatchedHost {
    /// What is known of the machine.
    pub fn health(&self) -> Health {
        *self.health.borrow()
    }

    /// Whether the machine answered the last probe.
    pub fn is_healthy(&self) -> bool {
        self.health() == Health::Up
    }
}

impl Farms {
    /// Begins to probe every host, each about once in 5 s, and waits for the first answers, at most 3 s; a host
    /// that has not answered by then counts as down until it does. What `previous` knows of a machine is taken
    /// over and not waited for.
    pub async fn start(
        farms: impl IntoIterator<Item = Farm>,
        agents: &Agents,
        previous: Option<&Self>,
    ) -> Self {
        Self::start_probing(farms, agents, previous, PROBE_INTERVAL).await
    }

    pub(super) async fn start_probing(
        farms: impl IntoIterator<Item = Farm>,
        agents: &Agents,
        previous: Option<&Self>,
        interval: Duration,
    ) -> Self {
        let farms: Vec<Farm> = farms.into_iter().collect();
        let prober = Arc::new(Prober::new());
        let mut probes = JoinSet::new();
        let mut machines = HashMap::new();
        let mut sites: HashMap<Machine, Arc<[Site]>> = HashMap::new();
        for (machine, names) in sites_of_machines(&farms) {
            let before = previous.and_then(|previous| previous.machines.get(&machine));
            let (sender, receiver) =
                watch::channel(before.map_or(Health::Unknown, |health| *health.borrow()));
            probes.spawn(keep_watch(
                Arc::clone(&prober),
                machine.clone(),
                listed(&names),
                interval,
                sender,
            ));
            machines.insert(machine.clone(), receiver);
            sites.insert(machine, names.into());
        }
        first_answers(machines.values().cloned()).await;
        let watched = |host: Host| {
            let machine = host.machine();
            Some(WatchedHost {
                sites: Arc::clone(sites.get(&machine)?),
                health: machines.get(&machine)?.clone(),
                host,
            })
        };
        let farms = farms
            .into_iter()
            .map(|farm| {
                let hosts = farm.hosts.iter().cloned().filter_map(watched).collect();
                let settings = Farm {
                    hosts: Vec::new(),
                    ..farm
                };
                let agent = agents.of(settings.agent).cloned();
                let name = settings.name.clone();
                (
                    name,
                    WatchedFarm {
                        settings,
                        agent,
                        hosts,
                    },
                )
            })
            .collect();
        Self {
            farms,
            machines,
            _probes: probes,
        }
    }

    /// Who asks the hosts of a farm; nobody where nothing is asked.
    pub fn agent(&self, farm: &FarmName) -> Option<&Arc<dyn Agent>> {
        self.farm(farm)?.agent.as_ref()
    }

    /// Every host with its farm, in order of the farms' names.
    pub(super) fn hosts(&self) -> impl Iterator<Item = (&FarmName, &WatchedHost)> {
        self.farms
            .iter()
            .flat_map(|(name, farm)| farm.hosts.iter().map(move |host| (name, host)))
    }

    pub(super) fn farm(&self, name: &FarmName) -> Option<&WatchedFarm> {
        self.farms.get(name)
    }

    pub(super) fn host(&self, farm: &FarmName, name: &HostName) -> Option<&WatchedHost> {
        self.farm(farm)?.host(name)
    }
}

impl WatchedFarm {
    pub fn host(&self, name: &HostName) -> Option<&WatchedHost> {
        self.hosts.iter().find(|host| host.host.name == *name)
    }
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

/// Waits until all of these are known, at most as long as a probe takes.
async fn first_answers(machines: impl Iterator<Item = watch::Receiver<Health>>) {
    let all = async {
        for mut health in machines {
            // An error means that the probing task is gone; there is nothing to wait for then.
            let _ = health.wait_for(|health| *health != Health::Unknown).await;
        }
    };
    // What is not known in time counts as down.
    let _ = timeout(PROBE_TIMEOUT, all).await;
}
