//! The farms of one configuration, with what is known of their hosts right now.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::Farm;
use super::disbelief::Witness;
use super::health::{Health, PROBE_INTERVAL};
use super::probe::PROBE_TIMEOUT;
use super::watched_host::WatchedHost;
use super::watched_machines::WatchedMachines;
use crate::agent::{Agent, Agents};
use crate::model::{FarmName, HostName, KeyTarget, Machine, Now};

/// The farms of one configuration and the background tasks that probe and ask their hosts. Dropping it ends the tasks.
#[derive(Debug)]
pub struct Farms {
    farms: BTreeMap<FarmName, WatchedFarm>,
    machines: WatchedMachines,
    agents: Agents,
    /// Held to be ended with the rest.
    _tasks: JoinSet<()>,
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

impl Farms {
    /// Begins to probe every host, each about once in 5 s, and waits for the first answers, at most 3 s; a host
    /// that has not answered by then counts as down until it does. Where a farm has an agent, its hosts are also asked
    /// for their load and their sessions, which nothing waits for. What `previous` knows of a machine is taken over.
    /// `witness` is told of what is not believed of what they say.
    pub async fn start(
        farms: impl IntoIterator<Item = Farm>,
        agents: &Agents,
        previous: Option<&Self>,
        clock: fn() -> Now,
        witness: &Witness,
    ) -> Self {
        Self::start_probing(farms, agents, previous, clock, witness, PROBE_INTERVAL).await
    }

    pub(super) async fn start_probing(
        farms: impl IntoIterator<Item = Farm>,
        agents: &Agents,
        previous: Option<&Self>,
        clock: fn() -> Now,
        witness: &Witness,
        interval: Duration,
    ) -> Self {
        let farms: Vec<Farm> = farms.into_iter().collect();
        let mut tasks = JoinSet::new();
        let previous = previous.map(|previous| &previous.machines);
        let machines = WatchedMachines::start(&farms, agents, previous, &mut tasks, clock, witness, interval);
        first_answers(machines.health()).await;
        let farms = farms
            .into_iter()
            .map(|farm| {
                let hosts = machines.hosts_of(&farm, agents);
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
            agents: agents.clone(),
            _tasks: tasks,
        }
    }

    /// Who asks the hosts of these farms.
    pub fn agents(&self) -> &Agents {
        &self.agents
    }

    /// Who asks the hosts of a farm; nobody where nothing is asked.
    pub fn agent(&self, farm: &FarmName) -> Option<&Arc<dyn Agent>> {
        self.farm(farm)?.agent.as_ref()
    }

    /// Whether keys can be brought to the hosts of some farm.
    pub fn take_keys(&self) -> bool {
        self.farms
            .values()
            .any(|farm| farm.settings.key_delivery().is_some())
    }

    /// Where a key for that host goes; none if its farm takes no keys or there is no such host.
    pub fn key_target(&self, farm: &FarmName, host: &HostName) -> Option<KeyTarget> {
        self.farm(farm)?.key_target(host)
    }

    /// Where a key for the host that clients dial so goes, in the first farm that has it and takes keys.
    pub fn key_target_at(&self, machine: &Machine) -> Option<KeyTarget> {
        self.farms.values().find_map(|farm| {
            let host = farm.hosts.iter().find(|host| host.host.machine() == *machine)?;
            farm.key_target(&host.host.name)
        })
    }

    /// The machine behind a host.
    pub fn machine(&self, farm: &FarmName, host: &HostName) -> Option<Machine> {
        self.host(farm, host).map(|host| host.host.machine())
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

    /// A farm, and those that take its sessions when it is full.
    pub(super) fn farms_for(&self, name: &FarmName) -> impl Iterator<Item = &WatchedFarm> {
        let farm = self.farm(name);
        let fallback = farm.map_or(&[][..], |farm| &farm.settings.fallback);
        farm.into_iter()
            .chain(fallback.iter().filter_map(|name| self.farm(name)))
    }

    pub(super) fn host(&self, farm: &FarmName, name: &HostName) -> Option<&WatchedHost> {
        self.farm(farm)?.host(name)
    }
}

impl WatchedFarm {
    pub fn host(&self, name: &HostName) -> Option<&WatchedHost> {
        self.hosts.iter().find(|host| host.host.name == *name)
    }

    fn key_target(&self, host: &HostName) -> Option<KeyTarget> {
        Some(KeyTarget {
            farm: self.settings.name.clone(),
            host: host.clone(),
            machine: self.host(host)?.host.machine(),
            delivery: self.settings.key_delivery()?,
        })
    }
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
