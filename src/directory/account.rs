//! What the attributes of an entry say about the account. Pure.

use std::time::Duration;

use jiff::civil::DateTime;
use jiff::tz::Offset;

use crate::model::{Attributes, Now};

use super::entry::AccountState;

/// The attributes that are read here, to be asked for by name: some are operational and come only so.
pub(super) const ATTRIBUTES: &[&str] = &[
    NS_ACCOUNT_LOCK,
    PWD_ACCOUNT_LOCKED_TIME,
    PWD_CHANGED_TIME,
    SHADOW_EXPIRE,
    SHADOW_LAST_CHANGE,
];

/// 389 Directory Server and its kin: `TRUE` for an inactivated account.
const NS_ACCOUNT_LOCK: &str = "nsaccountlock";
/// The password policy of draft-behera-ldap-password-policy section 5.3.3: when the account was locked.
const PWD_ACCOUNT_LOCKED_TIME: &str = "pwdaccountlockedtime";
/// The same, section 5.3.2: when the password was changed.
const PWD_CHANGED_TIME: &str = "pwdchangedtime";
/// RFC 2307: the day on which the account ends; negative for never. `shadow(5)` leaves the meaning of 0 open;
/// `pam_unix` takes it as the day it names, which `chage -E 0` uses to close an account.
pub(super) const SHADOW_EXPIRE: &str = "shadowexpire";
/// RFC 2307: the day on which the password was changed.
pub(super) const SHADOW_LAST_CHANGE: &str = "shadowlastchange";
/// The time that means "until an administrator unlocks it".
const LOCKED_FOR_GOOD: &str = "000001010000Z";

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Whether the account may be used. What cannot be read speaks against it.
pub(super) fn state(attributes: &Attributes, now: Now) -> AccountState {
    let values = |name: &str| attributes.get(name).map(Vec::as_slice).unwrap_or_default();
    let locks = values(PWD_ACCOUNT_LOCKED_TIME);
    let inactivated = values(NS_ACCOUNT_LOCK)
        .iter()
        .any(|value| !value.eq_ignore_ascii_case("false"));
    let expired = values(SHADOW_EXPIRE)
        .iter()
        .any(|value| match value.trim().parse::<i64>() {
            Ok(day) => day >= 0 && start_of_day(day) <= now,
            Err(_) => true,
        });
    if inactivated || locks.iter().any(|time| time == LOCKED_FOR_GOOD) {
        AccountState::Disabled
    } else if expired {
        AccountState::Expired
    } else if locks.is_empty() {
        AccountState::Active
    } else {
        AccountState::Locked
    }
}

/// When the password was last changed, as far as the entry says so. `shadowLastChange` counts days, so a change
/// on the same day as an earlier one does not show in it.
pub(super) fn password_changed(attributes: &Attributes) -> Option<Now> {
    let first = |name: &str| attributes.get(name).and_then(|values| values.first());
    let exact = first(PWD_CHANGED_TIME).and_then(|time| generalized_time(time));
    let day = first(SHADOW_LAST_CHANGE)
        .and_then(|day| day.trim().parse::<i64>().ok())
        .filter(|day| *day > 0)
        .map(start_of_day);
    exact.max(day)
}

fn start_of_day(day: i64) -> Now {
    let day_ms = i64::try_from(DAY.as_millis()).unwrap_or(i64::MAX);
    Now::from_unix_ms(day.saturating_mul(day_ms))
}

