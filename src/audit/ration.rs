//! How many lines of a kind anybody may have written: what strangers are refused shows, and nobody fills the log.

use std::time::Duration;

use crate::model::Now;

/// Lines that are written within [`WINDOW`].
const LINES_MAX: u32 = 60;
/// The time over which they count.
const WINDOW: Duration = Duration::from_secs(60);

/// How many lines were written since when.
#[derive(Debug, Default)]
pub struct Ration {
    since: Option<Now>,
    written: u32,
}

impl Ration {
    /// Whether one more may be written now: at most 60 within a minute.
    pub fn admit(&mut self, now: Now) -> bool {
        if self
            .since
            .is_none_or(|since| now < since || now.since(since) >= WINDOW)
        {
            *self = Self {
                since: Some(now),
                written: 0,
            };
        }
        self.written += 1;
        self.written <= LINES_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_written_down_in_part() {
        let mut ration = Ration::default();
        let at = |second: i64| Now::from_unix_ms(second * 1000);
        let mut written = |second| (0..100).filter(|_| ration.admit(at(second))).count();
        assert_eq!(written(1000), 60);
        assert_eq!(written(1059), 0);
        assert_eq!(written(1060), 60);
        assert_eq!(written(5), 60, "a clock set back");
    }
}
