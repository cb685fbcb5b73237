//! The few requests that we encode ourselves (RFC 4511, in BER): those that carry a password, so that its bytes
//! are wiped, and those that have to be sent before or beside `ldap3`.

use zeroize::Zeroizing;

use super::ber::{element, tag};
use super::filter::EncodedFilter;
use super::policy::PASSWORD_POLICY;
use super::sync::value::REQUEST as SYNC_REQUEST;

/// The object identifier of StartTLS (RFC 4511 section 4.14.1).
const START_TLS: &[u8] = b"1.3.6.1.4.1.1466.20037";
/// "No attributes" (RFC 4511 section 4.5.1.8).
pub(super) const NO_ATTRIBUTES: &str = "1.1";
/// The object identifier of the password modify operation (RFC 3062 section 2).
const PASSWORD_MODIFY: &[u8] = b"1.3.6.1.4.1.4203.1.11.1";
const BASE_OBJECT: u8 = 0;
const WHOLE_SUBTREE: u8 = 2;

/// Tags of the requests of RFC 4511 section 4, as they stand in the first byte of an element.
mod kind {
    pub(super) const BIND: u8 = 0x60;
    pub(super) const SEARCH: u8 = 0x63;
    pub(super) const MODIFY: u8 = 0x66;
    pub(super) const EXTENDED: u8 = 0x77;
    pub(super) const SIMPLE: u8 = 0x80;
    pub(super) const EXTENDED_NAME: u8 = 0x80;
    pub(super) const EXTENDED_VALUE: u8 = 0x81;
    pub(super) const OLD_PASSWORD: u8 = 0x81;
    pub(super) const NEW_PASSWORD: u8 = 0x82;
    /// The filter "has this attribute".
    pub(super) const PRESENT: u8 = 0x87;
    pub(super) const CONTROLS: u8 = 0xa0;
}

/// The protocol operation of a request and its control, without the message around them. Wiped when dropped.
pub(super) struct Request {
    operation: Zeroizing<Vec<u8>>,
    /// What goes with it (RFC 4511 section 4.1.11).
    control: Option<Zeroizing<Vec<u8>>>,
}

impl Request {
    /// A simple bind with LDAP version 3.
    pub fn bind(dn: &str, password: &str) -> Self {
        Self::plain(element(
            kind::BIND,
            &[
                &element(tag::INTEGER, &[&[3]]),
                &element(tag::OCTETS, &[dn.as_bytes()]),
                &element(kind::SIMPLE, &[password.as_bytes()]),
            ],
        ))
    }

    /// The same for a user, about whose password the server shall say all it has to say.
    pub fn user_bind(dn: &str, password: &str) -> Self {
        Self::bind(dn, password).asking_for_policy()
    }

    /// A new password for the user that the connection is bound as (RFC 3062 section 2).
    pub fn password_modify(old: &str, new: &str) -> Self {
        let passwords = element(
            tag::SEQUENCE,
            &[
                &element(kind::OLD_PASSWORD, &[old.as_bytes()]),
                &element(kind::NEW_PASSWORD, &[new.as_bytes()]),
            ],
        );
        let parts: [&[u8]; 2] = [
            &element(kind::EXTENDED_NAME, &[PASSWORD_MODIFY]),
            &element(kind::EXTENDED_VALUE, &[&passwords]),
        ];
        Self::plain(element(kind::EXTENDED, &parts)).asking_for_policy()
    }

    /// A new password for this entry of an Active Directory (\[MS-ADTS\] 3.1.1.3.1.5): the old value is taken away and
    /// the new one added, as its owner does who may not replace it. The server takes it over TLS alone.
    pub fn unicode_password_change(dn: &str, old: &str, new: &str) -> Self {
        let (delete, add): (&[u8], &[u8]) = (&[1], &[0]);
        let change = |operation: &[u8], password: &str| {
            let value = element(tag::OCTETS, &[&quoted_utf_16(password)]);
            let attribute = element(
                tag::SEQUENCE,
                &[
                    &element(tag::OCTETS, &[b"unicodePwd"]),
                    &element(tag::SET, &[&value]),
                ],
            );
            element(
                tag::SEQUENCE,
                &[&element(tag::ENUMERATED, &[operation]), &attribute],
            )
        };
        let changes = element(tag::SEQUENCE, &[&change(delete, old), &change(add, new)]);
        Self::plain(element(
            kind::MODIFY,
            &[&element(tag::OCTETS, &[dn.as_bytes()]), &changes],
        ))
    }

