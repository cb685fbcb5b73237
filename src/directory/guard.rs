//! Checks every message of a directory server byte by byte before anything else parses it.
//!
//! `ldap3` and `lber` trust the server: they panic on a text that is not UTF-8 or on a missing element, they
//! recurse once per level of nesting, and they wait for as many bytes as a length announces. Here only the
//! messages that our own requests can bring (RFC 4511 section 4) pass, each in its exact shape, so the depth is
//! fixed by the grammar and the size by [`MESSAGE_BYTES_MAX`]. Not for meaning: what a result code says is
//! decided elsewhere.

/// Longest message taken, in bytes. The largest that a login needs is one entry with the attributes asked for;
/// group members are never asked for.
pub(super) const MESSAGE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// The object identifier of the paged results control (RFC 2696), whose value `ldap3` parses.
const PAGED_RESULTS: &[u8] = b"1.2.840.113556.1.4.319";

/// Tags of BER (X.690) and of the messages of RFC 4511, as they stand in the first byte of an element.
mod tag {
    pub(super) const BOOLEAN: u8 = 0x01;
    pub(super) const INTEGER: u8 = 0x02;
    pub(super) const OCTETS: u8 = 0x04;
    pub(super) const ENUMERATED: u8 = 0x0a;
    pub(super) const SEQUENCE: u8 = 0x30;
    pub(super) const SET: u8 = 0x31;
    pub(super) const CONTROLS: u8 = 0xa0;
    pub(super) const REFERRAL: u8 = 0xa3;
    pub(super) const SASL_CREDENTIALS: u8 = 0x87;
    pub(super) const RESPONSE_NAME: u8 = 0x8a;
    pub(super) const RESPONSE_VALUE: u8 = 0x8b;
    pub(super) const BIND_RESPONSE: u8 = 0x61;
    pub(super) const SEARCH_ENTRY: u8 = 0x64;
    pub(super) const SEARCH_DONE: u8 = 0x65;
    pub(super) const SEARCH_REFERENCE: u8 = 0x73;
    pub(super) const EXTENDED_RESPONSE: u8 = 0x78;
}

/// Why bytes are no message of a directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("malformed answer: {0}")]
pub(super) struct Malformed(&'static str);

/// A well-formed message.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Message<'a> {
    /// The id of the request it answers; 0 for what the server says unasked.
    pub id: u32,
    /// What it says.
    pub answer: Answer<'a>,
}

/// What a message says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer<'a> {
    /// The end of a bind.
    Bind(Outcome<'a>),
    /// One entry of a search.
    Entry,
    /// A hint that more may be elsewhere.
    Reference,
    /// The end of a search.
    Done(Outcome<'a>),
    /// The end of an extended operation, or with id 0 the notice that the server ends the connection.
    Extended(Outcome<'a>),
}

/// The common part of all results (RFC 4511 section 4.1.9).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Outcome<'a> {
    /// The result code.
    pub code: u32,
    /// The server's words for the admin.
    pub text: &'a str,
}

/// The length of the message that starts with `head`, header included; `None` while `head` is too short to
/// tell.
///
/// # Errors
/// The bytes cannot start a message, or it would be longer than [`MESSAGE_BYTES_MAX`].
pub(super) fn message_length(head: &[u8]) -> Result<Option<usize>, Malformed> {
    let Some(&first) = head.first() else {
        return Ok(None);
    };
    if first != tag::SEQUENCE {
        return Err(Malformed("it does not start like an LDAP message"));
    }
    let Some((length, header)) = length(&head[1..])? else {
        return Ok(None);
    };
    let total = length + header + 1;
    if total > MESSAGE_BYTES_MAX {
        return Err(Malformed("a message is longer than 16 MiB"));
    }
    Ok(Some(total))
}

/// Checks one whole message.
///
/// # Errors
/// It is not exactly one message of a kind that answers a bind, a search or an extended operation.
pub(super) fn message(bytes: &[u8]) -> Result<Message<'_>, Malformed> {
    let mut outside = Reader(bytes);
    let mut inside = Reader(outside.take(tag::SEQUENCE)?);
    outside.end()?;
    let id = unsigned(inside.take(tag::INTEGER)?)?;
    let (kind, body) = inside.any()?;
    let answer = match kind {
        tag::BIND_RESPONSE => Answer::Bind(result(body, &[tag::SASL_CREDENTIALS])?),
        tag::SEARCH_ENTRY => entry(body).map(|()| Answer::Entry)?,
        tag::SEARCH_DONE => Answer::Done(result(body, &[])?),
        tag::SEARCH_REFERENCE => uris(body).map(|()| Answer::Reference)?,
        tag::EXTENDED_RESPONSE => Answer::Extended(result(body, &[tag::RESPONSE_NAME, tag::RESPONSE_VALUE])?),
        _ => return Err(Malformed("a message of a kind that was not asked for")),
    };
    if inside.peek() == Some(tag::CONTROLS) {
        controls(inside.take(tag::CONTROLS)?)?;
    }
    inside.end()?;
    Ok(Message { id, answer })
}

