//! The line by which a host knows a key (sshd(8), AUTHORIZED_KEYS FILE FORMAT).

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::model::{AuthorizedKey, ClientAddress, Invalid, Now, PublicKey};
use crate::store::KeyId;

/// When and from where a key opens an account.
#[derive(Debug, Clone)]
pub(super) struct Bounds<'s> {
    pub id: KeyId,
    pub expires: Now,
    /// None for UTC with `Z`, which sshd reads from OpenSSH 9.1 on.
    pub expiry_zone: Option<&'s TimeZone>,
    /// The only address that it counts from, if there is one.
    pub from: Option<ClientAddress>,
}

/// The line of a key. `host_side::key_line` knows it by its shape.
///
/// # Errors
/// When the end of the key is no date.
pub(super) fn line(key: &PublicKey, bounds: &Bounds<'_>) -> Result<AuthorizedKey, Invalid> {
    let expiry = expiry(bounds)?;
    let from = match bounds.from {
        Some(address) => format!(",from=\"{address}\""),
        None => String::new(),
    };
    AuthorizedKey::new(&format!(
        "{},expiry-time=\"{expiry}\"{from} {key} {}{}",
        AuthorizedKey::RESTRICTIONS,
        AuthorizedKey::COMMENT_PREFIX,
        bounds.id
    ))
}

/// `YYYYMMDDHHMMSS`, with `Z` behind it where it is UTC.
fn expiry(bounds: &Bounds<'_>) -> Result<String, Invalid> {
    let no_date = |_| Invalid::Meaning {
        what: "the end of a key",
        why: "is no date",
    };
    let moment = Timestamp::from_millisecond(bounds.expires.unix_ms()).map_err(no_date)?;
    Ok(match bounds.expiry_zone {
        Some(zone) => moment.to_zoned(zone.clone()).strftime("%Y%m%d%H%M%S").to_string(),
        None => moment.strftime("%Y%m%d%H%M%SZ").to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f";

    fn text(zone: Option<&TimeZone>, from: Option<&str>) -> String {
        let key = PublicKey::parse(&format!("no-pty {KEY} somebody's")).unwrap();
        let bounds = Bounds {
            id: KeyId(0x2a),
            expires: "2026-07-02T09:00:30.7Z".parse().unwrap(),
            expiry_zone: zone,
            from: from.map(|address| ClientAddress::new(address.parse().unwrap())),
        };
        line(&key, &bounds).unwrap().as_str().to_owned()
    }

    #[test]
    fn a_line_says_what_it_is_for_and_until_when() {
        assert_eq!(
            text(None, None),
            format!(
                "restrict,pty,port-forwarding,expiry-time=\"20260702090030Z\" {KEY} x2godirector-000000000000002a"
            )
        );
        assert_eq!(
            text(None, Some("::ffff:192.0.2.7")),
            format!(
                "restrict,pty,port-forwarding,expiry-time=\"20260702090030Z\",from=\"192.0.2.7\" {KEY} \
                 x2godirector-000000000000002a"
            )
        );
        assert!(text(None, Some("2001:db8::7")).contains(",from=\"2001:db8::7\" "));
    }

    #[test]
    fn older_hosts_are_told_in_their_own_zone() {
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        assert!(text(Some(&berlin), None).contains("expiry-time=\"20260702110030\" "));
    }
}