    /// A search of the root entry, which every server answers at once, for nothing but its existence.
    pub fn root_entry() -> Self {
        Self::read("", &[NO_ATTRIBUTES])
    }

    /// A search of one entry for these attributes.
    pub fn read(dn: &str, attributes: &[&str]) -> Self {
        let any = element(kind::PRESENT, &[b"objectClass"]);
        Self::search(dn, BASE_OBJECT, &any, attributes)
    }

    /// A search for all entries below `base` that satisfy the filter.
    pub fn find(base: &str, filter: &EncodedFilter, attributes: &[&str]) -> Self {
        Self::search(base, WHOLE_SUBTREE, &filter.0, attributes)
    }

    /// Asks for all entries below `base` that satisfy the filter, and from then on for every change to them:
    /// content synchronisation (RFC 4533) in the mode refreshAndPersist, from nothing. The control is critical: a
    /// server that does not know it refuses.
    pub fn follow(base: &str, filter: &EncodedFilter, attributes: &[&str]) -> Self {
        let refresh_and_persist = element(tag::ENUMERATED, &[&[3]]);
        let value = element(tag::SEQUENCE, &[&refresh_and_persist]);
        let critical = element(tag::BOOLEAN, &[&[0xff]]);
        let rest = [&critical[..], &element(tag::OCTETS, &[&value])].concat();
        Self::find(base, filter, attributes).with_control(SYNC_REQUEST, &rest)
    }

    /// A search whose entries are not looked up elsewhere, without limits of ours.
    fn search(base: &str, scope: u8, filter: &[u8], attributes: &[&str]) -> Self {
        let never_dereference = &[0];
        let names: Vec<_> = attributes
            .iter()
            .map(|name| element(tag::OCTETS, &[name.as_bytes()]))
            .collect();
        let names: Vec<&[u8]> = names.iter().map(|name| name.as_slice()).collect();
        Self::plain(element(
            kind::SEARCH,
            &[
                &element(tag::OCTETS, &[base.as_bytes()]),
                &element(tag::ENUMERATED, &[&[scope]]),
                &element(tag::ENUMERATED, &[never_dereference]),
                &element(tag::INTEGER, &[&[0]]),
                &element(tag::INTEGER, &[&[0]]),
                &element(tag::BOOLEAN, &[&[0]]),
                filter,
                &element(tag::SEQUENCE, &names),
            ],
        ))
    }

    /// StartTLS.
    pub fn start_tls() -> Self {
        Self::plain(element(
            kind::EXTENDED,
            &[&element(kind::EXTENDED_NAME, &[START_TLS])],
        ))
    }

    fn plain(operation: Zeroizing<Vec<u8>>) -> Self {
        let control = None;
        Self { operation, control }
    }

    /// The same, for which the server shall say what its password policy thinks. A server that does not know this
    /// passes over it.
    fn asking_for_policy(self) -> Self {
        self.with_control(PASSWORD_POLICY, &[])
    }

    /// The same with a control: its object identifier, and what follows that in it.
    fn with_control(self, kind: &str, rest: &[u8]) -> Self {
        let control = element(tag::SEQUENCE, &[&element(tag::OCTETS, &[kind.as_bytes()]), rest]);
        Self {
            control: Some(control),
            ..self
        }
    }

    /// The whole message with this id.
    pub fn message(&self, id: u32) -> Zeroizing<Vec<u8>> {
        // The fewest bytes (X.690 section 8.3.2): a leading zero stays only where the sign needs it.
        let id = id.to_be_bytes();
        let fewest = id
            .iter()
            .zip(id.iter().skip(1))
            .take_while(|(first, second)| **first == 0 && **second < 0x80)
            .count();
        let id = element(tag::INTEGER, &[&id[fewest..]]);
        match &self.control {
            None => element(tag::SEQUENCE, &[&id, &self.operation]),
            Some(control) => {
                let controls = element(kind::CONTROLS, &[control]);
                element(tag::SEQUENCE, &[&id, &self.operation, &controls])
            }
        }
    }
}

