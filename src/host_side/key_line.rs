//! The line of a key as the broker places it, and when it ends. Pure.

use std::net::IpAddr;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::model::{AuthorizedKey, Now, PublicKey};

/// Digits of an end: `YYYYMMDDHHMMSS` (sshd(8), `expiry-time`).
const END_DIGITS: usize = 14;
/// Digits of a key's number in its comment.
const ID_DIGITS: usize = 16;

/// When the key of a line ends; none if the line is not, to the letter, such as the broker writes: the restrictions, an
/// end, perhaps one address, a key, and the comment with its number. An end without `Z` is in the host's own zone; it is
/// taken for UTC, which is off by 14 hours at most.
pub(super) fn end(line: &str) -> Option<Now> {
    AuthorizedKey::new(line).ok()?;
    let rest = line.strip_prefix(AuthorizedKey::RESTRICTIONS)?;
    let (end, rest) = rest.strip_prefix(",expiry-time=\"")?.split_once('"')?;
    let rest = match rest.strip_prefix(",from=\"") {
        Some(from) => {
            let (address, rest) = from.split_once('"')?;
            address.parse::<IpAddr>().ok()?;
            rest
        }
        None => rest,
    };
    let (key, comment) = rest.strip_prefix(' ')?.rsplit_once(' ')?;
    (is_key(key) && is_comment(comment)).then(|| moment(end))?
}

fn moment(end: &str) -> Option<Now> {
    let digits = end.strip_suffix('Z').unwrap_or(end);
    if digits.len() != END_DIGITS || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let date = DateTime::strptime("%Y%m%d%H%M%S", digits).ok()?;
    let moment = date.to_zoned(TimeZone::UTC).ok()?.timestamp();
    Some(Now::from_unix_ms(moment.as_millisecond()))
}

/// Whether a text is a kind and a key, and nothing beside them.
fn is_key(text: &str) -> bool {
    PublicKey::parse(text).is_ok_and(|key| key.to_string() == text)
}

fn is_comment(text: &str) -> bool {
    text.strip_prefix(AuthorizedKey::COMMENT_PREFIX)
        .is_some_and(|id| id.len() == ID_DIGITS && id.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = concat!(
        r#"restrict,pty,port-forwarding,expiry-time="20260702090030Z" ssh-ed25519 "#,
        "AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f x2godirector-000000000000002a"
    );

    #[test]
    fn a_line_of_the_broker_has_its_end() {
        let expected: Now = "2026-07-02T09:00:30Z".parse().unwrap();
        for line in [
            LINE.to_owned(),
            LINE.replace("30Z\"", "30\""),
            LINE.replace("Z\"", "Z\",from=\"192.0.2.7\""),
            LINE.replace("Z\"", "Z\",from=\"2001:db8::7\""),
        ] {
            assert_eq!(end(&line), Some(expected), "{line}");
        }
    }

    #[test]
    fn another_line_has_none() {
        for (part, other) in [
            ("restrict,", ""),
            ("restrict,", "restrict,agent-forwarding,"),
            (",port-forwarding", ""),
            (
                "expiry-time=\"20260702090030Z\"",
                "environment=\"X=,expiry-time=\"",
            ),
            (",expiry-time=\"20260702090030Z\"", ""),
            ("expiry-time", "Expiry-time"),
            ("20260702090030Z", ""),
            ("20260702090030Z", "20260702"),
            ("20260702090030Z", "20260732090030Z"),
            ("20260702090030Z", "20260702090030z"),
            ("20260702090030Z", "202607020900300Z"),
            ("20260702090030Z", "+2026070209003Z"),
            ("0030Z\"", "0030Z\",command=\"id\""),
            ("0030Z\"", "0030Z\",from=\"*\""),
            ("0030Z\"", "0030Z\",from=\"192.0.2.0/24\""),
            ("0030Z\"", "0030Z\",from=\"192.0.2.7\",environment=\"A=b\""),
            ("0030Z\"", "0030Z\",expiry-time=\"20990702090030Z\""),
            ("0030Z\" ", "0030Z\" environment=\"A=b\" "),
            ("0030Z\" ", "0030Z\"  "),
            ("AAAAC3", "AAAA"),
            ("ssh-ed25519", "ssh-rsa"),
            (" x2godirector-", " somebody x2godirector-"),
            (" x2godirector-", " "),
            ("002a", "2a"),
            ("002a", "002A"),
            ("002a", "002a "),
        ] {
            let line = LINE.replace(part, other);
            assert_ne!(line, LINE, "{part}");
            assert_eq!(end(&line), None, "{line}");
        }
    }
}