/// `LDAPResult` and the primitive elements that may follow it in this kind of response.
fn result<'a>(body: &'a [u8], extras: &[u8]) -> Result<Outcome<'a>, Malformed> {
    let mut body = Reader(body);
    let code = unsigned(body.take(tag::ENUMERATED)?)?;
    text(body.take(tag::OCTETS)?)?;
    let text = text(body.take(tag::OCTETS)?)?;
    if body.peek() == Some(tag::REFERRAL) {
        uris(body.take(tag::REFERRAL)?)?;
    }
    for &extra in extras {
        if body.peek() == Some(extra) {
            let value = body.take(extra)?;
            if extra == tag::RESPONSE_NAME {
                self::text(value)?;
            }
        }
    }
    body.end()?;
    Ok(Outcome { code, text })
}

/// `SearchResultEntry`: a name and attributes with their values.
fn entry(body: &[u8]) -> Result<(), Malformed> {
    let mut body = Reader(body);
    text(body.take(tag::OCTETS)?)?;
    let mut attributes = Reader(body.take(tag::SEQUENCE)?);
    body.end()?;
    while attributes.peek().is_some() {
        let mut attribute = Reader(attributes.take(tag::SEQUENCE)?);
        text(attribute.take(tag::OCTETS)?)?;
        let mut values = Reader(attribute.take(tag::SET)?);
        attribute.end()?;
        while values.peek().is_some() {
            values.take(tag::OCTETS)?;
        }
    }
    Ok(())
}

/// A list of URIs.
fn uris(body: &[u8]) -> Result<(), Malformed> {
    let mut body = Reader(body);
    while body.peek().is_some() {
        text(body.take(tag::OCTETS)?)?;
    }
    Ok(())
}

/// Controls, and the value of the paged results control.
fn controls(body: &[u8]) -> Result<(), Malformed> {
    let mut body = Reader(body);
    while body.peek().is_some() {
        let mut control = Reader(body.take(tag::SEQUENCE)?);
        let kind = control.take(tag::OCTETS)?;
        text(kind)?;
        if control.peek() == Some(tag::BOOLEAN) && control.take(tag::BOOLEAN)?.len() != 1 {
            return Err(Malformed("a truth value that is not one byte"));
        }
        let value = match control.peek() {
            Some(tag::OCTETS) => Some(control.take(tag::OCTETS)?),
            _ => None,
        };
        control.end()?;
        if kind == PAGED_RESULTS {
            let mut value = Reader(value.ok_or(Malformed("a paged results control without value"))?);
            let mut inside = Reader(value.take(tag::SEQUENCE)?);
            value.end()?;
            unsigned(inside.take(tag::INTEGER)?)?;
            inside.take(tag::OCTETS)?;
            inside.end()?;
        }
    }
    Ok(())
}

/// Reads elements off the front of bytes.
pub(super) struct Reader<'a>(pub &'a [u8]);

impl<'a> Reader<'a> {
    /// The tag of the next element.
    pub fn peek(&self) -> Option<u8> {
        self.0.first().copied()
    }

    /// The next element, which must have this tag.
    pub fn take(&mut self, wanted: u8) -> Result<&'a [u8], Malformed> {
        let (tag, content) = self.any()?;
        if tag == wanted {
            Ok(content)
        } else {
            Err(Malformed("an element of the wrong type"))
        }
    }

    /// The next element, whatever its tag.
    pub fn any(&mut self) -> Result<(u8, &'a [u8]), Malformed> {
        const SHORT: Malformed = Malformed("an element is missing or cut short");
        let (&tag, rest) = self.0.split_first().ok_or(SHORT)?;
        let (length, header) = length(rest)?.ok_or(SHORT)?;
        let (content, rest) = rest[header..].split_at_checked(length).ok_or(SHORT)?;
        self.0 = rest;
        Ok((tag, content))
    }

    /// Nothing more may follow.
    fn end(&self) -> Result<(), Malformed> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(Malformed("more elements than the message has"))
        }
    }
}

/// A definite length (X.690 section 8.1.3) of at most four bytes, and how many bytes it takes itself; `None` if
/// the bytes end before it does.
fn length(bytes: &[u8]) -> Result<Option<(usize, usize)>, Malformed> {
    let Some((&first, rest)) = bytes.split_first() else {
        return Ok(None);
    };
    if first < 0x80 {
        return Ok(Some((usize::from(first), 1)));
    }
    let count = usize::from(first & 0x7f);
    if !(1..=4).contains(&count) {
        return Err(Malformed("a length that LDAP does not allow"));
    }
    Ok(rest.get(..count).map(|digits| {
        let length = digits
            .iter()
            .fold(0_usize, |length, &digit| (length << 8) | usize::from(digit));
        (length, 1 + count)
    }))
}

/// A number of at most four bytes that is not negative.
fn unsigned(bytes: &[u8]) -> Result<u32, Malformed> {
    match bytes {
        [first, ..] if *first < 0x80 && bytes.len() <= 4 => Ok(bytes
            .iter()
            .fold(0, |number, &digit| (number << 8) | u32::from(digit))),
        _ => Err(Malformed("a number out of range")),
    }
}

