//! The few requests that we encode ourselves (RFC 4511, in BER): those that carry a password, so that its bytes
//! are wiped, and those that have to be sent before or beside `ldap3`.

use zeroize::Zeroizing;

use super::ber::{element, tag};
use super::filter::EncodedFilter;
use super::sync::value::REQUEST as SYNC_REQUEST;

/// The object identifier of StartTLS (RFC 4511 section 4.14.1).
const START_TLS: &[u8] = b"1.3.6.1.4.1.1466.20037";
/// "No attributes" (RFC 4511 section 4.5.1.8).
pub(super) const NO_ATTRIBUTES: &str = "1.1";
const BASE_OBJECT: u8 = 0;
const WHOLE_SUBTREE: u8 = 2;
/// The filter "has this attribute".
const PRESENT: u8 = 0x87;
const CONTROLS: u8 = 0xa0;

/// The protocol operation of a request and its controls, without the message around them. Wiped when dropped.
pub(super) struct Request(Zeroizing<Vec<u8>>);

impl Request {
    /// A simple bind with LDAP version 3.
    pub fn bind(dn: &str, password: &str) -> Self {
        Self(element(
            0x60,
            &[
                &element(0x02, &[&[3]]),
                &element(0x04, &[dn.as_bytes()]),
                &element(0x80, &[password.as_bytes()]),
            ],
        ))
    }

    /// A search of the root entry, which every server answers at once, for nothing but its existence.
    pub fn root_entry() -> Self {
        Self::read("", &[NO_ATTRIBUTES])
    }

    /// A search of one entry for these attributes.
    pub fn read(dn: &str, attributes: &[&str]) -> Self {
        let any = element(PRESENT, &[b"objectClass"]);
        Self::search(dn, BASE_OBJECT, &any, attributes, &[])
    }

    /// A search for all entries below `base` that satisfy the filter.
    pub fn find(base: &str, filter: &EncodedFilter, attributes: &[&str]) -> Self {
        Self::search(base, WHOLE_SUBTREE, &filter.0, attributes, &[])
    }

    /// Asks for all entries below `base` that satisfy the filter, and from then on for every change to them:
    /// content synchronisation (RFC 4533) in the mode refreshAndPersist, from nothing. The control is critical: a
    /// server that does not know it refuses.
    pub fn follow(base: &str, filter: &EncodedFilter, attributes: &[&str]) -> Self {
        let (refresh_and_persist, critical) = (&[3], &[0xff]);
        let value = element(
            tag::SEQUENCE,
            &[&element(tag::ENUMERATED, &[refresh_and_persist])],
        );
        let control = element(
            tag::SEQUENCE,
            &[
                &element(tag::OCTETS, &[SYNC_REQUEST]),
                &element(tag::BOOLEAN, &[critical]),
                &element(tag::OCTETS, &[&value]),
            ],
        );
        let controls = element(CONTROLS, &[&control]);
        Self::search(base, WHOLE_SUBTREE, &filter.0, attributes, &controls)
    }

    /// A search whose entries are not looked up elsewhere, without limits of ours, and what follows it in the message.
    fn search(base: &str, scope: u8, filter: &[u8], attributes: &[&str], controls: &[u8]) -> Self {
        let never_dereference = &[0];
        let names: Vec<_> = attributes
            .iter()
            .map(|name| element(tag::OCTETS, &[name.as_bytes()]))
            .collect();
        let names: Vec<&[u8]> = names.iter().map(|name| name.as_slice()).collect();
        let search = element(
            0x63,
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
        );
        let mut whole = search;
        whole.extend_from_slice(controls);
        Self(whole)
    }

    /// StartTLS.
    pub fn start_tls() -> Self {
        Self(element(0x77, &[&element(0x80, &[START_TLS])]))
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
        element(0x30, &[&element(0x02, &[&id[fewest..]]), &self.0])
    }
}

#[cfg(test)]
mod tests {
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
    fn numbers_and_lengths_take_the_fewest_bytes() {
        let long = Request::bind(&"x".repeat(300), "pw").message(0x80);
        assert_eq!(&long[..8], b"\x30\x82\x01\x3f\x02\x02\x00\x80");
        assert_eq!(Request::start_tls().message(0x1_0000)[2..7], [0x02, 3, 1, 0, 0]);
    }

    #[test]
    fn lber_reads_what_is_written() {
        for request in [
            Request::root_entry(),
            Request::start_tls(),
            Request::bind("", "x"),
        ] {
            let bytes = request.message(77);
            let (rest, _) = lber::parse::parse_tag(&bytes).unwrap();
            assert!(rest.is_empty());
        }
    }
}
