//! Groups that are kept in memory in step with the directory: what a list shows, and what it asks.

mod cuts;
mod ds389;
mod freshness;
mod graphs;
mod unfit;

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::lab::broker::Broker;
use crate::lab::site::{Reach, configuration, directory, list, post_from, profiles, ticket};
use crate::lab::slapd::{self, Slapd};

/// What makes slapd offer content synchronisation.
pub const SYNCPROV: &str = "moduleload syncprov\noverlay syncprov";
/// A change counts at a list that begins this long after the directory confirmed it.
const PROMISE: Duration = Duration::from_secs(1);
const KEPT: &str = "groups are kept in memory";
const SEARCHED: &str = "groups are searched for";

/// A directory that keeps its readers in step, and a broker in front of it.
struct Lab {
    slapd: Slapd,
    broker: Broker,
}

impl Lab {
    fn start() -> Self {
        let slapd = Slapd::start_with(&directory(), SYNCPROV);
        let broker = Broker::start(&configuration(&slapd, Reach::Plain, 1));
        let lab = Self { slapd, broker };
        lab.wait_for_copy(1);
        lab
    }

    /// Waits until groups have been copied that many times.
    fn wait_for_copy(&self, times: usize) {
        wait_for(&self.broker, KEPT, times);
    }

    /// The profiles in a list of the user, who has to get one.
    async fn list(&self, user: &str) -> Vec<String> {
        list_at(&self.broker, user, "").await
    }

    /// How many searches for groups a list costs.
    async fn searches_of_a_list(&self, user: &str) -> usize {
        let before = group_searches(&self.slapd);
        self.list(user).await;
        group_searches(&self.slapd) - before
    }

    /// Changes who is in a group.
    fn change(&self, how: &str, group: &str, user: &str) {
        change(&self.slapd, how, group, user);
    }
}

fn change(slapd: &Slapd, how: &str, group: &str, user: &str) {
    slapd.modify(&format!(
        "dn: {}\nchangetype: modify\n{how}: member\nmember: {}\n",
        slapd::group(group),
        slapd::person(user)
    ));
}

/// Waits until the broker has said this that many times.
fn wait_for(broker: &Broker, words: &str, times: usize) {
    for _ in 0..1_200 {
        if broker.log().matches(words).count() >= times {
            return;
        }
        std::thread::sleep(Duration::from_millis(25));
    }
    panic!("not {times} times: {words}\n{}", broker.log());
}

async fn list_at(broker: &Broker, user: &str, ticket: &str) -> Vec<String> {
    let form = list(user, &format!("{user}-secret"), ticket);
    let (status, body) = post_from(broker.address, None, &form).await;
    assert_eq!(status, 200);
    assert!(body.contains("Access granted"), "{body}\n{}", broker.log());
    profiles(&body).into_iter().map(str::to_owned).collect()
}

/// How many searches for the groups of somebody slapd was asked: those that name a member.
fn group_searches(slapd: &Slapd) -> usize {
    let log = slapd.log();
    log.lines()
        .filter(|line| line.contains("SRCH") && line.contains("(member="))
        .filter(|line| !line.contains("(member=*)"))
        .count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_asks_for_no_groups() {
    let lab = Lab::start();
    assert_eq!(
        lab.list("dave").await,
        ["office", "terminal"],
        "staff through it and helpdesk"
    );
    assert_eq!(lab.searches_of_a_list("dave").await, 0);
    let (_, body) = post_from(lab.broker.address, None, &list("carol", "carol-secret", "")).await;
    let before = lab.slapd.searches();
    assert_eq!(list_at(&lab.broker, "carol", ticket(&body)).await.len(), 3);
    assert_eq!(
        lab.slapd.searches() - before,
        1,
        "the account is read at each request"
    );
}
