//! One core behind all doors: whatever the configuration is, somebody is given the same at each.

use std::collections::{BTreeMap, BTreeSet};
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use proptest::prelude::*;
use tokio::task::JoinSet;

use super::{Broker, Caller, Edge, Records, Remote, Snapshot};
use crate::agent::Agents;
use crate::audit;
use crate::authenticate::fake::FakeAccounts;
use crate::authenticate::{Login, PasswordChecks};
use crate::config;
use crate::directory::Entry;
use crate::grant::{Grants, Pool};
use crate::identity::{Asked, Groups};
use crate::model::{ClientAddress, Door, GroupName, Membership, Now};
use crate::observe::Metrics;
use crate::placement::{Farms, Placements, Stores};
use crate::socket::Peer;
use crate::store::Embedded;
use crate::wire::uccs::{self, Api};
use crate::wire::{Reply, json, plain, ssh};

/// Monday, 9 o'clock in UTC.
fn now() -> Now {
    Now::from_unix_ms(1_772_442_000_000)
}

const USERS: [&str; 3] = ["alice", "bob", "carol"];
/// As many as can be listed and selected at every door within the selects of a minute.
const PROFILES: [&str; 3] = ["p0", "p1", "p2"];
const NOTICE: &str = "notice-message-move";
const NO_PROFILES: &str = "notice-no-profiles";

/// A rule, as somebody might write it.
fn rule() -> impl Strategy<Value = String> {
    let some = |words: &'static [&'static str]| {
        prop::sample::subsequence(words.to_vec(), 1..=words.len()).prop_map(|words| format!("{words:?}"))
    };
    let whom = prop_oneof![
        1 => Just("everyone = true".to_owned()),
        3 => some(&["g0", "g1", "g2"]).prop_map(|groups| format!("groups = {groups}")),
        2 => some(&USERS).prop_map(|users| format!("users = {users}")),
    ];
    let clients = prop::option::weighted(0.3, some(&["10.1.0.0/16", "10.2.0.0/16"]));
    let except = prop::option::weighted(0.2, some(&["g0", "g1", "g2"]));
    let hours = prop::option::weighted(
        0.3,
        prop::sample::select(vec!["Mon-Fri 07:00-20:00 UTC", "Sat 07:00-20:00 UTC"]),
    );
    let profiles = some(&PROFILES);
    (whom, clients, except, hours, profiles, prop::bool::weighted(0.3)).prop_map(
        |(whom, clients, except, hours, profiles, deny)| {
            let clients = clients.map(|clients| format!("clients = {clients}"));
            let except = except.map(|groups| format!("except_groups = {groups}"));
            let hours = hours.map(|hours| format!("hours = {hours:?}"));
            let lines = [
                Some(whom),
                clients,
                except,
                hours,
                deny.then(|| "deny = true".to_owned()),
            ];
            let lines: Vec<String> = lines.into_iter().flatten().collect();
            format!("{}\nprofiles = {profiles}\n", lines.join("\n"))
        },
    )
}

/// A configuration of two farms whose hosts are at this port.
fn configuration(rules: &[String], port: u16) -> String {
    let profiles = PROFILES.iter().enumerate().map(|(number, id)| {
        let farm = ["main", "other"][number / 2];
        format!("[profile.{id}]\nname = \"{id}\"\nfarm = \"{farm}\"\ncommand = \"XFCE\"\n")
    });
    let rules = rules
        .iter()
        .enumerate()
        .map(|(number, rule)| format!("[rule.r{number}]\n{rule}"));
    let hosts = ["main", "other"]
        .map(|farm| format!("[farm.{farm}.hosts.ts01]\naddress = \"127.0.0.1\"\nport = {port}\n"));
    let directory = "[directory.ldap]\nurls = [\"ldap://127.0.0.1:1\"]\nbase_dn = \"dc=example,dc=org\"\n\
                     schema = \"rfc2307bis\"\n";
    let notices = "[notices]\nno_profiles = true\n[notices.message.move]\ntext = \"We move\"\n";
    let parts = [directory, notices].into_iter().map(str::to_owned);
    parts
        .chain(hosts)
        .chain(profiles)
        .chain(rules)
        .collect::<Vec<_>>()
        .concat()
}

/// Which groups everybody is in.
struct Members(BTreeMap<&'static str, Vec<&'static str>>);

impl Groups for Members {
    fn memberships<'a>(&'a self, entry: &'a Entry) -> Asked<'a> {
        let groups = self.0[entry.user.as_str()].iter().map(|name| Membership {
            name: GroupName::new(name).unwrap(),
            dn: None,
            via: Vec::new(),
            unique: true,
        });
        let groups = groups.collect();
        Box::pin(async { Ok(groups) })
    }
}

