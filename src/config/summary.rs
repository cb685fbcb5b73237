//! What came of reading a configuration, in one line.

use super::{Configuration, Diagnostic};

/// The line that `check` and `reload` end with.
pub fn summary(loaded: Result<&Configuration, &[Diagnostic]>) -> String {
    match loaded {
        Ok(configuration) => format!(
            "The configuration is good: {}, {}, {}, {}; {}.",
            count(configuration.farms.len(), "farm"),
            count(configuration.policy.profiles().len(), "profile"),
            count(configuration.policy.rules().count(), "rule"),
            count(configuration.expectations, "expectation"),
            count(configuration.warnings.len(), "warning"),
        ),
        Err(problems) => format!(
            "The configuration cannot be used: {}.",
            count(problems.len(), "problem"),
        ),
    }
}

fn count(number: usize, noun: &str) -> String {
    match number {
        1 => format!("1 {noun}"),
        _ => format!("{number} {noun}s"),
    }
}
