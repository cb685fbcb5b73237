//! The moments at which hours may begin or end.

use std::collections::BTreeSet;

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::AmbiguousOffset;
use jiff::{Span, Timestamp};

use super::{Hours, MINUTES_PER_DAY};
use crate::model::Now;

impl Hours {
    /// Adds the moments between two others at which this may begin or end, and no fewer: between two neighbours of
    /// them it holds all the time or not at all. Those of days on which it does not begin are among them, and so are
    /// all moments at which the clocks change.
    pub(in crate::entitlement) fn add_edges(&self, from: Now, until: Now, edges: &mut BTreeSet<Now>) {
        let mut add = |moment: Timestamp| {
            let moment = Now::from_unix_ms(moment.as_millisecond());
            if from <= moment && moment < until {
                edges.insert(moment);
            }
        };
        let begin = Timestamp::from_millisecond(from.unix_ms()).unwrap_or(Timestamp::MIN);
        for change in self.zone.following(begin) {
            if change.timestamp().as_millisecond() >= until.unix_ms() {
                break;
            }
            add(change.timestamp());
        }
        let last = self.local(until).date();
        // The night before may reach into the first day.
        let first = self.local(from).date();
        let mut day = Some(first.yesterday().unwrap_or(first));
        while let Some(date) = day.filter(|date| *date <= last) {
            for minute in [self.start, self.end] {
                self.moments_at(date, minute).for_each(&mut add);
            }
            day = date.tomorrow().ok();
        }
    }

    /// The moments at which the clock there shows this minute of that day: one, two where clocks go back over it,
    /// and two around the gap where they skip it.
    fn moments_at(&self, date: Date, minute: u16) -> impl Iterator<Item = Timestamp> {
        let shown: DateTime = date.to_datetime(Time::midnight());
        let shown = match minute {
            MINUTES_PER_DAY => date.tomorrow().map(|next| next.to_datetime(Time::midnight())),
            _ => shown.checked_add(Span::new().minutes(i64::from(minute))),
        };
        let offsets = shown.map(|shown| match self.zone.to_ambiguous_timestamp(shown).offset() {
            AmbiguousOffset::Unambiguous { offset } => [Some((shown, offset)), None],
            AmbiguousOffset::Gap { before, after } | AmbiguousOffset::Fold { before, after } => {
                [Some((shown, before)), Some((shown, after))]
            }
        });
        offsets
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|(shown, offset)| offset.to_timestamp(shown).ok())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::super::sample::hours;
    use super::*;

    /// 2026-03-23 00:00 UTC, a Monday before Europe changes its clocks; America did so before.
    const MONDAY_MS: i64 = 1_774_224_000_000;
    const HOUR_MS: i64 = 3_600_000;
    const WEEKS_MS: i64 = 3 * 7 * 24 * HOUR_MS;

    proptest! {
        /// Between two neighbours nothing changes, also in a zone that changes its clocks by half an hour or at
        /// midnight.
        #[test]
        fn nothing_changes_between_two_edges(
            text in prop::sample::select(&[
                "Mon-Fri 07:00-20:00 Europe/Berlin",
                "Sun 01:30-02:30 Europe/Berlin",
                "Sat 22:00-06:00 Europe/London",
                "Sat,Sun 23:30-00:15 America/Asuncion",
                "Sun 01:45-02:15 Australia/Lord_Howe",
                "Thu-Fri 00:00-24:00 Africa/Cairo",
                "Tue 12:00-12:01 UTC",
            ][..]),
            begin in 0..30 * 7 * 24 * HOUR_MS,
            moment in 0..WEEKS_MS,
        ) {
            let hours = hours(text);
            let from = Now::from_unix_ms(MONDAY_MS + begin);
            let until = Now::from_unix_ms(MONDAY_MS + begin + WEEKS_MS);
            let moment = Now::from_unix_ms(MONDAY_MS + begin + moment);
            let mut edges = BTreeSet::from([from]);
            hours.add_edges(from, until, &mut edges);
            prop_assert!(edges.iter().all(|edge| (from..until).contains(edge)));
            let edge = *edges.range(..=moment).next_back().unwrap();
            prop_assert_eq!(hours.contains(edge), hours.contains(moment), "{}", moment);
        }
    }
}