/// A broker with this configuration, in a folder and with a host that answers.
struct Site {
    broker: Arc<Broker>,
    _folder: tempfile::TempDir,
    _host: TcpListener,
}

impl Site {
    async fn start(rules: &[String], members: Members) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let host = TcpListener::bind("127.0.0.1:0").unwrap();
        let text = configuration(rules, host.local_addr().unwrap().port());
        std::fs::write(folder.path().join("a.toml"), &text).unwrap();
        let configuration = config::load(&[folder.path().to_owned()], std::iter::empty());
        let configuration = configuration.unwrap_or_else(|problems| panic!("{text}\n{problems:?}"));
        let accounts = FakeAccounts::new();
        for user in USERS {
            accounts.add(user, &format!("{user}-secret"));
        }
        let embedded = Arc::new(Embedded::open(&folder.path().join("state.db")).unwrap());
        let pool = Pool::start(&[folder.path().to_owned()], now());
        let grants = Grants::load(Arc::clone(&embedded) as _, pool, now).await.unwrap();
        let stores = Stores {
            leases: Arc::clone(&embedded) as _,
            drains: Arc::clone(&embedded) as _,
            last_hosts: Arc::clone(&embedded) as _,
        };
        let login = Login::new(
            Arc::new(accounts),
            Arc::new(PasswordChecks::new()),
            Arc::clone(&embedded) as _,
            configuration.authentication,
        );
        let snapshot = Snapshot {
            policy: configuration.policy,
            login,
            groups: Arc::new(members),
            directory: None,
            pam: None,
            farms: Farms::start(configuration.farms, &Agents::default(), None, now).await,
            agent_key: None,
            keys: configuration.keys,
            client: configuration.client,
            hooks: None,
            notices: configuration.notices,
            configuration: configuration.hash,
            since: now(),
            recorded_attributes: Vec::new(),
        };
        let records = Arc::new(Records {
            audit: audit::Log::new(),
            metrics: Metrics::new(now(), &[]),
        });
        let edge = Edge { now, random: || 1 };
        let placements = Placements::load(stores).await.unwrap();
        Self {
            broker: Arc::new(Broker::new(
                snapshot,
                placements,
                Arc::new(grants),
                embedded,
                edge,
                records,
            )),
            _folder: folder,
            _host: host,
        }
    }
}

/// Somebody at a seat.
#[derive(Debug, Clone, Copy)]
struct Seat {
    user: &'static str,
    client: [u8; 4],
}

impl Seat {
    fn caller(self, door: Door) -> Caller {
        let address = ClientAddress::new(self.client.into());
        match door {
            Door::Ssh => Caller::Peer {
                peer: Peer::supposed(1042, self.user),
                address: Some(address),
            },
            door => Caller::Remote(Remote { address, door }),
        }
    }

    fn form(self, rest: &str) -> String {
        format!("user={0}&password={0}-secret&{rest}", self.user)
    }

    /// What the plain door answers to this form.
    async fn plain(self, broker: &Broker, rest: &str) -> String {
        let request = plain::decode(self.form(rest).as_bytes()).unwrap();
        let reply = broker.answer(self.caller(Door::Plain), request).await;
        text(&plain::encode(&reply).1)
    }

    async fn json(self, broker: &Broker, rest: &str) -> serde_json::Value {
        let request = json::decode(self.form(rest).as_bytes()).unwrap();
        let reply = broker.answer(self.caller(Door::Json), request).await;
        serde_json::from_slice(&json::encode(&reply).1).unwrap()
    }

    /// What X2Go Client gets that runs our command with these words.
    async fn ssh(self, broker: &Broker, words: &[&str]) -> String {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        let request = ssh::decode(&words).unwrap();
        let reply = broker.answer(self.caller(Door::Ssh), request).await;
        text(&ssh::encode(&reply))
    }

    async fn uccs(self, broker: &Broker) -> serde_json::Value {
        let credentials = STANDARD.encode(format!("{0}:{0}-secret", self.user));
        let header = format!("Basic {credentials}");
        let request = uccs::decode([header.as_bytes()].into_iter()).unwrap();
        let reply: Reply = broker.answer(self.caller(Door::Uccs), request).await;
        serde_json::from_slice(&uccs::encode(Api::Five, &reply).1).unwrap()
    }

