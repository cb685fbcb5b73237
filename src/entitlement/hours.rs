//! The times of the week at which a rule counts.

mod edges;

use std::fmt;

use jiff::Timestamp;
use jiff::civil::{DateTime, Weekday};
use jiff::tz::TimeZone;

use crate::model::{Now, did_you_mean};

const MINUTES_PER_DAY: u16 = 24 * 60;
/// The words for the days, from Monday; the first three letters do, too.
const DAYS: [&str; 7] = [
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
];
/// Letters of a short word.
const SHORT_DAY_LETTERS: usize = 3;

/// A stretch of time on some days of the week: `Mon-Fri 07:00-20:00 Europe/Berlin`. What counts is what a clock
/// on the wall shows in that time zone, so a day on which the clocks change needs no thought: an hour that is
/// skipped is in no stretch, and one that comes twice is twice.
///
/// The start is in it, the end is not. A stretch that ends before it begins runs over midnight into the next
/// day: `Fri 22:00-06:00` is over on Saturday at 6.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hours {
    text: String,
    /// Whether a stretch begins on that day, from Monday.
    days: [bool; 7],
    /// The minute of the day at which it begins.
    start: u16,
    /// The minute of the day at which it ends, of the next day if it is not after the start.
    end: u16,
    zone: TimeZone,
}

/// Why a text is no [`Hours`]; in words for the admin who wrote it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HoursError {
    /// Nothing of the right form.
    #[error(
        "write days, times and time zone, like \"Mon-Fri 07:00-20:00 Europe/Berlin\"; without days it means every day"
    )]
    Form,
    /// The time zone is missing, and guessing one would move the hours.
    #[error("there is no time zone; write the site's behind the times, like \"{0} Europe/Berlin\"")]
    NoZone(String),
    /// A word that is no weekday.
    #[error("`{word}` is no weekday; there are Mon, Tue, Wed, Thu, Fri, Sat and Sun{}",
        hint.map(|hint| format!(" (did you mean `{hint}`?)")).unwrap_or_default())]
    Day {
        /// What stands there.
        word: String,
        /// The day that was probably meant.
        hint: Option<&'static str>,
    },
    /// No time of the day.
    #[error("`{0}` is no time of the day; there are 00:00 to 23:59, and 24:00 as an end")]
    Time(String),
    /// It begins when it ends.
    #[error("it ends when it begins; write 00:00-24:00 for whole days")]
    Nothing,
    /// The time zone is not known; the words are those of whoever looked for it.
    #[error("{0}")]
    Zone(String),
}

impl Hours {
    /// Reads a text. `find_zone` gives the time zone of a name of the IANA database, or says why there is none.
    ///
    /// # Errors
    /// Says what is wrong and what to write instead.
    pub fn new(
        text: &str,
        find_zone: impl FnOnce(&str) -> Result<TimeZone, String>,
    ) -> Result<Self, HoursError> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let is_time = |word: &&str| word.contains(':');
        let first = words.iter().position(is_time).ok_or(HoursError::Form)?;
        let last = words.iter().rposition(is_time).ok_or(HoursError::Form)?;
        let (days, rest) = words.split_at(first);
        let (times, zone) = rest.split_at(last - first + 1);
        let (start, end) = read_times(&times.concat())?;
        let days = if days.is_empty() {
            [true; 7]
        } else {
            read_days(&days.concat())?
        };
        let zone = match zone {
            [] => return Err(HoursError::NoZone(words.join(" "))),
            [zone] => find_zone(zone).map_err(HoursError::Zone)?,
            _ => return Err(HoursError::Form),
        };
        Ok(Self {
            text: words.join(" "),
            days,
            start,
            end,
            zone,
        })
    }

    /// Whether a moment is in it.
    pub fn contains(&self, now: Now) -> bool {
        let local = self.local(now);
        let minute = minute_of_day(local.hour(), local.minute());
        let (today, yesterday) = (local.weekday(), local.weekday().previous());
        if self.start < self.end {
            self.begins_on(today) && (self.start..self.end).contains(&minute)
        } else {
            self.begins_on(today) && minute >= self.start || self.begins_on(yesterday) && minute < self.end
        }
    }

    /// What clock and calendar show there at that moment: `Mon 09:00 in Europe/Berlin`.
    pub fn told(&self, now: Now) -> String {
        let zone = self.zone.iana_name().unwrap_or("its time zone");
        format!("{} in {zone}", self.local(now).strftime("%a %H:%M"))
    }

    fn local(&self, now: Now) -> DateTime {
        // A clock that is off by ten thousand years has no weekday worth telling.
        let moment = Timestamp::from_millisecond(now.unix_ms()).unwrap_or(Timestamp::MAX);
        self.zone.to_datetime(moment)
    }

    fn begins_on(&self, day: Weekday) -> bool {
        usize::try_from(day.to_monday_zero_offset())
            .ok()
            .and_then(|day| self.days.get(day))
            .copied()
            .unwrap_or(false)
    }
}