/// A generalized time (RFC 4517 section 3.3.13): `20260302090000Z`, with minutes, seconds and fractions optional
/// and `Z` or an offset at the end.
pub(super) fn generalized_time(text: &str) -> Option<Now> {
    let zone = text.find(['Z', '+', '-'])?;
    let (time, zone) = text.split_at_checked(zone)?;
    let time = time.split(['.', ',']).next()?;
    let number = |from: usize, to: usize| -> Option<i8> { time.get(from..to)?.parse().ok() };
    let optional = |from: usize, to: usize| {
        if time.len() <= from {
            Some(0)
        } else {
            number(from, to)
        }
    };
    let civil = DateTime::new(
        time.get(..4)?.parse().ok()?,
        number(4, 6)?,
        number(6, 8)?,
        number(8, 10)?,
        optional(10, 12)?,
        optional(12, 14)?,
        0,
    )
    .ok()?;
    let stamp = zone_offset(zone)?.to_timestamp(civil).ok()?;
    Some(Now::from_unix_ms(stamp.as_millisecond()))
}

/// `Z`, `+01` or `-0330`.
fn zone_offset(text: &str) -> Option<Offset> {
    let sign = match text.get(..1)? {
        "Z" => return Some(Offset::UTC),
        "+" => 1,
        _ => -1,
    };
    let hours: i32 = text.get(1..3)?.parse().ok()?;
    let minutes: i32 = match text.get(3..)? {
        "" => 0,
        minutes => minutes.parse().ok()?,
    };
    Offset::from_seconds(sign * (hours * 60 + minutes) * 60).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-03-02 09:00 UTC, day 20514.
    fn morning() -> Now {
        Now::from_unix_ms(1_772_442_000_000)
    }

    fn entry(pairs: &[(&str, &str)]) -> Attributes {
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), vec![(*value).to_owned()]))
            .collect()
    }

    #[test]
    fn each_attribute_has_its_say() {
        for (name, value, expected) in [
            ("cn", "x", AccountState::Active),
            (NS_ACCOUNT_LOCK, "TRUE", AccountState::Disabled),
            (NS_ACCOUNT_LOCK, "false", AccountState::Active),
            (PWD_ACCOUNT_LOCKED_TIME, LOCKED_FOR_GOOD, AccountState::Disabled),
            (PWD_ACCOUNT_LOCKED_TIME, "20260302085900Z", AccountState::Locked),
            (SHADOW_EXPIRE, "-1", AccountState::Active),
            (SHADOW_EXPIRE, "0", AccountState::Expired),
            (SHADOW_EXPIRE, "20514", AccountState::Expired),
            (SHADOW_EXPIRE, "20515", AccountState::Active),
            (SHADOW_EXPIRE, "soon", AccountState::Expired),
        ] {
            assert_eq!(
                state(&entry(&[(name, value)]), morning()),
                expected,
                "{name}: {value}"
            );
        }
    }

    #[test]
    fn a_lock_by_an_administrator_outweighs_the_rest() {
        let both = entry(&[(SHADOW_EXPIRE, "0"), (NS_ACCOUNT_LOCK, "true")]);
        assert_eq!(state(&both, morning()), AccountState::Disabled);
    }

    #[test]
    fn the_latest_change_of_the_password_counts() {
        let changed = |pairs: &[(&str, &str)]| password_changed(&entry(pairs));
        assert_eq!(changed(&[]), None);
        assert_eq!(changed(&[(SHADOW_LAST_CHANGE, "0")]), None);
        assert_eq!(
            changed(&[(SHADOW_LAST_CHANGE, "20514")]),
            Some(start_of_day(20_514))
        );
        let both = [
            (SHADOW_LAST_CHANGE, "20514"),
            (PWD_CHANGED_TIME, "20260302090000Z"),
        ];
        assert_eq!(changed(&both), Some(morning()));
    }

    #[test]
    fn times_come_in_several_spellings() {
        for same in [
            "20260302090000Z",
            "20260302090000.0Z",
            "202603020900Z",
            "2026030209Z",
            "20260302100000+0100",
            "20260302053000-0330",
        ] {
            assert_eq!(generalized_time(same), Some(morning()), "{same}");
        }
        for bad in [
            "",
            "Z",
            "20260302090000",
            "20261302090000Z",
            "2026é302090000Z",
            "20260302090000+x",
        ] {
            assert_eq!(generalized_time(bad), None, "{bad}");
        }
    }
}
