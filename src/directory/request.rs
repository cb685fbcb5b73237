//! The few requests that we encode ourselves (RFC 4511, in BER): those that carry a password, so that its bytes
//! are wiped, and those that have to be sent before or beside `ldap3`.

use zeroize::Zeroizing;

use super::policy::PASSWORD_POLICY;

/// The object identifier of StartTLS (RFC 4511 section 4.14.1).
const START_TLS: &[u8] = b"1.3.6.1.4.1.1466.20037";
/// "No attributes" (RFC 4511 section 4.5.1.8).
const NO_ATTRIBUTES: &[u8] = b"1.1";

/// The object identifier of the password modify operation (RFC 3062 section 2).
const PASSWORD_MODIFY: &[u8] = b"1.3.6.1.4.1.4203.1.11.1";

/// The protocol operation of a request, without the message around it. Wiped when dropped.
pub(super) struct Request {
    operation: Zeroizing<Vec<u8>>,
    /// Whether the server shall say what its password policy thinks.
    asks_for_policy: bool,
}

impl Request {
    /// A simple bind with LDAP version 3.
    pub fn bind(dn: &str, password: &str) -> Self {
        Self::plain(element(
            0x60,
            &[
                &element(0x02, &[&[3]]),
                &element(0x04, &[dn.as_bytes()]),
                &element(0x80, &[password.as_bytes()]),
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
            0x30,
            &[
                &element(0x81, &[old.as_bytes()]),
                &element(0x82, &[new.as_bytes()]),
            ],
        );
        let parts: [&[u8]; 2] = [&element(0x80, &[PASSWORD_MODIFY]), &element(0x81, &[&passwords])];
        Self::plain(element(0x77, &parts)).asking_for_policy()
    }

    /// A new password for this entry of an Active Directory (\[MS-ADTS\] 3.1.1.3.1.5): the old value is taken away and
    /// the new one added, as its owner does who may not replace it. The server takes it over TLS alone.
    pub fn unicode_password_change(dn: &str, old: &str, new: &str) -> Self {
        let (delete, add): (&[u8], &[u8]) = (&[1], &[0]);
        let change = |operation: &[u8], password: &str| {
            let value = element(0x04, &[&quoted_utf_16(password)]);
            let attribute = element(
                0x30,
                &[&element(0x04, &[b"unicodePwd"]), &element(0x31, &[&value])],
            );
            element(0x30, &[&element(0x0a, &[operation]), &attribute])
        };
        let changes = element(0x30, &[&change(delete, old), &change(add, new)]);
        Self::plain(element(0x66, &[&element(0x04, &[dn.as_bytes()]), &changes]))
    }

    fn plain(operation: Zeroizing<Vec<u8>>) -> Self {
        Self {
            operation,
            asks_for_policy: false,
        }
    }

    fn asking_for_policy(self) -> Self {
        Self {
            asks_for_policy: true,
            ..self
        }
    }

    /// A search of the root entry, which every server answers at once, for nothing but its existence.
    pub fn root_entry() -> Self {
        let (base_object, never_dereference) = (&[0], &[0]);
        Self::plain(element(
            0x63,
            &[
                &element(0x04, &[]),
                &element(0x0a, &[base_object]),
                &element(0x0a, &[never_dereference]),
                &element(0x02, &[&[0]]),
                &element(0x02, &[&[0]]),
                &element(0x01, &[&[0]]),
                &element(0x87, &[b"objectClass"]),
                &element(0x30, &[&element(0x04, &[NO_ATTRIBUTES])]),
            ],
        ))
    }

    /// StartTLS.
    pub fn start_tls() -> Self {
        Self::plain(element(0x77, &[&element(0x80, &[START_TLS])]))
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
        let id = element(0x02, &[&id[fewest..]]);
        if !self.asks_for_policy {
            return element(0x30, &[&id, &self.operation]);
        }
        // Not critical: a server that does not know the control is to pass over it.
        let control = element(0x30, &[&element(0x04, &[PASSWORD_POLICY.as_bytes()])]);
        element(0x30, &[&id, &self.operation, &element(0xa0, &[&control])])
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

/// One element: its tag, its length in the fewest bytes, and the parts of its content.
fn element(tag: u8, parts: &[&[u8]]) -> Zeroizing<Vec<u8>> {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let digits = length.to_be_bytes();
    let digits = &digits[digits.iter().take_while(|digit| **digit == 0).count()..];
    // Reserved at once: a vector that grows leaves copies behind that nothing wipes.
    let mut bytes = Zeroizing::new(Vec::with_capacity(2 + digits.len() + length));
    bytes.push(tag);
    match u8::try_from(length) {
        Ok(short) if short < 0x80 => bytes.push(short),
        _ => {
            bytes.push(0x80 | u8::try_from(digits.len()).unwrap_or(8));
            bytes.extend_from_slice(digits);
        }
    }
    for part in parts {
        bytes.extend_from_slice(part);
    }
    bytes
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