    /// The ids that each door lists.
    async fn lists(self, broker: &Broker) -> [BTreeSet<String>; 4] {
        let plain = self.plain(broker, "task=listsessions").await;
        let ssh = self.ssh(broker, &["--task", "listsessions"]).await;
        let json = self.json(broker, "task=listprofiles").await;
        let uccs = self.uccs(broker).await;
        let servers = uccs["RemoteDesktopServers"].as_array().unwrap().iter();
        let names = servers.map(|server| server["Name"].as_str().unwrap().to_owned());
        [
            sections(&plain),
            sections(&ssh),
            json["profiles"].as_object().unwrap().keys().cloned().collect(),
            names.collect(),
        ]
    }

    /// Whether each door that selects gives a host for this profile, and whether it grants at all.
    async fn selects(self, broker: &Broker, profile: &str) -> [(bool, bool); 3] {
        let plain = self
            .plain(broker, &format!("task=selectsession&sid={profile}"))
            .await;
        let ssh = self
            .ssh(broker, &["--task", "selectsession", "--sid", profile])
            .await;
        let json = self
            .json(broker, &format!("task=selectsession&profile-id={profile}"))
            .await;
        let told = |text: &str| {
            (
                text.contains("SERVER:127.0.0.1:"),
                text.contains("Access granted"),
            )
        };
        [
            told(&plain),
            told(&ssh),
            (
                json["selected_session"]["server"] == "127.0.0.1",
                json["auth-status"] == "Access granted",
            ),
        ]
    }
}

/// The ids of the profiles in a list of X2Go Client.
fn sections(list: &str) -> BTreeSet<String> {
    let ids = list
        .lines()
        .filter_map(|line| line.strip_prefix('[')?.strip_suffix(']'));
    ids.map(str::to_owned).collect()
}

fn text(body: &Bytes) -> String {
    String::from_utf8(body.to_vec()).unwrap()
}

/// Everybody at every seat, at every door; then each of them selects all that anybody was offered.
async fn hold(rules: Vec<String>, members: Members) {
    let site = Site::start(&rules, members).await;
    let broker = &site.broker;
    let mut selects = JoinSet::new();
    for (number, user) in USERS.into_iter().enumerate() {
        let client = [10, u8::try_from(number).unwrap() + 1, 0, 7];
        let seat = Seat { user, client };
        let [plain, ssh, json, uccs] = seat.lists(broker).await;
        let notices: BTreeSet<String> = plain.difference(&uccs).cloned().collect();
        let expected = if uccs.is_empty() {
            vec![NOTICE, NO_PROFILES]
        } else {
            vec![NOTICE]
        };
        assert_eq!(Vec::from_iter(&notices), expected, "{seat:?} {rules:?}");
        assert_eq!(plain, json, "{seat:?} {rules:?}");
        assert_eq!(plain, ssh, "{seat:?} {rules:?}");
        for profile in PROFILES.into_iter().chain([NOTICE, NO_PROFILES]) {
            let (broker, listed) = (Arc::clone(broker), uccs.contains(profile));
            selects.spawn(async move {
                let notice = profile.starts_with("notice-");
                let expected = (listed, listed || notice);
                assert_eq!(
                    seat.selects(&broker, profile).await,
                    [expected; 3],
                    "{seat:?} {profile}"
                );
            });
        }
    }
    while let Some(done) = selects.join_next().await {
        done.unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn every_door_gives_the_same_and_a_select_what_was_listed(
        rules in prop::collection::vec(rule(), 1..7),
        groups in prop::collection::vec(prop::sample::subsequence(vec!["g0", "g1", "g2"], 0..=3), 3),
    ) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(hold(rules, Members(USERS.into_iter().zip(groups).collect())));
    }
}

/// The property above would hold as well if nobody were ever given anything.
#[tokio::test]
async fn somebody_is_offered_something_at_every_door() {
    let rules = ["everyone = true\nprofiles = [\"p1\", \"p2\"]\n".to_owned()];
    let members = Members(USERS.into_iter().map(|user| (user, Vec::new())).collect());
    let site = Site::start(&rules, members).await;
    let seat = Seat {
        user: "alice",
        client: [10, 1, 0, 7],
    };
    let [plain, ssh, json, uccs] = seat.lists(&site.broker).await;
    assert_eq!(Vec::from_iter(&uccs), ["p1", "p2"]);
    assert_eq!(Vec::from_iter(&plain), [NOTICE, "p1", "p2"]);
    assert_eq!(plain, json);
    assert_eq!(plain, ssh);
    let given = [(true, true); 3];
    assert_eq!(seat.selects(&site.broker, "p1").await, given);
    assert_eq!(
        tokio::time::timeout(Duration::from_secs(60), seat.selects(&site.broker, "p0")).await,
        Ok([(false, false); 3])
    );
}
