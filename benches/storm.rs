//! A login storm: the real ledger and choice on simulated hosts with a simulated clock, beside other ways to choose.
//!
//! `cargo bench --bench storm` prints the numbers and draws `docs/storm.svg`.

// A benchmark stops at what is wrong; its numbers are small.
#![allow(
    clippy::unwrap_used,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    missing_docs
)]

#[path = "storm/plot.rs"]
mod plot;
#[path = "storm/simulation.rs"]
mod simulation;

use std::time::Duration;

use plot::{Line, Panel};
use simulation::{Chooser, Outcome, Storm, goal, run};

/// Fewer where nothing is optimised.
const SEEDS: u64 = if cfg!(debug_assertions) { 10 } else { 200 };
const COUNT_AGES_S: [u64; 3] = [5, 30, 300];
const PLOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/storm.svg");

fn main() {
    println!(
        "2,000 starts in 10 minutes on 50 hosts; two fail and come back empty, three join on the way; {SEEDS} seeds"
    );
    println!(
        "sessions of the fullest host above the mean, of hosts healthy throughout; most starts of one host in 10 s\n"
    );
    let mut panels = Vec::new();
    for count_every in COUNT_AGES_S {
        let age = Duration::from_secs(count_every);
        println!("counts every {count_every} s, equal weights");
        let mut panel = Panel {
            title: format!("hosts counted every {count_every} s"),
            lines: Vec::new(),
        };
        for chooser in Chooser::ALL {
            let outcomes = outcomes(chooser, |seed| goal(age, seed));
            report(chooser, &outcomes);
            panel.lines.push(Line {
                name: chooser.name(),
                colour: colour(chooser),
                values: outcomes.into_iter().next().unwrap().over_time,
            });
        }
        panels.push(panel);
        println!("counts every {count_every} s, weights 1, 2 and 4");
        for chooser in Chooser::ALL {
            let uneven = |seed| Storm {
                weights: (0..50).map(|host| [1.0, 2.0, 4.0][host % 3]).collect(),
                ..goal(age, seed)
            };
            report(chooser, &outcomes(chooser, uneven));
        }
        println!();
    }
    let title = "Sessions of the fullest host above the mean in a login storm (2,000 starts, 50 hosts)";
    std::fs::write(PLOT, plot::svg(title, &panels)).unwrap();
    println!("drawn: {PLOT}");
}

fn outcomes(chooser: Chooser, storm: impl Fn(u64) -> Storm) -> Vec<Outcome> {
    (0..SEEDS).map(|seed| run(&storm(seed), chooser)).collect()
}

fn report(chooser: Chooser, outcomes: &[Outcome]) {
    let mut distances: Vec<f64> = outcomes
        .iter()
        .map(|outcome| outcome.fullest_minus_mean)
        .collect();
    distances.sort_by(f64::total_cmp);
    let mut starts: Vec<usize> = outcomes.iter().map(|outcome| outcome.starts_in_10_s).collect();
    starts.sort_unstable();
    println!(
        "  {:<13} fullest - mean: median {:>6.2}, worst {:>6.2}   starts in 10 s: median {:>3}, worst {:>3}",
        chooser.name(),
        distances[distances.len() / 2],
        distances[distances.len() - 1],
        starts[starts.len() / 2],
        starts[starts.len() - 1],
    );
}

fn colour(chooser: Chooser) -> &'static str {
    match chooser {
        Chooser::Ours => "#0b7a3b",
        Chooser::TwoChoices => "#c47f00",
        Chooser::Random => "#777777",
        Chooser::LeastLoaded => "#b3261e",
    }
}
