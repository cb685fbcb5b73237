//! How fast a select is on a farm of many hosts whose agents take their time, beside a list in the same run.
//!
//! The directory is a process of its own. The broker is in this one, behind its own HTTPS, so that its agents can be
//! mocked. Each request is of another user, and none finds an answer of the hosts that was given to an earlier one.
//!
//! `cargo bench --bench selects`

// A benchmark reads the clock and stops at what is wrong.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::cast_precision_loss,
    missing_docs
)]

#[allow(dead_code)]
#[path = "../tests/whole/lab/mod.rs"]
mod lab;
#[allow(dead_code)]
mod site;

use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use lab::https::{HttpsClient, Trust};
use site::in_process::{ANSWER_TIME, HOSTS, InProcess};
use site::rates::{Worker, median, rate, ratio};

/// Enough to keep the processors busy while each waits for the hosts.
const AT_ONCE: usize = 48;
/// More than are asked for in a round, so that nobody comes twice.
const USERS_OF_EACH: usize = 60;
const ROUNDS: usize = 5;
/// Longer than what hosts told of a user serves again.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(6);

/// Somebody who lists or selects for users in turn.
struct Asker {
    client: HttpsClient,
    tickets: Vec<(String, String)>,
    at: usize,
    task: Task,
}

#[derive(Clone, Copy)]
enum Task {
    List,
    Select,
}

/// What one task came to, round by round.
#[derive(Default)]
struct Measured {
    rates: Vec<f64>,
    questions: f64,
    done: f64,
}

impl Worker for Asker {
    async fn work(&mut self) {
        self.at = (self.at + 1) % self.tickets.len();
        let (user, ticket) = &mut self.tickets[self.at];
        match self.task {
            Task::List => {
                // Once in ten minutes a ticket is exchanged.
                if let Some(renewed) = site::list(&mut self.client, user, ticket).await {
                    *ticket = renewed;
                }
            }
            Task::Select => site::select(&mut self.client, user, ticket).await,
        }
    }
}

impl Measured {
    fn questions_of_each(&self) -> f64 {
        self.questions / self.done
    }
}

fn main() {
    println!(
        "selects with a valid ticket over HTTPS, {HOSTS} hosts, agents mocked at {} ms, {AT_ONCE} connections kept \
         alive, median of {ROUNDS} rounds",
        ANSWER_TIME.as_millis()
    );
    for shared_database in [true, false] {
        measure(shared_database);
    }
}

fn measure(shared_database: bool) {
    let site = InProcess::start(AT_ONCE * USERS_OF_EACH, shared_database);
    let runtime = Runtime::new().unwrap();
    let mut askers = runtime.block_on(log_in(&site));
    let (mut lists, mut selects) = (Measured::default(), Measured::default());
    for round in 0..=ROUNDS {
        for (task, measured) in [(Task::List, &mut lists), (Task::Select, &mut selects)] {
            std::thread::sleep(FORGOTTEN_AFTER);
            askers.iter_mut().for_each(|asker| asker.task = task);
            let (began, asked) = (Instant::now(), site.agent.asked());
            let rate = runtime.block_on(rate(&mut askers));
            // The first round warms up.
            if round > 0 {
                measured.rates.push(rate);
                measured.questions += (site.agent.asked() - asked) as f64;
                measured.done += rate * began.elapsed().as_secs_f64();
            }
        }
    }
    let database = if shared_database {
        "one session database"
    } else {
        "a session database on each host"
    };
    println!("\n{database}");
    for (name, measured) in [("lists", &lists), ("selects", &selects)] {
        println!(
            "   {name:<8} {:>6.0} /s   hosts asked about a user's sessions: {:.1} for each",
            median(measured.rates.clone()),
            measured.questions_of_each(),
        );
    }
    println!(
        "   selects, ratio to lists {:.2}",
        ratio(&selects.rates, &lists.rates)
    );
}

/// Everybody's ticket.
async fn log_in(site: &InProcess) -> Vec<Asker> {
    let mut logins = JoinSet::new();
    for users in site.users.chunks(USERS_OF_EACH) {
        let (address, users) = (site.address, users.to_vec());
        logins.spawn(async move {
            let mut client = HttpsClient::connect(address, Trust::Anybody, None).await.unwrap();
            while client.get("/readyz").await.unwrap().status != 200 {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            let mut tickets = Vec::new();
            for user in users {
                let ticket = site::list(&mut client, &user, "").await.expect("a ticket");
                tickets.push((user, ticket));
            }
            Asker {
                client,
                tickets,
                at: 0,
                task: Task::List,
            }
        });
    }
    logins.join_all().await
}