impl fmt::Display for Hours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// `Mon-Fri,Sun`; a range may go over the end of the week.
fn read_days(text: &str) -> Result<[bool; 7], HoursError> {
    let mut days = [false; 7];
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (read_day(first)?, read_day(last)?);
        let count = (last + days.len() - first) % days.len() + 1;
        for day in (0..days.len()).cycle().skip(first).take(count) {
            days[day] = true;
        }
    }
    Ok(days)
}

/// The position of a day from Monday.
fn read_day(word: &str) -> Result<usize, HoursError> {
    let is =
        |day: &&str| day.eq_ignore_ascii_case(word) || day[..SHORT_DAY_LETTERS].eq_ignore_ascii_case(word);
    DAYS.iter().position(is).ok_or_else(|| {
        let short = DAYS.iter().map(|day| &day[..SHORT_DAY_LETTERS]);
        HoursError::Day {
            hint: did_you_mean(word, short.chain(DAYS)),
            word: word.to_owned(),
        }
    })
}

/// `07:00-20:00` as minutes of the day.
fn read_times(text: &str) -> Result<(u16, u16), HoursError> {
    let (start, end) = text.split_once('-').ok_or(HoursError::Form)?;
    let wrong = |text: &str| HoursError::Time(text.to_owned());
    let (start, start_text) = (read_time(start), start);
    let start = start
        .filter(|minute| *minute < MINUTES_PER_DAY)
        .ok_or_else(|| wrong(start_text))?;
    let end = read_time(end).ok_or_else(|| wrong(end))?;
    if start == end {
        return Err(HoursError::Nothing);
    }
    Ok((start, end))
}

/// The minute of the day; 24:00 is the last.
fn read_time(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once(':')?;
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if !matches!(hour.len(), 1 | 2) || minute.len() != 2 || !digits(hour) || !digits(minute) {
        return None;
    }
    let (hour, minute): (i8, i8) = (hour.parse().ok()?, minute.parse().ok()?);
    let minute_of_day = minute_of_day(hour, minute);
    (minute < 60 && minute_of_day <= MINUTES_PER_DAY).then_some(minute_of_day)
}

