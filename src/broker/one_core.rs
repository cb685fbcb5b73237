//! One core behind all doors: whatever the configuration is, somebody is given the same at each.

pub(super) mod drawn;
pub(super) mod site;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use proptest::prelude::*;
use tokio::task::JoinSet;

use self::drawn::{Drawn, MESSAGE, Moment, NO_PROFILES, PROFILES, Told, USERS, drawn, groups};
use self::site::{Members, Site};
use super::{Broker, Caller, Remote};
use crate::model::{ClientAddress, Door};
use crate::socket::Peer;
use crate::wire::uccs::{self, Api};
use crate::wire::{Reply, json, plain, ssh};

/// Somebody at a seat.
#[derive(Debug, Clone, Copy)]
struct Seat {
    user: &'static str,
    client: [u8; 4],
}

impl Seat {
    /// The seat of the user with this number, in a network of their own.
    fn of(number: usize) -> Self {
        Self {
            user: USERS[number],
            client: [10, u8::try_from(number).unwrap() + 1, 0, 7],
        }
    }

    fn address(self) -> ClientAddress {
        ClientAddress::new(self.client.into())
    }

    fn caller(self, door: Door) -> Caller {
        let address = self.address();
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
        over_ssh(broker, self.caller(Door::Ssh), words).await
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
        [
            given(&plain),
            given(&ssh),
            (
                json["selected_session"]["server"] == "127.0.0.1",
                json["auth-status"] == "Access granted",
            ),
        ]
    }
}

async fn over_ssh(broker: &Broker, caller: Caller, words: &[&str]) -> String {
    let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
    let request = ssh::decode(&words).unwrap();
    let reply = broker.answer(caller, request).await;
    text(&ssh::encode(&reply))
}

/// Whether X2Go Client is given a host, and whether it is granted anything.
fn given(selected: &str) -> (bool, bool) {
    (
        selected.contains("SERVER:127.0.0.1:"),
        selected.contains("Access granted"),
    )
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
async fn hold(drawn: Drawn, members: Members) {
    let site = Site::start(&drawn, members).await;
    let broker = &site.broker;
    let now = (drawn.moment.clock())();
    let mut selects = JoinSet::new();
    for seat in (0..USERS.len()).map(Seat::of) {
        let [plain, ssh, json, uccs] = seat.lists(broker).await;
        let notices: BTreeSet<String> = plain.difference(&uccs).cloned().collect();
        assert_eq!(notices, drawn.told.ids(uccs.len(), now), "{seat:?} {drawn:?}");
        assert!(uccs.is_subset(&plain), "{seat:?} {drawn:?}");
        assert_eq!(plain, json, "{seat:?} {drawn:?}");
        assert_eq!(plain, ssh, "{seat:?} {drawn:?}");
        for profile in PROFILES.into_iter().chain([MESSAGE, NO_PROFILES]) {
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

/// Everybody at the SSH door, where nobody knows from where. On a site of its own: an account has so many selects a
/// minute.
async fn hold_without_address(drawn: Drawn, members: Members) {
    let site = Site::start(&drawn, members).await;
    let now = (drawn.moment.clock())();
    let mut selects = JoinSet::new();
    for seat in (0..USERS.len()).map(Seat::of) {
        let caller = Caller::Peer {
            peer: Peer::supposed(1042, seat.user),
            address: None,
        };
        let offers = site.offers(seat.user, None).await;
        let at_seat = site.offers(seat.user, Some(seat.address())).await;
        assert!(offers.is_subset(&at_seat), "{seat:?} {drawn:?}");
        let listed = over_ssh(&site.broker, caller.clone(), &["--task", "listsessions"]).await;
        let mut expected = drawn.told.ids(offers.len(), now);
        expected.extend(offers.iter().cloned());
        assert_eq!(sections(&listed), expected, "{} {drawn:?}", seat.user);
        for profile in PROFILES.into_iter().chain([MESSAGE, NO_PROFILES]) {
            let (broker, caller) = (Arc::clone(&site.broker), caller.clone());
            let offered = offers.contains(profile);
            selects.spawn(async move {
                let words = ["--task", "selectsession", "--sid", profile];
                let selected = given(&over_ssh(&broker, caller, &words).await);
                let expected = (offered, offered || profile.starts_with("notice-"));
                assert_eq!(selected, expected, "{} {profile}", seat.user);
            });
        }
    }
    while let Some(done) = selects.join_next().await {
        done.unwrap();
    }
}

fn run(held: impl Future<Output = ()>) {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
        .block_on(held);
}

fn members(groups: Vec<Vec<&'static str>>) -> Members {
    Members(USERS.into_iter().zip(groups).collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn every_door_gives_the_same_and_a_select_what_was_listed(drawn in drawn(), groups in groups()) {
        run(hold(drawn, members(groups)));
    }

    #[test]
    fn without_an_address_the_ssh_door_gives_what_the_rules_give_from_nowhere(
        drawn in drawn(),
        groups in groups(),
    ) {
        run(hold_without_address(drawn, members(groups)));
    }
}

/// The properties above would hold as well if nobody were ever given anything.
#[tokio::test]
async fn somebody_is_offered_something_at_every_door() {
    let drawn = Drawn {
        rules: vec![
            "everyone = true\nprofiles = [\"p1\", \"p2\"]\n".to_owned(),
            "everyone = true\nclients = [\"10.1.0.0/16\"]\nprofiles = [\"p0\"]\n".to_owned(),
            "everyone = true\nclients = [\"10.2.0.0/16\"]\nprofiles = [\"p2\"]\ndeny = true\n".to_owned(),
        ],
        told: Told {
            no_profiles: true,
            message: Some((None, None)),
        },
        moment: Moment::Weekday,
    };
    let site = Site::start(&drawn, members(vec![Vec::new(); USERS.len()])).await;
    let seat = Seat::of(0);
    let [plain, ssh, json, uccs] = seat.lists(&site.broker).await;
    assert_eq!(Vec::from_iter(&uccs), ["p0", "p1", "p2"]);
    assert_eq!(Vec::from_iter(&plain), [MESSAGE, "p0", "p1", "p2"]);
    assert_eq!(plain, json);
    assert_eq!(plain, ssh);
    assert_eq!(Vec::from_iter(site.offers(seat.user, None).await), ["p1"]);
    let elsewhere = Seat {
        client: [10, 2, 0, 7],
        ..seat
    };
    assert_eq!(elsewhere.selects(&site.broker, "p1").await, [(true, true); 3]);
    assert_eq!(
        tokio::time::timeout(Duration::from_secs(60), elsewhere.selects(&site.broker, "p0")).await,
        Ok([(false, false); 3])
    );
}
