//! The requests (RFC 4511, in BER). Their bytes are wiped, since one kind carries a password.

use ldap3::controls::RawControl;
use zeroize::Zeroizing;

use super::guard::Answer;

/// The object identifier of StartTLS (RFC 4511 section 4.14.1).
const START_TLS: &[u8] = b"1.3.6.1.4.1.1466.20037";
/// "No attributes" (RFC 4511 section 4.5.1.8).
const NO_ATTRIBUTES: &str = "1.1";

/// A request without its id. Wiped when dropped.
pub(super) struct Request {
    operation: Zeroizing<Vec<u8>>,
    controls: Zeroizing<Vec<u8>>,
    ended_by: EndedBy,
}

/// The kind of answer with which an operation ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum EndedBy {
    Bind,
    Done,
    Extended,
}

/// What a search asks for (RFC 4511 section 4.5.1).
pub(super) struct Search<'a> {
    /// Where.
    pub base: &'a str,
    /// Whether what is below the base is searched too.
    pub subtree: bool,
    /// Most entries wanted; 0 for all.
    pub entries_max: u8,
    /// The filter, [encoded](super::filter::encoded).
    pub filter: &'a [u8],
    /// Which attributes.
    pub attributes: &'a [String],
    /// How else.
    pub controls: &'a [RawControl],
}

impl Request {
    /// A simple bind with LDAP version 3.
    pub fn bind(dn: &str, password: &str) -> Self {
        let operation = element(
            0x60,
            &[
                &element(0x02, &[&[3]]),
                &element(0x04, &[dn.as_bytes()]),
                &element(0x80, &[password.as_bytes()]),
            ],
        );
        Self::new(operation, EndedBy::Bind)
    }

    /// A search. Aliases are not followed.
    pub fn search(search: &Search<'_>) -> Self {
        let never_dereference = &[0];
        let whole_subtree = 2;
        let attributes: Vec<u8> = search
            .attributes
            .iter()
            .flat_map(|name| element(0x04, &[name.as_bytes()]).to_vec())
            .collect();
        let operation = element(
            0x63,
            &[
                &element(0x04, &[search.base.as_bytes()]),
                &element(0x0a, &[&[if search.subtree { whole_subtree } else { 0 }]]),
                &element(0x0a, &[never_dereference]),
                &element(0x02, &[&[search.entries_max]]),
                &element(0x02, &[&[0]]),
                &element(0x01, &[&[0]]),
                search.filter,
                &element(0x30, &[&attributes]),
            ],
        );
        Self {
            controls: controls(search.controls),
            ..Self::new(operation, EndedBy::Done)
        }
    }

    /// A search of the root entry, which every server answers at once, for nothing but its existence.
    pub fn root_entry() -> Self {
        Self::search(&Search {
            base: "",
            subtree: false,
            entries_max: 0,
            filter: &element(0x87, &[b"objectClass"]),
            attributes: &[NO_ATTRIBUTES.to_owned()],
            controls: &[],
        })
    }

    /// StartTLS.
    pub fn start_tls() -> Self {
        Self::new(element(0x77, &[&element(0x80, &[START_TLS])]), EndedBy::Extended)
    }

    fn new(operation: Zeroizing<Vec<u8>>, ended_by: EndedBy) -> Self {
        Self {
            operation,
            controls: Zeroizing::default(),
            ended_by,
        }
    }

    /// Whether an answer is one that this request can bring.
    pub fn allows(&self, answer: &Answer<'_>) -> bool {
        match answer {
            Answer::Bind(_) => self.ended_by == EndedBy::Bind,
            Answer::Extended(_) => self.ended_by == EndedBy::Extended,
            Answer::Entry(_) | Answer::Reference | Answer::Done(_) => self.ended_by == EndedBy::Done,
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
        element(
            0x30,
            &[&element(0x02, &[&id[fewest..]]), &self.operation, &self.controls],
        )
    }
}

/// The controls of a message (RFC 4511 section 4.1.11).
fn controls(all: &[RawControl]) -> Zeroizing<Vec<u8>> {
    if all.is_empty() {
        return Zeroizing::default();
    }
    let each = |control: &RawControl| {
        let critical = element(0x01, &[&[if control.crit { 0xff } else { 0 }]]);
        let value = control.val.as_ref().map(|value| element(0x04, &[value]));
        let value = value.unwrap_or_default();
        element(
            0x30,
            &[&element(0x04, &[control.ctype.as_bytes()]), &critical, &value],
        )
        .to_vec()
    };
    element(0xa0, &[&all.iter().flat_map(each).collect::<Vec<u8>>()])
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
