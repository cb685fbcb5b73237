//! How long a machine that cannot be reached is left alone.

use std::time::Duration;

/// After the first failure.
const FIRST: Duration = Duration::from_secs(1);
/// A machine that is back is found within this time.
const LONGEST: Duration = Duration::from_secs(60);

/// The wait after so many failures in a row, which doubles each time up to a minute. `random` spreads it between half
/// and all of that, so that the machines of a network that was away are not all dialled in the same moment.
pub(super) fn wait(failures: u32, random: u32) -> Duration {
    let doubled = FIRST.saturating_mul(1_u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX));
    let whole = doubled.min(LONGEST);
    whole / 2 + (whole / 2).mul_f64(f64::from(random) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn waits_double_up_to_a_minute() {
        let longest: Vec<_> = (1..9)
            .map(|failures| wait(failures, u32::MAX).as_secs())
            .collect();
        assert_eq!(longest, [1, 2, 4, 8, 16, 32, 60, 60]);
    }

    proptest! {
        #[test]
        fn waits_are_within_bounds(failures: u32, random: u32) {
            let wait = wait(failures, random);
            prop_assert!(wait >= FIRST / 2 && wait <= LONGEST);
        }
    }
}