fn minute_of_day(hour: i8, minute: i8) -> u16 {
    u16::from(hour.unsigned_abs()) * 60 + u16::from(minute.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::sample::hours;
    use super::*;

    fn open(text: &str, time: &str) -> bool {
        let time: Timestamp = time.parse().unwrap();
        hours(text).contains(Now::from_unix_ms(time.as_millisecond()))
    }

    fn message(text: &str) -> String {
        let find = |name: &str| TimeZone::get(name).map_err(|_| format!("no zone {name}"));
        Hours::new(text, find).unwrap_err().to_string()
    }

    #[test]
    fn the_start_is_in_and_the_end_is_not() {
        let office = "Mon-Fri 07:00-20:00 Europe/Berlin";
        // 2026-03-02 is a Monday.
        for time in [
            "2026-03-02T07:00:00+01:00",
            "2026-03-06T19:59:59.999+01:00",
            "2026-03-02T06:00:00Z",
        ] {
            assert!(open(office, time), "{time}");
        }
        for time in [
            "2026-03-02T06:59:59+01:00",
            "2026-03-06T20:00:00+01:00",
            "2026-03-07T12:00:00+01:00",
        ] {
            assert!(!open(office, time), "{time}");
        }
    }

    #[test]
    fn days_are_lists_and_ranges_also_over_the_end_of_the_week() {
        let days = |text: &str| hours(&format!("{text} 00:00-24:00 UTC")).days;
        let on = |marks: &str| {
            let mut marks = marks.chars().map(|mark| mark == 'x');
            std::array::from_fn::<bool, 7, _>(|_| marks.next().unwrap())
        };
        assert_eq!(days("Mon"), on("x......"));
        assert_eq!(days("Mon-Fri"), on("xxxxx.."));
        assert_eq!(days("Sat-Mon"), on("x....xx"));
        assert_eq!(days("monday,WED,fri-sat"), on("x.x.xx."));
        assert_eq!(days("Mon, Wed - Thu"), on("x.xx..."));
        assert_eq!(days("Sun-Sat"), on("xxxxxxx"));
        assert_eq!(hours("00:00-24:00 UTC").days, [true; 7]);
    }

    #[test]
    fn a_stretch_over_midnight_belongs_to_the_day_it_begins_on() {
        let night = "Fri 22:00-06:00 Europe/Berlin";
        // 2026-03-06 is a Friday.
        for time in [
            "2026-03-06T22:00:00+01:00",
            "2026-03-07T00:00:00+01:00",
            "2026-03-07T05:59:00+01:00",
        ] {
            assert!(open(night, time), "{time}");
        }
        for time in [
            "2026-03-06T05:00:00+01:00",
            "2026-03-06T21:59:00+01:00",
            "2026-03-07T06:00:00+01:00",
            "2026-03-07T22:00:00+01:00",
        ] {
            assert!(!open(night, time), "{time}");
        }
        // From Sunday into Monday, over the end of the week.
        assert!(open("Sun 22:00-06:00 UTC", "2026-03-09T05:00:00Z"));
    }

    #[test]
    fn whole_days_have_no_gap_at_midnight() {
        for end in ["24:00", "0:00"] {
            let evening = format!("Mon 20:00-{end} UTC");
            assert!(open(&evening, "2026-03-02T23:59:59.999Z"), "{end}");
            assert!(!open(&evening, "2026-03-03T00:00:00Z"), "{end}");
        }
        assert!(open("Mon 00:00-24:00 UTC", "2026-03-02T00:00:00Z"));
    }

    /// Berlin goes from 02:00 to 03:00 on 2026-03-29 and from 03:00 back to 02:00 on 2026-10-25, at 01:00 UTC.
    #[test]
    fn the_clock_on_the_wall_counts_when_clocks_change() {
        let office = "07:00-20:00 Europe/Berlin";
        assert!(!open(office, "2026-03-28T05:59:00Z") && open(office, "2026-03-28T06:00:00Z"));
        assert!(!open(office, "2026-03-29T04:59:00Z") && open(office, "2026-03-29T05:00:00Z"));
        assert!(!open(office, "2026-10-25T05:59:00Z") && open(office, "2026-10-25T06:00:00Z"));
        // An hour that is skipped.
        let skipped = "02:00-03:00 Europe/Berlin";
        assert!(!open(skipped, "2026-03-29T00:59:00Z") && !open(skipped, "2026-03-29T01:00:00Z"));
        // An hour that comes twice.
        let twice = "02:00-03:00 Europe/Berlin";
        assert!(!open(twice, "2026-10-24T23:59:00Z") && open(twice, "2026-10-25T00:00:00Z"));
        assert!(open(twice, "2026-10-25T01:59:00Z") && !open(twice, "2026-10-25T02:00:00Z"));
        // A night of seven hours, and one of nine.
        let night = "Sat 22:00-06:00 Europe/Berlin";
        assert!(open(night, "2026-03-28T21:00:00Z") && open(night, "2026-03-29T03:59:00Z"));
        assert!(!open(night, "2026-03-29T04:00:00Z"));
        assert!(open(night, "2026-10-24T20:00:00Z") && open(night, "2026-10-25T04:59:00Z"));
        assert!(!open(night, "2026-10-25T05:00:00Z"));
    }

    #[test]
    fn zones_with_odd_offsets_have_days_of_their_own() {
        // 00:10 on Monday in Kathmandu (UTC+05:45) is Sunday evening in UTC.
        assert!(open("Mon 00:00-00:30 Asia/Kathmandu", "2026-03-01T18:25:00Z"));
        assert!(open("Mon 07:00-20:00 America/New_York", "2026-03-02T12:00:00Z"));
        assert!(!open("Mon 07:00-20:00 America/New_York", "2026-03-02T11:59:00Z"));
    }

    #[test]
    fn mistakes_are_told_with_what_to_write() {
        assert_eq!(
            message("Mon-Fri 07:00-20:00"),
            "there is no time zone; write the site's behind the times, like \"Mon-Fri 07:00-20:00 Europe/Berlin\""
        );
        assert_eq!(
            message("Mo-Fri 07:00-20:00 UTC"),
            "`Mo` is no weekday; there are Mon, Tue, Wed, Thu, Fri, Sat and Sun (did you mean `Mon`?)"
        );
        assert!(message("Mon,,Tue 07:00-20:00 UTC").starts_with("`` is no weekday"));
        for time in [
            "24:01", "7", "25:00", "07:60", "7:0", "+7:00", "-1:00", "007:00", "07:00:00",
        ] {
            let message = message(&format!("{time}-20:00 UTC"));
            assert!(
                message.contains("time of the day") || message.starts_with("write days"),
                "{message}"
            );
        }
        assert!(message("24:00-20:00 UTC").starts_with("`24:00` is no time of the day"));
        assert!(message("07:00-07:00 UTC").starts_with("it ends when it begins"));
        for text in [
            "",
            "Mon-Fri",
            "Mon-Fri Europe/Berlin",
            "07:00 UTC",
            "07:00-20:00 Europe Berlin",
        ] {
            assert!(
                message(text).starts_with("write days, times and time zone"),
                "{text}"
            );
        }
        assert_eq!(message("07:00-20:00 Europe/Belrin"), "no zone Europe/Belrin");
    }

    proptest! {
        /// A stretch over midnight is the stretch to midnight and the one from midnight of the day after.
        #[test]
        fn over_midnight_is_two_stretches(
            day in 0_usize..7, start in 1_u16..1440, end in 1_u16..1440, ms in 0_i64..4_102_444_800_000,
        ) {
            prop_assume!(end < start);
            let word = |day: usize| &DAYS[day % 7][..3];
            let time = |minute: u16| format!("{:02}:{:02}", minute / 60, minute % 60);
            let (start, end) = (time(start), time(end));
            let zone = "America/New_York";
            let whole = hours(&format!("{} {start}-{end} {zone}", word(day)));
            let before = hours(&format!("{} {start}-24:00 {zone}", word(day)));
            let after = hours(&format!("{} 00:00-{end} {zone}", word(day + 1)));
            let now = Now::from_unix_ms(ms);
            prop_assert_eq!(whole.contains(now), before.contains(now) || after.contains(now));
        }

        #[test]
        fn any_text_is_read_or_refused(text in "[MonFri0-9:, /UTC-]{0,24}") {
            let _ = Hours::new(&text, |name| TimeZone::get(name).map_err(|error| error.to_string()));
        }
    }
}
