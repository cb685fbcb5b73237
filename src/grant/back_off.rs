//! How long to wait after a failure.

use std::time::Duration;

/// `first`, doubled so many times, at most `most`.
pub(super) fn doubled(first: Duration, times: u32, most: Duration) -> Duration {
    first.saturating_mul(2_u32.saturating_pow(times)).min(most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_their_bound() {
        let wait = |times| doubled(Duration::from_secs(5), times, Duration::from_secs(60)).as_secs();
        assert_eq!(
            [0, 1, 2, 3, 4, 90, u32::MAX].map(wait),
            [5, 10, 20, 40, 60, 60, 60]
        );
    }
}
