//! What a server says about a password beside the result of an operation. Pure.
//!
//! The password policy control is draft-behera-ldap-password-policy-10 section 6, as OpenLDAP's `ppolicy` overlay and
//! 389 Directory Server speak it; the two older controls are draft-vchu-ldap-pwd-policy-00, which 389 Directory
//! Server and its kin send unasked.

use std::time::Duration;

use super::ber::{Malformed, Reader, tag, unsigned};
use super::entry::{PasswordAnswer, PasswordState, Refusal};
use super::guard::Control;

/// The object identifier of the password policy control, in a request and in its answer.
pub(super) const PASSWORD_POLICY: &str = "1.3.6.1.4.1.42.2.27.8.5.1";
/// The password has expired.
const EXPIRED: &str = "2.16.840.1.113730.3.4.4";
/// The password expires; the value says in how many seconds, in decimal digits.
const EXPIRING: &str = "2.16.840.1.113730.3.4.5";

/// `invalidCredentials` (RFC 4511 appendix A).
const INVALID_CREDENTIALS: u32 = 49;

/// Tags of the value of the password policy control.
mod part {
    pub(super) const WARNING: u8 = 0xa0;
    pub(super) const ERROR: u8 = 0x81;
    pub(super) const TIME_BEFORE_EXPIRATION: u8 = 0x80;
    pub(super) const GRACE_LOGINS_REMAINING: u8 = 0x81;
}

/// What was said about a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Remark {
    /// It expires in this time.
    pub expires: Option<Duration>,
    /// It has expired, and will do for this many logins more.
    pub grace_logins: Option<u32>,
    /// What is wrong.
    pub complaint: Option<Complaint>,
}

/// What a server finds wrong with a password or its change (section 6.2 of the draft; the last one is OpenLDAP's).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Complaint {
    /// It has expired.
    Expired,
    /// The account is locked.
    Locked,
    /// It was set by an administrator and must be changed first.
    ChangeAfterReset,
    /// Users may not change it.
    ChangeNotAllowed,
    /// A change has to show the old one.
    OldPasswordNeeded,
    /// The new one is too simple.
    Quality,
    /// The new one is too short.
    TooShort,
    /// The old one was changed too lately.
    TooYoung,
    /// The new one was used before.
    InHistory,
    /// The new one is too long.
    TooLong,
}

impl Complaint {
    /// The complaint of that number; none if the draft has none.
    fn of(number: u32) -> Option<Self> {
        Some(match number {
            0 => Self::Expired,
            1 => Self::Locked,
            2 => Self::ChangeAfterReset,
            3 => Self::ChangeNotAllowed,
            4 => Self::OldPasswordNeeded,
            5 => Self::Quality,
            6 => Self::TooShort,
            7 => Self::TooYoung,
            8 => Self::InHistory,
            9 => Self::TooLong,
            _ => return None,
        })
    }
}

