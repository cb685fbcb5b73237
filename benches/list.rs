//! How fast a list with a valid ticket is, beside what bounds it: the same searches asked of the same directory
//! without the broker, and the same HTTPS stack with one body and nothing behind it.
//!
//! `cargo bench --bench list`

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

use bytes::Bytes;
use ldap3::Ldap;
use tokio::runtime::Runtime;

use lab::https::{HttpsClient, Trust};
use site::asked::{self, Asked};
use site::constant::Constant;
use site::rates::{AT_ONCE, Worker, median, processor_time, rate, ratio};
use site::{SSHA, Site, Size};

const GOAL_OF_SEARCHES: f64 = 0.8;
const ROUNDS: usize = 11;
const USERS: usize = 20 * AT_ONCE;

/// Lists for its users in turn.
struct Lister {
    client: HttpsClient,
    tickets: Vec<(String, String)>,
    at: usize,
}

/// Posts what a list posts, and gets one body.
struct Poster {
    client: HttpsClient,
    form: String,
}

/// Asks what the lists of its users ask, in turn.
struct Searcher {
    ldap: Ldap,
    lists: Vec<Vec<Asked>>,
    at: usize,
}

impl Worker for Lister {
    async fn work(&mut self) {
        self.at = (self.at + 1) % self.tickets.len();
        let (user, ticket) = &mut self.tickets[self.at];
        // Once in ten minutes a ticket is exchanged.
        if let Some(renewed) = site::list(&mut self.client, user, ticket).await {
            *ticket = renewed;
        }
    }
}

impl Worker for Poster {
    async fn work(&mut self) {
        let answer = self.client.post_form("/plain/", &self.form).await.unwrap();
        assert_eq!(answer.status, 200);
    }
}

impl Worker for Searcher {
    async fn work(&mut self) {
        self.at = (self.at + 1) % self.lists.len();
        for asked in &self.lists[self.at] {
            asked.again(&mut self.ldap).await;
        }
    }
}

fn main() {
    println!(
        "lists with a valid ticket over HTTPS, {AT_ONCE} connections kept alive, median of {ROUNDS} rounds"
    );
    for (nested_groups, sync) in [(false, false), (true, false), (true, true)] {
        measure(nested_groups, sync);
    }
}

fn measure(nested_groups: bool, sync: bool) {
    let mut site = Site::start(&Size {
        users: USERS,
        profiles: 100,
        rules: 50,
        nested_groups,
        sync,
        scheme: SSHA,
    });
    let runtime = Runtime::new().unwrap();
    let (mut listers, body) = runtime.block_on(log_in(&site));
    let lists = searches_of_lists(&site, &runtime, &mut listers);
    let searches = lists[0].len();
    site.silence_directory();

    let constant = Constant::start(body.clone());
    let mut posters = runtime.block_on(posters(&constant));
    let mut searchers = runtime.block_on(searchers(&site, &lists));
    let (mut list, mut ask, mut post) = (Vec::new(), Vec::new(), Vec::new());
    let (mut broker_time, mut directory_time, mut done) = (Duration::ZERO, Duration::ZERO, 0.0);
    for round in 0..=ROUNDS {
        let before = (
            processor_time(site.broker.process().id()),
            processor_time(site.directory.id()),
        );
        let list_rate = runtime.block_on(rate(&mut listers));
        let after = (
            processor_time(site.broker.process().id()),
            processor_time(site.directory.id()),
        );
        let ask_rate = runtime.block_on(rate(&mut searchers));
        let post_rate = runtime.block_on(rate(&mut posters));
        // The first round warms up.
        if round > 0 {
            list.push(list_rate);
            ask.push(ask_rate);
            post.push(post_rate);
            broker_time += after.0 - before.0;
            directory_time += after.1 - before.1;
            done += list_rate;
        }
    }
    println!("\nnested_groups = {nested_groups}, sync = {sync}: {searches} searches a list");
    println!(
        "   lists                                 {:>8.0} /s",
        median(list.clone())
    );
    println!(
        "   the same searches without the broker  {:>8.0} /s",
        median(ask.clone())
    );
    println!(
        "   a constant body of {:>4} bytes         {:>8.0} /s",
        body.len(),
        median(post.clone())
    );
    println!(
        "   ratio to the searches {:.2}   goal >= {GOAL_OF_SEARCHES}",
        ratio(&list, &ask)
    );
    println!(
        "   ratio to the constant body {:.2}   (accounts are read live)",
        ratio(&list, &post)
    );
    println!(
        "   processor time of a list: broker {:.0} µs, directory {:.0} µs",
        broker_time.as_secs_f64() * 1e6 / done,
        directory_time.as_secs_f64() * 1e6 / done,
    );
}

/// Everybody's ticket, and the body of a list.
async fn log_in(site: &Site) -> (Vec<Lister>, Bytes) {
    let mut listers = Vec::new();
    let mut body = Bytes::new();
    for users in site.users.chunks(USERS / AT_ONCE) {
        let mut client = site.client().await;
        let mut tickets = Vec::new();
        for user in users {
            let ticket = site::list(&mut client, user, "").await.expect("a ticket");
            tickets.push((user.clone(), ticket));
        }
        let (user, ticket) = &tickets[0];
        let answer = client
            .post_form("/plain/", &site::list_form(user, ticket))
            .await
            .unwrap();
        body = Bytes::from(answer.body);
        listers.push(Lister {
            client,
            tickets,
            at: 0,
        });
    }
    (listers, body)
}

/// What each user's list asks the directory. That it is the same number for all, and no bind, is counted.
fn searches_of_lists(site: &Site, runtime: &Runtime, listers: &mut [Lister]) -> Vec<Vec<Asked>> {
    let mut lists = Vec::new();
    for lister in listers {
        for _ in 0..lister.tickets.len() {
            let before = site.directory.log().len();
            runtime.block_on(lister.work());
            let (binds, searches) = asked::asked(&site.directory.log()[before..]);
            assert_eq!(binds, 0, "a ticket spares the bind");
            lists.push(searches);
        }
    }
    let most = lists.iter().map(Vec::len).max();
    assert!(
        lists
            .iter()
            .all(|list| Some(list.len()) == most && !list.is_empty())
    );
    lists
}

async fn posters(constant: &Constant) -> Vec<Poster> {
    let mut posters = Vec::new();
    for _ in 0..AT_ONCE {
        posters.push(Poster {
            client: HttpsClient::connect(constant.address, Trust::Anybody, None)
                .await
                .unwrap(),
            form: site::list_form("user", &"0".repeat(64)),
        });
    }
    posters
}

async fn searchers(site: &Site, lists: &[Vec<Asked>]) -> Vec<Searcher> {
    let mut searchers = Vec::new();
    for lists in lists.chunks(USERS / AT_ONCE) {
        searchers.push(Searcher {
            ldap: asked::connect(&site.directory).await,
            lists: lists.to_vec(),
            at: 0,
        });
    }
    searchers
}
