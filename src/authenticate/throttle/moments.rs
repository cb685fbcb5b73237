//! The last failures of somebody.

use crate::model::{Limit, Now};

/// When the last failures were, the oldest first; no more of them than the limit looks at.
#[derive(Debug, Default)]
pub(super) struct Moments(Vec<Now>);

impl Moments {
    /// Adds a failure. Those that the limit no longer looks at go.
    pub(super) fn add(&mut self, at: Now, limit: Limit) {
        self.0.retain(|earlier| is_recent(*earlier, at, limit));
        // Requests under way at once end in any order.
        let place = self.0.partition_point(|earlier| *earlier <= at);
        self.0.insert(place, at);
        let beyond = self.0.len().saturating_sub(usize::from(limit.count));
        self.0.drain(..beyond);
    }

    /// How many there were in the time that ends now.
    pub(super) fn count(&self, now: Now, limit: Limit) -> usize {
        self.0.iter().filter(|at| is_recent(**at, now, limit)).count()
    }

    /// Until when the limit refuses; none if it does not.
    pub(super) fn refused_until(&self, now: Now, limit: Limit) -> Option<Now> {
        let recent: Vec<Now> = self
            .0
            .iter()
            .copied()
            .filter(|at| is_recent(*at, now, limit))
            .collect();
        let decisive = recent.len().checked_sub(usize::from(limit.count))?;
        recent.get(decisive).map(|at| at.plus(limit.within))
    }
}

/// Whether it lies within the time of the limit: in either direction, since requests are not answered in the order
/// in which they came, and so that a clock set back refuses nobody for longer.
pub(super) fn is_recent(at: Now, now: Now, limit: Limit) -> bool {
    now.since(at) < limit.within && at.since(now) < limit.within
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const LIMIT: Limit = Limit {
        count: 3,
        within: Duration::from_secs(60),
    };

    fn at(second: i64) -> Now {
        Now::from_unix_ms(second * 1000)
    }

    #[test]
    fn as_many_as_allowed_refuse_until_the_first_of_them_is_old() {
        let mut moments = Moments::default();
        moments.add(at(0), LIMIT);
        moments.add(at(20), LIMIT);
        assert_eq!(moments.refused_until(at(20), LIMIT), None);
        moments.add(at(10), LIMIT);
        assert_eq!(moments.refused_until(at(20), LIMIT), Some(at(60)));
        assert_eq!(moments.refused_until(at(59), LIMIT), Some(at(60)));
        assert_eq!(moments.refused_until(at(60), LIMIT), None);
        assert_eq!(moments.count(at(60), LIMIT), 2);
        moments.add(at(60), LIMIT);
        assert_eq!(moments.refused_until(at(60), LIMIT), Some(at(70)));
    }

    #[test]
    fn a_clock_set_back_refuses_nobody_for_longer() {
        let mut moments = Moments::default();
        for second in [1_000, 1_001, 1_002] {
            moments.add(at(second), LIMIT);
        }
        assert_eq!(moments.refused_until(at(500), LIMIT), None);
    }

    #[test]
    fn no_more_is_held_than_is_looked_at() {
        let mut moments = Moments::default();
        for second in 0..100 {
            moments.add(at(second), LIMIT);
        }
        assert_eq!(moments.0.len(), 3);
    }
}
