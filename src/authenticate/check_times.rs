//! How long the directory takes over the passwords of its users.
//!
//! It hashes what it compares, and slowly on purpose (PBKDF2, Argon2, `crypt` with many rounds); for a name that it
//! does not have it hashes nothing. So the answer for such a name waits as long as a check of a user took lately:
//! one of the last ones at random, so that its times are spread like theirs.

use std::collections::VecDeque;
use std::time::Duration;

use rand::seq::IteratorRandom;

/// How many of the last checks are known.
const KEPT: usize = 32;

/// The times of the last checks of users; none until the first one after a start.
#[derive(Debug, Default)]
pub(super) struct CheckTimes(VecDeque<Duration>);

impl CheckTimes {
    /// Notes how long a check of a user took.
    pub(super) fn note(&mut self, took: Duration) {
        if self.0.len() == KEPT {
            self.0.pop_front();
        }
        self.0.push_back(took);
    }

    /// How long a check of a user would take now.
    pub(super) fn typical(&self) -> Duration {
        self.0
            .iter()
            .choose(&mut rand::rng())
            .copied()
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_times_count_and_no_others() {
        let mut times = CheckTimes::default();
        assert_eq!(times.typical(), Duration::ZERO);
        times.note(Duration::from_secs(9));
        assert_eq!(times.typical(), Duration::from_secs(9));
        for _ in 0..KEPT {
            times.note(Duration::from_secs(1));
        }
        assert_eq!(times.0.len(), KEPT);
        assert_eq!(times.typical(), Duration::from_secs(1));
    }
}
