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

/// The times of one source.
#[derive(Debug, Default)]
pub(super) struct CheckTimes {
    /// Those of the last checks of users.
    checks: VecDeque<Duration>,
    /// That of the last check for a name that does not exist, which serves until a user was checked.
    rejection: Duration,
}

impl CheckTimes {
    /// Notes how long a check of a user took.
    pub(super) fn note(&mut self, took: Duration) {
        if self.checks.len() == KEPT {
            self.checks.pop_front();
        }
        self.checks.push_back(took);
    }

    /// Notes how long it took to refuse a name that does not exist.
    pub(super) fn note_rejection(&mut self, took: Duration) {
        self.rejection = took;
    }

    /// How long a check of a user would take now.
    pub(super) fn typical(&self) -> Duration {
        self.checks
            .iter()
            .choose(&mut rand::rng())
            .copied()
            .unwrap_or(self.rejection)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_times_count_and_no_others() {
        let mut times = CheckTimes::default();
        assert_eq!(times.typical(), Duration::ZERO);
        times.note_rejection(Duration::from_secs(2));
        assert_eq!(times.typical(), Duration::from_secs(2));
        times.note(Duration::from_secs(9));
        assert_eq!(times.typical(), Duration::from_secs(9));
        for _ in 0..KEPT {
            times.note(Duration::from_secs(1));
        }
        assert_eq!(times.checks.len(), KEPT);
        assert_eq!(times.typical(), Duration::from_secs(1));
    }
}
