//! The decisions of the imported rules beside those of x2gobroker, for random sites and users.

use std::cell::RefCell;
use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::{Config, TestRunner};
use x2godirector::entitlement::{Context, Outcome, Policy};
use x2godirector::model::session_key::Value;
use x2godirector::model::{
    Account, Attributes, ClientAddress, GroupName, Membership, Person, Source, UserName,
};

use super::x2gobroker::{Ask, Site, X2goBroker};
use super::{imported, policy};

/// Random sites; each is asked by [`ASKS`] users.
const SITES: u32 = 1500;
const ASKS: usize = 8;

const USERS: &[&str] = &["alice", "bob", "carol.c", "dave"];
const GROUPS: &[&str] = &["students", "staff", "lab-1", "domain users"];
const ADDRESSES: &[&str] = &[
    "10.0.0.1",
    "10.1.2.3",
    "10.1.0.0",
    "192.168.7.7",
    "127.0.0.1",
    "2001:db8::5",
    "2001:db8:1::5",
    "::1",
    "fe80::1",
];
/// What can stand in lists of clients; the last ones are not understood by x2gobroker.
const CLIENTS: &[&str] = &[
    "ALL",
    "10.0.0.0/8",
    "10.1.2.3",
    "10.1/16",
    "10.1.2.99/24",
    "192.168.0.0/255.255.0.0",
    "10.0.0.0/0.255.255.255",
    "2001:db8::/32",
    "2001:db8:1::/ffff:ffff:ffff::",
    "::1",
    "0.0.0.0/0",
    "::/0",
    "lab.example.org",
    "10.0.0.0/33",
];
/// Names that mean themselves to x2gobroker and something else in a rule.
const TRAPS: &[&str] = &["*", "al?ce", "st*", "cn=staff", "All", "", " "];
const ORDERS: &[&str] = &[
    "allow-deny",
    "deny-allow",
    "",
    "Allow-Deny",
    "deny,allow",
    "allow-deny x",
];

#[derive(Debug, Clone)]
struct RandomSite {
    profiles: String,
    asks: Vec<Ask>,
}

/// A list in one of its spellings, or none.
fn list(pool: Vec<&'static str>) -> impl Strategy<Value = Option<String>> {
    let items = prop::collection::vec(select(pool), 0..4);
    (items, 0..6).prop_map(|(items, spelling)| match spelling {
        0 | 1 => None,
        2 => Some(items.join(",")),
        3 => Some(items.join(" , ")),
        4 => Some(items.join(",\n  # not an item\n\n    ")),
        _ => {
            let quoted: Vec<String> = items.iter().map(|item| format!("'{item}'")).collect();
            Some(format!("[{}]", quoted.join(", ")))
        }
    })
}

fn names(pool: &'static [&'static str]) -> impl Strategy<Value = Option<String>> {
    // Most lists hold names that count.
    let pool = [pool, pool, &["ALL"], TRAPS].concat();
    list(pool)
}

/// The `acl-` lines of a section.
fn acl() -> impl Strategy<Value = String> {
    let kinds = [
        ("users", names(USERS).boxed()),
        ("groups", names(GROUPS).boxed()),
        ("clients", list(CLIENTS.to_vec()).boxed()),
    ];
    let entries = kinds.into_iter().flat_map(|(kind, list)| {
        let of_list = |verb: &str| {
            let key = format!("acl-{kind}-{verb}");
            list.clone()
                .prop_map(move |value| value.map(|value| (key.clone(), value)))
                .boxed()
        };
        let key = format!("acl-{kind}-order");
        let order = prop::option::of(select(ORDERS));
        let order = order
            .prop_map(move |order| Some((key.clone(), order?.to_owned())))
            .boxed();
        [of_list("allow"), of_list("deny"), order]
    });
    let any = prop::option::weighted(0.3, select(ORDERS));
    let any = any
        .prop_map(|order| Some(("acl-any-order".to_owned(), order?.to_owned())))
        .boxed();
    let entries: Vec<_> = entries.chain([any]).collect();
    (entries, select(vec!["=", " = ", ": "])).prop_map(|(entries, delimiter)| {
        let lines = entries.into_iter().flatten();
        lines
            .map(|(key, value)| format!("{key}{delimiter}{value}\n"))
            .collect()
    })
}

fn ask() -> impl Strategy<Value = Ask> {
    let groups = prop::sample::subsequence(GROUPS.to_vec(), 0..=GROUPS.len());
    (select(USERS), groups, select(ADDRESSES)).prop_map(|(user, groups, client)| Ask {
        user: user.to_owned(),
        groups: groups.into_iter().map(str::to_owned).collect(),
        client: client.to_owned(),
    })
}

