//! How fast a whole login is (one bind, the account and its groups, the rules, a ticket), beside bare binds at
//! the same directory. What a login asks the directory is counted, and a bind or search too many stops it.
//!
//! `cargo bench --bench login`

// A benchmark reads the clock and stops at what is wrong.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs
)]

#[allow(dead_code)]
#[path = "../tests/whole/lab/mod.rs"]
mod lab;
#[allow(dead_code)]
mod site;

use std::time::Duration;

use ldap3::Ldap;
use tokio::runtime::Runtime;

use lab::https::HttpsClient;
use lab::slapd;
use site::asked::{self, Asked};
use site::rates::{AT_ONCE, Worker, median, processor_time, rate, ratio};
use site::{ARGON2, PASSWORD, SHA512_CRYPT, SSHA, Scheme, Site, Size};

const GOAL: f64 = 0.7;
const ROUNDS: usize = 7;
const USERS: usize = 200 * AT_ONCE;

/// Logs its users in, in turn.
struct LoggingIn {
    client: HttpsClient,
    users: Vec<String>,
    at: usize,
}

/// Binds as its users, in turn, and asks nothing or what their logins ask.
struct Binding {
    ldap: Ldap,
    searching: Option<Ldap>,
    users: Vec<String>,
    searches: Vec<Asked>,
    at: usize,
}

impl Worker for LoggingIn {
    async fn work(&mut self) {
        self.at = (self.at + 1) % self.users.len();
        let ticket = site::list(&mut self.client, &self.users[self.at], "").await;
        assert!(ticket.is_some());
    }
}

impl Worker for Binding {
    async fn work(&mut self) {
        self.at = (self.at + 1) % self.users.len();
        let dn = slapd::person(&self.users[self.at]);
        self.ldap
            .simple_bind(&dn, PASSWORD)
            .await
            .unwrap()
            .success()
            .unwrap();
        if let Some(ldap) = &mut self.searching {
            for search in &self.searches {
                search.again(ldap).await;
            }
        }
    }
}

fn main() {
    println!("logins over HTTPS, {AT_ONCE} connections kept alive, median of {ROUNDS} rounds");
    for scheme in [SHA512_CRYPT, ARGON2, SSHA] {
        measure(scheme);
    }
    count_nested();
}

fn measure(scheme: Scheme) {
    let mut site = Site::start(&size(scheme, false));
    let runtime = Runtime::new().unwrap();
    let mut logging_in = runtime.block_on(logging_in(&site));
    let searches = runtime.block_on(count(&site));
    assert!(searches.len() <= 2, "{searches:?}");
    site.silence_directory();

    let mut bare_binds = runtime.block_on(binding(&site, &[]));
    let mut asking_too = runtime.block_on(binding(&site, &searches));
    let (mut logins, mut binds, mut bare) = (Vec::new(), Vec::new(), Vec::new());
    let (mut broker_time, mut directory_time, mut done) = (Duration::ZERO, Duration::ZERO, 0.0);
    for round in 0..=ROUNDS {
        let before = (
            processor_time(site.broker.process().id()),
            processor_time(site.directory.id()),
        );
        let login_rate = runtime.block_on(rate(&mut logging_in));
        let after = (
            processor_time(site.broker.process().id()),
            processor_time(site.directory.id()),
        );
        let bind_rate = runtime.block_on(rate(&mut bare_binds));
        let bare_rate = runtime.block_on(rate(&mut asking_too));
        // The first round warms up.
        if round > 0 {
            logins.push(login_rate);
            binds.push(bind_rate);
            bare.push(bare_rate);
            broker_time += after.0 - before.0;
            directory_time += after.1 - before.1;
            done += login_rate;
        }
    }
    println!(
        "\n{}: 1 bind and {} searches a login",
        scheme.name,
        searches.len()
    );
    println!(
        "   logins                                    {:>8.0} /s",
        median(logins.clone())
    );
    println!(
        "   bare binds                                {:>8.0} /s",
        median(binds.clone())
    );
    println!(
        "   bind and the same searches, no broker     {:>8.0} /s",
        median(bare.clone())
    );
    println!(
        "   ratio to bare binds {:.2}   goal >= {GOAL}",
        ratio(&logins, &binds)
    );
    println!("   ratio to bind and searches {:.2}", ratio(&logins, &bare));
    println!(
        "   processor time of a login: broker {:.0} µs, directory {:.0} µs",
        broker_time.as_secs_f64() * 1e6 / done,
        directory_time.as_secs_f64() * 1e6 / done,
    );
}

fn size(scheme: Scheme, nested_groups: bool) -> Size {
    Size {
        users: USERS,
        profiles: 100,
        rules: 50,
        nested_groups,
        sync: false,
        scheme,
    }
}

/// With groups in groups: one search more for each level, the last of which finds nothing above it.
fn count_nested() {
    let site = Site::start(&size(SSHA, true));
    let runtime = Runtime::new().unwrap();
    let flat = runtime.block_on(count(&site)).len();
    let mut inner = slapd::group("group-0");
    for level in 1..=2 {
        let name = format!("level-{level}");
        site.directory.add(&slapd::group_of_names(&name, &[&inner]));
        inner = slapd::group(&name);
    }
    let deep = runtime.block_on(count(&site)).len();
    println!("\nnested_groups = true: 1 bind and {flat} searches a login, {deep} for a group two levels up");
    assert_eq!((flat, deep), (3, 5));
}

/// What the login of a user of group-0 asks, after checking that it binds once.
async fn count(site: &Site) -> Vec<Asked> {
    let user = &site.users[0];
    let mut client = site.client().await;
    // The first login learns whether names of groups are unique.
    site::list(&mut client, user, "").await;
    let before = site.directory.log().len();
    site::list(&mut client, user, "").await;
    let (binds, searches) = asked::asked(&site.directory.log()[before..]);
    assert_eq!(binds, 1, "a login is one bind");
    searches
}

async fn logging_in(site: &Site) -> Vec<LoggingIn> {
    let mut workers = Vec::new();
    for users in site.users.chunks(USERS / AT_ONCE) {
        workers.push(LoggingIn {
            client: site.client().await,
            users: users.to_vec(),
            at: 0,
        });
    }
    workers
}

async fn binding(site: &Site, searches: &[Asked]) -> Vec<Binding> {
    let mut workers = Vec::new();
    for users in site.users.chunks(USERS / AT_ONCE) {
        workers.push(Binding {
            ldap: asked::anonymous(&site.directory).await,
            searching: match searches {
                [] => None,
                _ => Some(asked::connect(&site.directory).await),
            },
            users: users.to_vec(),
            searches: searches.to_vec(),
            at: 0,
        });
    }
    workers
}