/// A password as `unicodePwd` has it: UTF-16, little end first, in quotes.
fn quoted_utf_16(password: &str) -> Zeroizing<Vec<u8>> {
    // A byte of UTF-8 becomes at most two of UTF-16.
    let mut bytes = Zeroizing::new(Vec::with_capacity(2 * password.len() + 4));
    for unit in std::iter::once(u16::from(b'"'))
        .chain(password.encode_utf16())
        .chain([u16::from(b'"')])
    {
        bytes.extend_from_slice(&unit.to_le_bytes());
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::super::filter;
    use super::*;

    #[test]
    fn a_bind_is_what_rfc_4511_says() {
        let bytes = Request::bind("cn=a", "pw").message(1);
        assert_eq!(
            bytes.as_slice(),
            b"\x30\x12\x02\x01\x01\x60\x0d\x02\x01\x03\x04\x04cn=a\x80\x02pw"
        );
    }

    #[test]
    fn a_users_bind_asks_for_the_password_policy() {
        let bytes = Request::user_bind("cn=a", "pw").message(1);
        assert_eq!(
            bytes.as_slice(),
            b"\x30\x31\x02\x01\x01\x60\x0d\x02\x01\x03\x04\x04cn=a\x80\x02pw\
              \xa0\x1d\x30\x1b\x04\x19\x31.3.6.1.4.1.42.2.27.8.5.1"
        );
    }

    #[test]
    fn a_change_of_a_password_is_what_rfc_3062_says() {
        let bytes = Request::password_modify("old", "newer").message(2);
        let operation = b"\x77\x29\x80\x171.3.6.1.4.1.4203.1.11.1\x81\x0e\x30\x0c\x81\x03old\x82\x05newer";
        assert_eq!(&bytes[5..][..operation.len()], operation);
    }

    #[test]
    fn a_password_of_a_domain_is_quoted_utf_16() {
        assert_eq!(quoted_utf_16("aé").as_slice(), b"\"\0a\0\xe9\0\"\0");
        for password in ["x", "\u{1f600}é", &"\u{ffff}".repeat(100)] {
            let bytes = quoted_utf_16(password);
            assert_eq!(bytes.len(), 2 * password.encode_utf16().count() + 4);
            assert!(
                bytes.len() <= 2 * password.len() + 4,
                "nothing was moved, and so left behind"
            );
        }
        let bytes = Request::unicode_password_change("cn=a", "o", "n").message(1);
        let delete = b"\x30\x1b\x0a\x01\x01\x30\x16\x04\x0aunicodePwd\x31\x08\x04\x06\"\0o\0\"\0";
        let add = b"\x30\x1b\x0a\x01\x00\x30\x16\x04\x0aunicodePwd\x31\x08\x04\x06\"\0n\0\"\0";
        let operation = [&b"\x66\x42\x04\x04cn=a\x30\x3a"[..], delete, add].concat();
        assert_eq!(&bytes[5..], operation);
    }

    #[test]
    fn who_follows_wants_that_or_nothing() {
        let filter = filter::encode("(cn=*)").unwrap();
        let bytes = Request::follow("dc=x", &filter, &["cn"]).message(1);
        let control =
            b"\xa0\x26\x30\x24\x04\x181.3.6.1.4.1.4203.1.9.1.1\x01\x01\xff\x04\x05\x30\x03\x0a\x01\x03";
        assert!(bytes.ends_with(control));
    }

    #[test]
    fn numbers_and_lengths_take_the_fewest_bytes() {
        let long = Request::bind(&"x".repeat(300), "pw").message(0x80);
        assert_eq!(&long[..8], b"\x30\x82\x01\x3f\x02\x02\x00\x80");
        assert_eq!(Request::start_tls().message(0x1_0000)[2..7], [0x02, 3, 1, 0, 0]);
    }

    #[test]
    fn lber_reads_what_is_written() {
        for request in [
            Request::root_entry(),
            Request::follow("dc=x", &filter::encode("(cn=*)").unwrap(), &["cn"]),
            Request::start_tls(),
            Request::bind("", "x"),
            Request::user_bind("cn=a", "pw"),
            Request::password_modify("old", "new"),
            Request::unicode_password_change("cn=a", "old", "new"),
        ] {
            let bytes = request.message(77);
            let (rest, _) = lber::parse::parse_tag(&bytes).unwrap();
            assert!(rest.is_empty());
        }
    }
}