fn site() -> impl Strategy<Value = RandomSite> {
    let ids = ["xfce", "kde desktop", "XFCE", "Büro/2. Stock", "General"];
    let defaults = prop_oneof![3 => Just(String::new()), 1 => acl()];
    let sections = prop::collection::vec(acl(), 1..=ids.len());
    let asks = prop::collection::vec(ask(), ASKS);
    (defaults, sections, asks, any::<Index>()).prop_map(move |(defaults, sections, asks, place)| {
        let mut parts: Vec<String> = sections
            .iter()
            .zip(ids)
            .map(|(acl, id)| format!("[{id}]\nname = {}\nhost = ts\n{acl}\n", marker(id)))
            .collect();
        // [DEFAULT] counts wherever it stands.
        parts.insert(place.index(parts.len() + 1), format!("[DEFAULT]\n{defaults}\n"));
        RandomSite {
            profiles: parts.concat(),
            asks,
        }
    })
}

/// A name by which a profile is known again whatever its id is now.
fn marker(id: &str) -> String {
    id.bytes().map(|byte| format!("{byte:02x}")).collect()
}

fn person(ask: &Ask) -> Person {
    let group = |name: &String| Membership {
        name: GroupName::new(name).unwrap(),
        dn: None,
        via: Vec::new(),
        unique: true,
    };
    Person {
        account: Account {
            source: Source::Ldap,
            user: UserName::new(&ask.user).unwrap(),
        },
        uid: None,
        home: None,
        groups: ask.groups.iter().map(group).collect(),
        attributes: Attributes::new(),
    }
}

/// The names of the profiles that the imported rules offer.
fn ours(policy: &Policy, ask: &Ask) -> BTreeSet<String> {
    let client = Some(ClientAddress::new(ask.client.parse().unwrap()));
    let explanation = policy.explain(&person(ask), Context { client, now: None });
    let offered = explanation
        .profiles
        .into_iter()
        .filter_map(|profile| match profile.outcome {
            Outcome::Offered { keys, .. } => keys.get("name").map(|name| name.value.clone()),
            _ => None,
        });
    offered
        .map(|name| match name {
            Value::Text(name) => name,
            other => panic!("{other:?}"),
        })
        .collect()
}

/// What both offer, for each of those who ask.
fn both(broker: &mut X2goBroker, profiles: &str, asks: &[Ask]) -> Vec<(BTreeSet<String>, BTreeSet<String>)> {
    let theirs = broker
        .offers(&Site {
            profiles,
            settings: "",
            asks,
            keys: false,
        })
        .unwrap_or_else(|why| panic!("{why}\n{profiles}"));
    let policy = policy(imported(profiles, "[global]\n"));
    let theirs = theirs
        .into_iter()
        .map(|offered| offered.keys().map(|id| marker(id)).collect());
    theirs.zip(asks.iter().map(|ask| ours(&policy, ask))).collect()
}

#[test]
fn every_user_gets_the_same_profiles() {
    let broker = RefCell::new(X2goBroker::start());
    let offered = RefCell::new((0, 0));
    let config = Config {
        cases: SITES,
        failure_persistence: None,
        ..Config::default()
    };
    let outcome = TestRunner::new(config).run(&site(), |site| {
        let answers = both(&mut broker.borrow_mut(), &site.profiles, &site.asks);
        for ((theirs, ours), ask) in answers.into_iter().zip(&site.asks) {
            let mut counts = offered.borrow_mut();
            counts.0 += theirs.len();
            counts.1 += usize::from(theirs.is_empty());
            prop_assert_eq!(theirs, ours, "{:?} of\n{}", ask, site.profiles);
        }
        Ok(())
    });
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
    let (offers, empty) = offered.into_inner();
    assert!(
        offers > 1000 && empty > 1000,
        "the sites are too much alike: {offers} offers, {empty} users without any"
    );
}

/// The differences that docs/migrate.md lists, shown to be there.
#[test]
fn the_listed_differences_are_as_described() {
    let mut broker = X2goBroker::start();
    let one = |user: &str, client: &str| {
        [Ask {
            user: user.to_owned(),
            groups: vec!["Staff".to_owned()],
            client: client.to_owned(),
        }]
    };
    let mut differ = |acl: &str, asks: &[Ask]| {
        let profiles = format!("[p]\nname = {}\nhost = ts\n{acl}", marker("p"));
        let answers = both(&mut broker, &profiles, asks);
        let (theirs, ours) = &answers[0];
        (theirs.len(), ours.len())
    };
    assert_eq!(
        differ("acl-users-allow = Alice\n", &one("alice", "10.0.0.1")),
        (0, 1)
    );
    assert_eq!(
        differ("acl-groups-allow = staff\n", &one("alice", "10.0.0.1")),
        (0, 1)
    );
    let deny = "acl-groups-allow = ALL\nacl-groups-deny = staff\n";
    assert_eq!(differ(deny, &one("alice", "10.0.0.1")), (1, 0));
    let clients = "acl-clients-allow = 10.0.0.0/8\n";
    assert_eq!(differ(clients, &one("alice", "::ffff:10.0.0.1")), (0, 1));
}
