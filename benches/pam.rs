//! How long a good login through PAM takes beside 64 that hang, and alone.
//!
//! `cargo bench --bench pam`

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
#[path = "site/rates.rs"]
mod rates;

use std::net::IpAddr;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use x2godirector::pam_worker::{Client, Verdict};

use lab::pam::{PamWorker, RIGHT, password};
use rates::{median, ratio};

const GOAL: f64 = 1.2;
const HUNG: usize = 64;
const ROUNDS: usize = 9;
const LOGINS_A_ROUND: u32 = 200;
const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 1, 2, 3));
const ELSEWHERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 9, 9, 9));

#[tokio::main]
async fn main() {
    // Longer than a round, so that nothing that hangs is over before it.
    let worker = PamWorker::misbehaving(Duration::from_secs(120), "");
    let client = worker.client().await;
    let quiet = PamWorker::misbehaving(Duration::from_secs(120), "");
    let alone = quiet.client().await;
    login_time(&client).await;
    login_time(&alone).await;
    let mut hung = JoinSet::new();
    for number in 0..HUNG {
        let client = client.clone();
        hung.spawn(async move {
            let name = format!("hang-{number}");
            // Those for whom there is no process are turned away, and come again.
            while client
                .authenticate(&name, &password(RIGHT), ELSEWHERE)
                .await
                .is_err()
            {}
        });
    }
    // And alice's.
    worker.users_asked(1 + 12).await;
    let (mut besides, mut alones) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        besides.push(login_time(&client).await);
        alones.push(login_time(&alone).await);
    }
    println!("a good login through PAM, median of {ROUNDS} rounds of {LOGINS_A_ROUND}");
    println!("   alone                  {:>8.0} µs", median(alones.clone()));
    println!(
        "   beside {HUNG} that hang    {:>8.0} µs",
        median(besides.clone())
    );
    println!("   ratio {:.2}   goal <= {GOAL}", ratio(&besides, &alones));
}

/// Microseconds for one login of somebody who has logged in before.
async fn login_time(client: &Client) -> f64 {
    let begun = Instant::now();
    for _ in 0..LOGINS_A_ROUND {
        let verdict = client.authenticate("alice", &password(RIGHT), HERE).await;
        assert!(matches!(verdict, Ok(Verdict::Right { .. })), "{verdict:?}");
    }
    begun.elapsed().as_secs_f64() * 1e6 / f64::from(LOGINS_A_ROUND)
}
