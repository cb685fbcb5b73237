//! The login storm of `benches/storm.rs`, over a few seeds: no host gets more than its share.

#[allow(dead_code)]
#[path = "../../benches/storm/simulation.rs"]
mod simulation;

use std::time::Duration;

use simulation::{Chooser, goal, run};

#[test]
fn the_fullest_host_stays_within_one_session_of_the_mean_however_old_the_counts_are() {
    for count_every in [5, 30, 300] {
        for seed in 0..4 {
            let outcome = run(&goal(Duration::from_secs(count_every), seed), Chooser::Ours);
            let distance = outcome.fullest_minus_mean;
            assert!(
                distance <= 1.0,
                "counts every {count_every} s, seed {seed}: {distance}"
            );
        }
    }
}

#[test]
fn who_looks_at_counts_alone_sends_a_crowd_to_one_host() {
    let outcome = run(&goal(Duration::from_secs(30), 0), Chooser::LeastLoaded);
    assert!(
        outcome.fullest_minus_mean > 10.0,
        "{}",
        outcome.fullest_minus_mean
    );
}
