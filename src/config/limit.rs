//! So many in so much time, as conf.d has it: `5 in 5m`.

use std::time::Duration;

use jiff::SignedDuration;

use super::value::FromText;
use crate::model::{LIMIT_COUNT_MAX, LIMIT_WITHIN_MAX, Limit};

/// Shorter, and nobody would notice a limit.
const WITHIN_MIN: Duration = Duration::from_secs(1);

impl FromText for Limit {
    fn from_text(text: &str) -> Result<Self, String> {
        let example = "write it like \"5 in 5m\"";
        let Some((count, within)) = text.split_once(" in ") else {
            return Err(format!("`{text}` is not so many in so much time; {example}"));
        };
        let (count, within) = (count.trim(), within.trim());
        let number = count
            .parse::<u16>()
            .map_err(|_| format!("`{count}` is not a whole number up to {LIMIT_COUNT_MAX}; {example}"))?;
        if !(1..=LIMIT_COUNT_MAX).contains(&number) {
            return Err(format!("the number must be between 1 and {LIMIT_COUNT_MAX}"));
        }
        let duration = within
            .parse::<SignedDuration>()
            .ok()
            .and_then(|duration| Duration::try_from(duration).ok())
            .ok_or_else(|| format!("`{within}` is not a duration; {example}"))?;
        if !(WITHIN_MIN..=LIMIT_WITHIN_MAX).contains(&duration) {
            return Err("the time must be between 1s and 24h".to_owned());
        }
        Ok(Self {
            count: number,
            within: duration,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_limit_is_a_number_and_a_time() {
        let limit = |text: &str| Limit::from_text(text).map(|limit| (limit.count, limit.within.as_secs()));
        assert_eq!(limit("5 in 5m"), Ok((5, 300)));
        assert_eq!(limit(" 1  in  24h "), Ok((1, 86_400)));
        assert_eq!(limit("1000 in 1h30m"), Ok((1000, 5_400)));
        for (wrong, says) in [
            ("", "write it like"),
            ("5", "write it like"),
            ("5/5m", "write it like"),
            ("many in 5m", "`many` is not a whole number"),
            ("-1 in 5m", "`-1` is not a whole number"),
            ("0 in 5m", "between 1 and 1000"),
            ("1001 in 5m", "between 1 and 1000"),
            ("5 in 5", "`5` is not a duration"),
            ("5 in -5m", "`-5m` is not a duration"),
            ("5 in 0s", "between 1s and 24h"),
            ("5 in 25h", "between 1s and 24h"),
        ] {
            let why = limit(wrong).unwrap_err();
            assert!(why.contains(says), "{wrong}: {why}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in ".{0,40}") {
            if let Ok(limit) = Limit::from_text(&text) {
                prop_assert!(limit.count >= 1 && limit.within >= WITHIN_MIN);
            }
        }

        #[test]
        fn a_limit_reads_as_it_prints(count in 1..=LIMIT_COUNT_MAX, seconds in 1u64..=86_400) {
            let limit = Limit { count, within: Duration::from_secs(seconds) };
            prop_assert_eq!(Limit::from_text(&limit.to_string()), Ok(limit));
        }
    }
}
