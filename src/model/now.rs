//! The time, as an argument.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime};

use jiff::Timestamp;

use super::Invalid;

/// A moment of wall-clock time in milliseconds of the Unix epoch. It is handed in from the edge, so that the
/// core has no clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Now(i64);

impl Now {
    /// The moment that many milliseconds after 1970-01-01 00:00 UTC.
    pub fn from_unix_ms(ms: i64) -> Self {
        Self(ms)
    }

    /// Milliseconds since 1970-01-01 00:00 UTC.
    pub fn unix_ms(self) -> i64 {
        self.0
    }

    /// How long ago `earlier` was; nothing if the clock was set back since.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// The moment `span` earlier.
    pub fn minus(self, span: Duration) -> Self {
        Self(
            self.0
                .saturating_sub(i64::try_from(span.as_millis()).unwrap_or(i64::MAX)),
        )
    }

    /// The moment `span` later.
    pub fn plus(self, span: Duration) -> Self {
        Self(
            self.0
                .saturating_add(i64::try_from(span.as_millis()).unwrap_or(i64::MAX)),
        )
    }
}

impl fmt::Display for Now {
    /// In UTC, to the millisecond where there are any: `2026-03-02T08:00:00Z` (RFC 3339).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Timestamp::from_millisecond(self.0) {
            Ok(moment) => moment.fmt(f),
            Err(_) => write!(f, "{} ms", self.0),
        }
    }
}

impl FromStr for Now {
    type Err = Invalid;

    /// Reads a moment with its offset: `2026-03-02T09:00:00+01:00` (RFC 3339).
    fn from_str(text: &str) -> Result<Self, Invalid> {
        let moment: Timestamp = text.parse().map_err(|_| Invalid::Meaning {
            what: "a moment",
            why: "has date, time and offset, like 2026-03-02T09:00:00+01:00",
        })?;
        Ok(Self(moment.as_millisecond()))
    }
}

impl From<SystemTime> for Now {
    fn from(time: SystemTime) -> Self {
        let ms = match time.duration_since(SystemTime::UNIX_EPOCH) {
            Ok(after) => i64::try_from(after.as_millis()).unwrap_or(i64::MAX),
            Err(before) => i64::try_from(before.duration().as_millis()).map_or(i64::MIN, |ms| -ms),
        };
        Self(ms)
    }
}

/// A moment to the second, from its text in UTC, for eyes.
pub(crate) fn to_the_second(moment: &str) -> String {
    match moment.split_once('.') {
        Some((seconds, _)) => format!("{seconds}Z"),
        None => moment.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_cut() {
        assert_eq!(to_the_second("2026-03-02T09:00:00.123Z"), "2026-03-02T09:00:00Z");
        assert_eq!(to_the_second("2026-03-02T09:00:00Z"), "2026-03-02T09:00:00Z");
    }
}
