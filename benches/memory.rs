//! How much memory the daemon takes, and how long it takes to start, with many profiles and many tickets.
//!
//! `cargo bench --bench memory`

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

use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use site::rates::AT_ONCE;
use site::{SSHA, Site, Size};

const PROFILES: usize = 10_000;
const RULES: usize = 5_000;
const TICKETS: usize = 10_000;
const RELOADS: usize = 5;
const GOAL_MIB: f64 = 40.0;
/// How long the allocator takes to give back what was freed (jemalloc's `dirty_decay_ms`), and a little more.
const GIVEN_BACK: Duration = Duration::from_secs(12);

fn main() {
    let mut site = Site::start(&Size {
        users: TICKETS,
        profiles: PROFILES,
        rules: RULES,
        nested_groups: true,
        sync: true,
        scheme: SSHA,
    });
    println!("{PROFILES} profiles, {RULES} rules, {TICKETS} live tickets; resident memory of the daemon");
    say("   started, without tickets ", &mut site);
    site.silence_directory();
    let runtime = Runtime::new().unwrap();
    runtime.block_on(log_in_all(&site));
    say("   after that many logins   ", &mut site);
    let begun = Instant::now();
    site.broker = site.broker.kill_and_restart();
    let start = begun.elapsed();
    site.wait_until_ready();
    say("   started with the tickets ", &mut site);
    for _ in 0..RELOADS {
        let done = site.broker.ask(&["reload"]);
        assert!(done.status.success(), "{done:?}");
    }
    say("   after reloads            ", &mut site);
    println!(
        "   goal <= {GOAL_MIB} MiB; from start to listening {:.0} ms",
        start.as_secs_f64() * 1e3
    );
}

fn say(when: &str, site: &mut Site) {
    // Connections of the last clients are closed by then, too.
    std::thread::sleep(GIVEN_BACK);
    println!("{when} {:>6.1} MiB", resident_mib(site.broker.process().id()));
}

async fn log_in_all(site: &Site) {
    let mut tasks = JoinSet::new();
    for users in site.users.chunks(TICKETS.div_ceil(AT_ONCE)) {
        let mut client = site.client().await;
        let users = users.to_vec();
        tasks.spawn(async move {
            for user in users {
                assert!(site::list(&mut client, &user, "").await.is_some());
            }
        });
    }
    tasks.join_all().await;
}

/// proc_pid_status(5).
fn resident_mib(process: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .unwrap();
    let kib: f64 = line.trim_end_matches("kB").trim().parse().unwrap();
    kib / 1024.0
}