fn text(bytes: &[u8]) -> Result<&str, Malformed> {
    str::from_utf8(bytes).map_err(|_| Malformed("a text that is not UTF-8"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// One element.
    fn element(tag: u8, content: &[u8]) -> Vec<u8> {
        let length = u32::try_from(content.len()).unwrap().to_be_bytes();
        [&[tag, 0x84][..], &length, content].concat()
    }

    fn response(kind: u8, body: &[Vec<u8>]) -> Vec<u8> {
        element(
            tag::SEQUENCE,
            &[element(tag::INTEGER, &[7]), element(kind, &body.concat())].concat(),
        )
    }

    fn outcome(code: u8, text: &[u8]) -> Vec<Vec<u8>> {
        vec![
            element(tag::ENUMERATED, &[code]),
            element(tag::OCTETS, b""),
            element(tag::OCTETS, text),
        ]
    }

    fn staff() -> Vec<u8> {
        let values = element(tag::SET, &element(tag::OCTETS, b"st\xffaff"));
        let attribute = element(tag::SEQUENCE, &[element(tag::OCTETS, b"cn"), values].concat());
        response(
            tag::SEARCH_ENTRY,
            &[
                element(tag::OCTETS, b"cn=staff"),
                element(tag::SEQUENCE, &attribute),
            ],
        )
    }

    #[test]
    fn answers_of_a_server_pass() {
        let bytes = response(tag::BIND_RESPONSE, &outcome(49, b"no"));
        let expected = Answer::Bind(Outcome { code: 49, text: "no" });
        assert_eq!(
            message(&bytes).unwrap(),
            Message {
                id: 7,
                answer: expected
            }
        );
        assert_eq!(message(&staff()).unwrap().answer, Answer::Entry);
        assert_eq!(message_length(&staff()), Ok(Some(staff().len())));
    }

    #[test]
    fn what_would_stop_the_process_does_not_pass() {
        assert!(message(&response(tag::BIND_RESPONSE, &outcome(49, b"\xff"))).is_err());
        assert!(message(&response(tag::BIND_RESPONSE, &outcome(49, b"")[..2])).is_err());
        assert!(message(&response(tag::SEARCH_DONE, &[])).is_err());
        assert!(message_length(&[0x30, 0x84, 0x7f, 0xff, 0xff, 0xff]).is_err());
        assert!(message_length(&[0x30, 0x80]).is_err());
        assert!(message_length(b"HTTP/1.1 400").is_err());
        let deep = (0..10_000).fold(Vec::new(), |inside, _| element(tag::SEQUENCE, &inside));
        assert!(message(&response(tag::SEARCH_ENTRY, &[deep])).is_err());
    }

    #[test]
    fn a_paged_results_control_has_a_size_and_a_cookie() {
        let with = |value: &[u8]| {
            let control = [element(tag::OCTETS, PAGED_RESULTS), element(tag::OCTETS, value)].concat();
            let parts = [
                element(tag::INTEGER, &[7]),
                element(tag::SEARCH_DONE, &outcome(0, b"").concat()),
                element(tag::CONTROLS, &element(tag::SEQUENCE, &control)),
            ];
            element(tag::SEQUENCE, &parts.concat())
        };
        let good = [element(tag::INTEGER, &[0]), element(tag::OCTETS, b"cookie")].concat();
        assert!(message(&with(&element(tag::SEQUENCE, &good))).is_ok());
        assert!(message(&with(b"")).is_err());
        assert!(message(&with(&element(tag::SEQUENCE, b""))).is_err());
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = message_length(&bytes);
            let _ = message(&bytes);
        }

        #[test]
        fn whatever_passes_is_safe_for_lber_and_ldap3(at in 0_usize..64, byte: u8, cut in 0_usize..64) {
            for mut bytes in [
                staff(),
                response(tag::SEARCH_DONE, &outcome(0, b"done")),
                response(tag::SEARCH_REFERENCE, &[element(tag::OCTETS, b"ldap://a")]),
            ] {
                let at = at % bytes.len();
                bytes[at] = byte;
                bytes.truncate(bytes.len() - cut.min(bytes.len()) / 8);
                let Ok(Message { answer, .. }) = message(&bytes) else { continue };
                prop_assert_eq!(message_length(&bytes), Ok(Some(bytes.len())));
                let (rest, whole) = lber::parse::parse_tag(&bytes).unwrap();
                prop_assert!(rest.is_empty());
                let operation = whole.expect_constructed().unwrap().swap_remove(1);
                match answer {
                    Answer::Entry => {
                        let entry = ldap3::ResultEntry::new(operation);
                        ldap3::SearchEntry::construct(entry);
                    }
                    Answer::Reference => drop(ldap3::parse_refs(operation)),
                    _ => drop(ldap3::LdapResult::from(lber::structures::Tag::StructureTag(operation))),
                }
            }
        }
    }
}
