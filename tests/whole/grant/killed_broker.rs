//! Keys that the built program placed on a real host, and that go although it was killed before their time was over.

use std::fs;

use crate::admin::json;
use crate::farms::keys::select_with_key;
use crate::lab::agent::{AgentHost, BrokerKey, REAL_AGENT};
use crate::lab::broker::Broker;
use crate::lab::https::{HttpsClient, Trust};
use crate::lab::process::wait_for;
use crate::lab::site::{Reach, configuration, staff};
use crate::lab::slapd::Slapd;
use crate::lab::x2go_host::X2goHost;

/// Where the agent writes keys, below the home folder, where nothing else is configured.
const KEY_FILE: &str = ".x2go/authorized_keys";

/// A broker whose only host is a real one, with an account that is staff.
struct Site {
    broker: Broker,
    agent: AgentHost,
    host: X2goHost,
    _directory: Slapd,
    _key: BrokerKey,
}

impl Site {
    fn start() -> Self {
        let host = X2goHost::start();
        let name = &host.account().name;
        let directory = Slapd::start(&staff(name));
        let key = BrokerKey::new();
        let agent = AgentHost::start(&key, REAL_AGENT);
        let settings = key.settings();
        // As short as it may be.
        let tables = format!(
            "[keys]\nlifetime = \"20s\"\nclient_keys = true\n[agent]\nprivate_key = \"{}\"\nknown_hosts = \"{}\"\n\
             [farm.main]\nagent = \"ssh\"\n[farm.main.hosts.ts01]",
            settings.private_key.display(),
            settings.known_hosts.display()
        );
        let configuration = configuration(&directory, Reach::Plain, agent.port())
            .replace("[farm.main.hosts.ts01]", &tables)
            .replace("[profile_defaults]\n", "[profile_defaults]\nautologin = true\n");
        Self {
            broker: Broker::start(&configuration),
            agent,
            host,
            _directory: directory,
            _key: key,
        }
    }

    /// The lines that the broker placed in the home folder of the account.
    fn lines(&self) -> usize {
        let file = self.host.account().home.join(KEY_FILE);
        let lines = fs::read_to_string(file).unwrap_or_default();
        lines.matches(" x2godirector-").count()
    }

    /// One of the numbers that `status` tells of keys.
    fn keys(&self, which: &str) -> u64 {
        json(&self.broker, &["status"])[which].as_u64().unwrap()
    }

    /// Selects with a key of the client's own until it is placed: a host that is asked for the first time may take
    /// longer than a login waits.
    fn place_key(&self) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let placed = (0..8).any(|attempt| {
            if attempt > 0 {
                std::thread::sleep(std::time::Duration::from_secs(7));
            }
            runtime.block_on(self.select()).contains("ACCEPTED")
        });
        assert!(placed, "no key: {}", self.broker.log());
    }

    async fn select(&self) -> String {
        let mut client = HttpsClient::connect(self.broker.address, Trust::Anybody, None)
            .await
            .unwrap();
        let form = select_with_key("terminal", &self.host.account().name);
        let answer = client.post_form("/json/", &form).await.unwrap();
        answer.text().to_owned()
    }

    /// Kills the broker, does that to the host of its agent, and starts the broker again.
    fn kill_broker(self, meanwhile: impl FnOnce(&mut AgentHost)) -> Self {
        let Self {
            broker,
            mut agent,
            host,
            _directory,
            _key,
        } = self;
        let broker = broker.kill_and_restart_after(|| meanwhile(&mut agent));
        Self {
            broker,
            agent,
            host,
            _directory,
            _key,
        }
    }
}

#[test]
fn a_key_goes_although_the_broker_was_killed() {
    let site = Site::start();
    site.place_key();
    assert!(site.keys("keys_open") > 0, "the admin is told of it");
    let site = site.kill_broker(|_| ());
    assert!(site.lines() > 0, "it was killed before the key's time was over");
    wait_for("removal", || (site.lines() == 0).then_some(()));
}

#[test]
fn a_key_goes_from_a_host_that_was_away_while_the_broker_was_killed() {
    let site = Site::start();
    site.place_key();
    let mut site = site.kill_broker(AgentHost::stop);
    wait_for("a host that is away when the key's time is over", || {
        let log = site.broker.log();
        log.contains("keys whose time is over stay on this host")
            .then_some(())
    });
    assert!(site.lines() > 0, "nobody can have removed it");
    assert!(site.keys("keys_over") > 0, "the admin is told of it");
    site.agent.start_again();
    wait_for("removal", || (site.lines() == 0).then_some(()));
    wait_for("the end of what is told of it", || {
        (site.keys("keys_over") == 0).then_some(())
    });
}
