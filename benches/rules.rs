//! How the time of a list grows with the configuration, for somebody who gets the same three profiles.
//!
//! `cargo bench --bench rules`

// A benchmark reads the clock and stops at what is wrong.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, missing_docs)]

use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::{Duration, Instant};

use x2godirector::entitlement::{Context, Glob, GroupPattern, Policy, Profile, ProfileValue, Rule, Template};
use x2godirector::model::{
    Account, Attributes, Authenticated, ClientAddress, Dn, FarmName, GroupName, Membership, Person,
    ProfileId, Source, UserName,
};

const GOAL: f64 = 1.2;
const GROUPS_OF_THE_USER: usize = 200;
const LISTS_PER_ROUND: u32 = 200;
const ROUNDS: usize = 101;

struct LoggedIn(Person);

impl Authenticated for LoggedIn {
    fn person(&self) -> &Person {
        &self.0
    }
}

fn main() {
    let user = user();
    let context = Context {
        client: Some(ClientAddress::new("10.1.2.3".parse().unwrap())),
        now: None,
    };
    let (small, _) = load(100, 50);
    let (large, loading) = load(10_000, 5_000);
    for policy in [&small, &large] {
        assert_eq!(policy.offers(&user, context).len(), 3);
    }
    let mut small_times = Vec::new();
    let mut large_times = Vec::new();
    for _ in 0..ROUNDS {
        small_times.push(round(&small, &user, context));
        large_times.push(round(&large, &user, context));
    }
    let (small, large) = (median(small_times), median(large_times));
    println!(
        "a list for a user in {GROUPS_OF_THE_USER} groups who gets three profiles (median of {ROUNDS} rounds)"
    );
    println!("      100 profiles,    50 rules: {:>8.2} µs", micros(small));
    println!("   10,000 profiles, 5,000 rules: {:>8.2} µs", micros(large));
    println!(
        "   ratio {:.2}   goal <= {GOAL}",
        large.as_secs_f64() / small.as_secs_f64()
    );
    println!(
        "preparing 10,000 profiles and 5,000 rules: {:.0} ms",
        micros(loading) / 1000.0
    );
}

fn round(policy: &Policy, user: &LoggedIn, context: Context) -> Duration {
    let begun = Instant::now();
    for _ in 0..LISTS_PER_ROUND {
        drop(black_box(policy.offers(black_box(user), context)));
    }
    begun.elapsed() / LISTS_PER_ROUND
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

/// Somebody in `mine-0`, `mine-1` … of whom the rules know two, with names of the usual length.
fn user() -> LoggedIn {
    let groups = (0..GROUPS_OF_THE_USER)
        .map(|at| Membership {
            name: GroupName::new(&format!("mine-{at}")).unwrap(),
            dn: Some(Dn::new(&dn(&format!("mine-{at}"))).unwrap()),
            via: Vec::new(),
            unique: true,
        })
        .collect();
    LoggedIn(Person {
        account: Account {
            source: Source::Ldap,
            user: UserName::new("alice").unwrap(),
        },
        uid: Some("1001".to_owned()),
        home: Some("/home/alice".to_owned()),
        groups,
        attributes: Attributes::new(),
    })
}

fn dn(group: &str) -> String {
    format!("cn={group},ou=groups,ou=site,dc=example,dc=org")
}

/// A configuration in which the user gets three profiles by a group's name, a group's entry and their own
/// name, and in which one rule in fifty of the others has to be tried for everybody: a pattern, a network,
/// or `everyone` with an exception.
fn load(profiles: usize, rules: usize) -> (Policy, Duration) {
    let all_profiles = (0..profiles).map(profile).collect();
    let mut all_rules = vec![
        Rule {
            groups: vec![GroupPattern::new("mine-7").unwrap()],
            ..rule("by-name", "profile-0")
        },
        Rule {
            groups: vec![GroupPattern::new(&dn("mine-9")).unwrap()],
            ..rule("by-entry", "profile-1")
        },
        Rule {
            users: vec![Glob::new("alice").unwrap()],
            ..rule("by-user", "profile-2")
        },
    ];
    all_rules.extend((all_rules.len()..rules).map(|at| {
        let about = format!("profile-{}", 3 + at % (profiles - 3));
        let rule = rule(&format!("rule-{at}"), &about);
        match at % 150 {
            50 => Rule {
                groups: vec![GroupPattern::new(&format!("team-{at}-*")).unwrap()],
                ..rule
            },
            100 => Rule {
                clients: vec![format!("192.0.2.{}", at % 256).parse().unwrap()],
                ..rule
            },
            149 => Rule {
                everyone: true,
                except_clients: vec!["10.0.0.0/8".parse().unwrap()],
                ..rule
            },
            other => Rule {
                groups: vec![match other % 2 {
                    0 => GroupPattern::new(&format!("group-{at}")).unwrap(),
                    _ => GroupPattern::new(&dn(&format!("group-{at}"))).unwrap(),
                }],
                ..rule
            },
        }
    }));
    let begun = Instant::now();
    let policy = Policy::new(all_profiles, all_rules);
    (policy, begun.elapsed())
}

fn profile(at: usize) -> Profile {
    let text = |text: &str| ProfileValue::Text(Template::new(text).unwrap());
    Profile {
        id: ProfileId::new(&format!("profile-{at}")).unwrap(),
        farm: FarmName::new("farm").unwrap(),
        session_user: Template::new("${user}").unwrap(),
        keys: BTreeMap::from([
            ("name", text(&format!("Desktop {at}"))),
            ("command", text("XFCE")),
            ("pack", text("16m-jpeg")),
            ("quality", ProfileValue::Number(9)),
            ("speed", ProfileValue::Number(4)),
            ("fullscreen", ProfileValue::Flag(true)),
            ("sound", ProfileValue::Flag(true)),
            ("export", text("${home}/media:1;")),
        ]),
    }
}

fn rule(name: &str, about: &str) -> Rule {
    Rule {
        name: name.to_owned(),
        everyone: false,
        groups: Vec::new(),
        all_groups: Vec::new(),
        users: Vec::new(),
        attributes: Vec::new(),
        clients: Vec::new(),
        hours: Vec::new(),
        except_groups: Vec::new(),
        except_users: Vec::new(),
        except_clients: Vec::new(),
        deny: false,
        profiles: vec![Glob::new(about).unwrap()],
        set: BTreeMap::new(),
        priority: 0,
    }
}