impl Remark {
    /// What the controls of an answer say, taken together.
    pub(super) fn of(controls: &[Control<'_>]) -> Self {
        let mut remark = Self::default();
        for control in controls {
            let value = control.value.unwrap_or_default();
            let said = match control.kind {
                PASSWORD_POLICY => response(value).unwrap_or_default(),
                EXPIRED => Self {
                    complaint: Some(Complaint::Expired),
                    ..Self::default()
                },
                EXPIRING => Self {
                    expires: seconds(value),
                    ..Self::default()
                },
                _ => continue,
            };
            remark = Self {
                expires: remark.expires.or(said.expires),
                grace_logins: remark.grace_logins.or(said.grace_logins),
                // The newer control can say more than "expired".
                complaint: match remark.complaint {
                    None | Some(Complaint::Expired) => said.complaint.or(remark.complaint),
                    said_before => said_before,
                },
            };
        }
        remark
    }

    /// What a bind that ended with this code says about the password, where the remark decides it.
    ///
    /// A server that refuses an expired password has compared it first (section 8.1.2 of the draft: an expired password
    /// is a case of a successful authentication), so it was right.
    pub(super) fn on_bind(self, code: u32) -> Option<PasswordAnswer> {
        match (code, self.complaint) {
            (0, _) => Some(PasswordAnswer::Accepted(self.state())),
            (_, Some(Complaint::Locked)) => Some(PasswordAnswer::Refused(Refusal::Locked)),
            (INVALID_CREDENTIALS, Some(Complaint::Expired)) => {
                Some(PasswordAnswer::Accepted(PasswordState::MustChangeElsewhere))
            }
            _ => None,
        }
    }

    /// How long an accepted password will do. A login by grace is also said to be expired.
    fn state(self) -> PasswordState {
        match (self.complaint, self.grace_logins, self.expires) {
            (Some(Complaint::ChangeAfterReset), _, _) => PasswordState::MustChange,
            (_, Some(logins), _) => PasswordState::Grace(logins),
            (Some(Complaint::Expired), None, _) => PasswordState::MustChange,
            (_, None, Some(time)) => PasswordState::Expires(time),
            (_, None, None) => PasswordState::Valid,
        }
    }
}

/// Reads the value of a password policy control.
///
/// # Errors
/// It is not what the draft says. A number of an error that the draft does not have is none.
pub(super) fn response(value: &[u8]) -> Result<Remark, Malformed> {
    let mut outside = Reader(value);
    let mut inside = Reader(outside.take(tag::SEQUENCE)?);
    outside.end()?;
    let mut remark = Remark::default();
    if inside.peek() == Some(part::WARNING) {
        let mut warning = Reader(inside.take(part::WARNING)?);
        let (kind, number) = warning.any()?;
        warning.end()?;
        let number = unsigned(number)?;
        match kind {
            part::TIME_BEFORE_EXPIRATION => remark.expires = Some(Duration::from_secs(number.into())),
            part::GRACE_LOGINS_REMAINING => remark.grace_logins = Some(number),
            _ => return Err(Malformed("a warning that is none of the password policy")),
        }
    }
    if inside.peek() == Some(part::ERROR) {
        remark.complaint = Complaint::of(unsigned(inside.take(part::ERROR)?)?);
    }
    inside.end()?;
    Ok(remark)
}

/// Seconds in decimal digits; none if they are something else.
fn seconds(value: &[u8]) -> Option<Duration> {
    let seconds: u32 = std::str::from_utf8(value).ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds.into()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn control<'a>(kind: &'a str, value: &'a [u8]) -> Control<'a> {
        Control {
            kind,
            value: Some(value),
        }
    }

    fn policy(value: &[u8]) -> Remark {
        Remark::of(&[control(PASSWORD_POLICY, value)])
    }

    #[test]
    fn the_control_says_what_the_draft_says() {
        let silent = Remark::default();
        let complaint = |complaint| Remark {
            complaint: Some(complaint),
            ..silent
        };
        for (value, expected) in [
            (&b"\x30\x00"[..], silent),
            (
                b"\x30\x06\xa0\x04\x80\x02\x01\x00",
                Remark {
                    expires: Some(Duration::from_secs(256)),
                    ..silent
                },
            ),
            (
                b"\x30\x05\xa0\x03\x81\x01\x02",
                Remark {
                    grace_logins: Some(2),
                    ..silent
                },
            ),
            (b"\x30\x03\x81\x01\x00", complaint(Complaint::Expired)),
            (b"\x30\x03\x81\x01\x09", complaint(Complaint::TooLong)),
            (b"\x30\x03\x81\x01\x0a", silent),
        ] {
            assert_eq!(response(value), Ok(expected), "{value:x?}");
        }
        for bad in [
            &b""[..],
            b"\x30\x03\x80\x01\x00",
            b"\x30\x03\x81\x01\x80",
            b"\x30\x05\xa0\x03\x82\x01\x02",
            b"\x30\x08\xa0\x06\x80\x01\x01\x81\x01\x01",
            b"\x30\x00\x00",
        ] {
            assert!(response(bad).is_err(), "{bad:x?}");
        }
    }

    #[test]
    fn a_bind_is_judged_by_code_and_remark() {
        let expired = policy(b"\x30\x03\x81\x01\x00");
        let locked = policy(b"\x30\x03\x81\x01\x01");
        let reset = policy(b"\x30\x03\x81\x01\x02");
        let by_grace = Remark::of(&[
            control(EXPIRED, b"0"),
            control(PASSWORD_POLICY, b"\x30\x05\xa0\x03\x81\x01\x02"),
        ]);
        let expiring = Remark::of(&[control(EXPIRING, b"86400")]);
        let old_reset = Remark::of(&[control(EXPIRED, b"0")]);
        let accepted = |state| Some(PasswordAnswer::Accepted(state));
        let locked_out = Some(PasswordAnswer::Refused(Refusal::Locked));
        for (remark, code, expected) in [
            (Remark::default(), 0, accepted(PasswordState::Valid)),
            (Remark::default(), 49, None),
            (expired, 49, accepted(PasswordState::MustChangeElsewhere)),
            (expired, 53, None),
            (expired, 0, accepted(PasswordState::MustChange)),
            (locked, 49, locked_out),
            (locked, 19, locked_out),
            (reset, 0, accepted(PasswordState::MustChange)),
            (reset, 49, None),
            (by_grace, 0, accepted(PasswordState::Grace(2))),
            (expiring, 49, None),
            (old_reset, 0, accepted(PasswordState::MustChange)),
            (
                expiring,
                0,
                accepted(PasswordState::Expires(Duration::from_secs(86_400))),
            ),
        ] {
            assert_eq!(remark.on_bind(code), expected, "{remark:?} {code}");
        }
    }

    #[test]
    fn the_older_controls_do_not_outweigh_the_newer_one() {
        let reset = control(PASSWORD_POLICY, b"\x30\x03\x81\x01\x02");
        let expired = control(EXPIRED, b"0");
        for both in [[reset, expired], [expired, reset]] {
            assert_eq!(Remark::of(&both).complaint, Some(Complaint::ChangeAfterReset));
        }
        assert_eq!(Remark::of(&[control(EXPIRING, b"soon")]), Remark::default());
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = response(&bytes);
            for kind in [PASSWORD_POLICY, EXPIRED, EXPIRING] {
                let _ = Remark::of(&[control(kind, &bytes)]).on_bind(0);
            }
        }

        #[test]
        fn near_misses_do_not_panic(at in 0_usize..8, byte: u8) {
            let mut bytes = *b"\x30\x06\xa0\x04\x80\x02\x01\x00";
            bytes[at] = byte;
            let _ = policy(&bytes).on_bind(49);
        }
    }
}
