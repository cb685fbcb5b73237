//! What the attributes of an account in an Active Directory say about it. Pure.

use std::time::Duration;

use crate::directory::entry::AccountState;
use crate::model::{Attributes, Now};

/// The attributes that are read here. The two `msDS` ones are computed by the server and come only when asked for by
/// name.
pub(in crate::directory) const ATTRIBUTES: &[&str] = &[
    USER_ACCOUNT_CONTROL,
    COMPUTED,
    ACCOUNT_EXPIRES,
    LOCKOUT_TIME,
    PASSWORD_LAST_SET,
    PASSWORD_EXPIRY,
];

/// \[MS-ADTS\] 2.2.16: flags that an administrator sets.
const USER_ACCOUNT_CONTROL: &str = "useraccountcontrol";
/// \[MS-ADTS\] 3.1.1.4.5.17: flags of the same kind that the server works out; the lockout stands only here.
const COMPUTED: &str = "msds-user-account-control-computed";
/// When the account ends, as a FILETIME; see [`moment`].
const ACCOUNT_EXPIRES: &str = "accountexpires";
/// When the account was locked, 0 if it is not. Stays after the lockout has passed, so it counts only where the
/// server does not work out the flag.
const LOCKOUT_TIME: &str = "lockouttime";
/// When the password was set; 0 if it must be changed.
const PASSWORD_LAST_SET: &str = "pwdlastset";
/// When the password expires, by the policy that holds for this account.
const PASSWORD_EXPIRY: &str = "msds-userpasswordexpirytimecomputed";

const DISABLED: i64 = 0x2;
const LOCKED_OUT: i64 = 0x10;

/// From 1601-01-01, where a FILETIME (\[MS-DTYP\] 2.3.3) begins, to 1970-01-01, in milliseconds.
const EPOCH_MS: i64 = 11_644_473_600_000;
/// A FILETIME counts 100 ns.
const PER_MS: i64 = 10_000;

/// Whether the account may be used. What cannot be read speaks against it.
///
/// # Errors
/// There is no telling whether the account is disabled: the attribute is not there, or not a number.
pub(in crate::directory) fn state(attributes: &Attributes, now: Now) -> Result<AccountState, String> {
    let Some(control) = number(attributes, USER_ACCOUNT_CONTROL)? else {
        return Err("it shows no userAccountControl: bind_dn must be allowed to read it".to_owned());
    };
    let expires = number(attributes, ACCOUNT_EXPIRES)?.and_then(moment);
    let locked = match number(attributes, COMPUTED)? {
        Some(computed) => computed & LOCKED_OUT != 0,
        None => number(attributes, LOCKOUT_TIME)?.is_some_and(|time| time != 0),
    };
    Ok(if control & DISABLED != 0 {
        AccountState::Disabled
    } else if expires.is_some_and(|end| end <= now) {
        AccountState::Expired
    } else if locked {
        AccountState::Locked
    } else {
        AccountState::Active
    })
}

/// When the password was last changed; none for one that must be changed, as it does not count.
pub(in crate::directory) fn password_changed(attributes: &Attributes) -> Option<Now> {
    number(attributes, PASSWORD_LAST_SET)
        .ok()
        .flatten()
        .and_then(moment)
}

/// How long the password will do; none if it does not expire or already has, which a bind tells.
pub(in crate::directory) fn password_expires_in(attributes: &Attributes, now: Now) -> Option<Duration> {
    let end = number(attributes, PASSWORD_EXPIRY)
        .ok()
        .flatten()
        .and_then(moment)?;
    Some(end.since(now)).filter(|left| !left.is_zero())
}

/// The value of a single-valued attribute.
fn number(attributes: &Attributes, name: &str) -> Result<Option<i64>, String> {
    let Some(value) = attributes.get(name).and_then(|values| values.first()) else {
        return Ok(None);
    };
    let number = value.trim().parse();
    number
        .map(Some)
        .map_err(|_| format!("its {name} `{}` is no number", value.escape_debug()))
}

/// The moment of a FILETIME; none for the two values that mean "never".
fn moment(filetime: i64) -> Option<Now> {
    let never = filetime == 0 || filetime == i64::MAX;
    (!never).then(|| Now::from_unix_ms(filetime / PER_MS - EPOCH_MS))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-03-02 09:00 UTC.
    const MORNING_MS: i64 = 1_772_442_000_000;
    const MORNING: &str = "134169156000000000";

    fn morning() -> Now {
        Now::from_unix_ms(MORNING_MS)
    }

    fn entry(pairs: &[(&str, &str)]) -> Attributes {
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), vec![(*value).to_owned()]))
            .collect()
    }

    #[test]
    fn each_attribute_has_its_say() {
        let never = i64::MAX.to_string();
        for (control, name, value, expected) in [
            ("512", "cn", "x", AccountState::Active),
            ("514", "cn", "x", AccountState::Disabled),
            ("66048", "cn", "x", AccountState::Active),
            ("512", ACCOUNT_EXPIRES, "0", AccountState::Active),
            ("512", ACCOUNT_EXPIRES, never.as_str(), AccountState::Active),
            ("512", ACCOUNT_EXPIRES, MORNING, AccountState::Expired),
            ("514", ACCOUNT_EXPIRES, MORNING, AccountState::Disabled),
            ("512", ACCOUNT_EXPIRES, "134169156000010000", AccountState::Active),
            ("512", COMPUTED, "16", AccountState::Locked),
            ("512", COMPUTED, "8388608", AccountState::Active),
            ("512", LOCKOUT_TIME, MORNING, AccountState::Locked),
            ("512", LOCKOUT_TIME, "0", AccountState::Active),
        ] {
            let entry = entry(&[(USER_ACCOUNT_CONTROL, control), (name, value)]);
            assert_eq!(
                state(&entry, morning()),
                Ok(expected),
                "{control} {name}: {value}"
            );
        }
    }

    #[test]
    fn a_lockout_that_has_passed_is_none() {
        let passed = entry(&[
            (USER_ACCOUNT_CONTROL, "512"),
            (COMPUTED, "0"),
            (LOCKOUT_TIME, MORNING),
        ]);
        assert_eq!(state(&passed, morning()), Ok(AccountState::Active));
    }

    #[test]
    fn what_cannot_be_read_is_no_active_account() {
        assert!(state(&Attributes::new(), morning()).is_err());
        for name in [USER_ACCOUNT_CONTROL, ACCOUNT_EXPIRES, COMPUTED, LOCKOUT_TIME] {
            let mut odd = entry(&[(USER_ACCOUNT_CONTROL, "512")]);
            odd.insert(name.to_owned(), vec!["soon".to_owned()]);
            assert!(state(&odd, morning()).is_err(), "{name}");
        }
    }

    #[test]
    fn passwords_have_a_beginning_and_an_end() {
        let changed = |value: &str| password_changed(&entry(&[(PASSWORD_LAST_SET, value)]));
        assert_eq!(changed(MORNING), Some(morning()));
        assert_eq!(changed("0"), None);
        assert_eq!(changed("soon"), None);
        let left = |value: &str| password_expires_in(&entry(&[(PASSWORD_EXPIRY, value)]), morning());
        assert_eq!(left("134169156010000000"), Some(Duration::from_secs(1)));
        assert_eq!(left(MORNING), None);
        assert_eq!(left("0"), None);
        assert_eq!(left("9223372036854775807"), None);
    }
}
