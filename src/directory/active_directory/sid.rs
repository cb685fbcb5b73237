//! Security identifiers (\[MS-DTYP\] 2.4.2): what a domain knows users and groups by. Pure.

use std::fmt::{self, Write as _};

/// The attribute with the identifier of an entry, in the lower case in which answers name it.
pub(in crate::directory) const OBJECT_SID: &str = "objectsid";
/// Attributes whose values are security identifiers. They come in binary and are kept as text.
pub(in crate::directory) const ATTRIBUTES: &[&str] = &[OBJECT_SID, "tokengroups"];

/// The only revision there is.
const REVISION: u8 = 1;
/// Most sub-authorities.
const PARTS_MAX: usize = 15;

/// A security identifier, such as `S-1-5-21-1004336348-1177238915-682003330-512`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(in crate::directory) struct Sid {
    authority: u64,
    parts: Vec<u32>,
}

impl Sid {
    /// Reads the binary form: revision, number of sub-authorities, authority (6 bytes, the highest first), and the
    /// sub-authorities (4 bytes each, the lowest first). None for anything else.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (&[REVISION, count, a, b, c, d, e, f], rest) = bytes.split_first_chunk::<8>()? else {
            return None;
        };
        let (parts, rest) = rest.as_chunks::<4>();
        let whole = rest.is_empty() && parts.len() == usize::from(count) && parts.len() <= PARTS_MAX;
        whole.then(|| Self {
            authority: u64::from_be_bytes([0, 0, a, b, c, d, e, f]),
            parts: parts.iter().copied().map(u32::from_le_bytes).collect(),
        })
    }

    /// Reads the text form, with a decimal authority. None for anything else.
    pub fn from_text(text: &str) -> Option<Self> {
        let mut numbers = text.strip_prefix("S-1-")?.split('-');
        let authority = numbers
            .next()?
            .parse()
            .ok()
            .filter(|number: &u64| number >> 48 == 0)?;
        let parts: Vec<u32> = numbers
            .map(str::parse)
            .collect::<Result<_, _>>()
            .ok()
            .filter(|parts: &Vec<u32>| parts.len() <= PARTS_MAX)?;
        Some(Self { authority, parts })
    }

    /// The identifier of another account of the same domain, by its number within the domain.
    pub fn sibling(mut self, number: u32) -> Self {
        if let Some(last) = self.parts.last_mut() {
            *last = number;
        }
        self
    }

    /// `(objectSid=…)` (RFC 4515) in binary, which every domain controller takes.
    pub fn filter(&self) -> String {
        let [_, _, authority @ ..] = self.authority.to_be_bytes();
        let count = u8::try_from(self.parts.len()).unwrap_or_default();
        let bytes = [REVISION, count]
            .into_iter()
            .chain(authority)
            .chain(self.parts.iter().flat_map(|part| part.to_le_bytes()));
        let mut filter = "(objectSid=".to_owned();
        for byte in bytes {
            // Writing to a string does not fail.
            let _ = write!(filter, "\\{byte:02x}");
        }
        filter.push(')');
        filter
    }
}

impl fmt::Display for Sid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "S-1-{}", self.authority)?;
        self.parts.iter().try_for_each(|part| write!(f, "-{part}"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// `BUILTIN\Administrators`
    const ADMINISTRATORS: &[u8] = b"\x01\x02\0\0\0\0\0\x05\x20\0\0\0\x20\x02\0\0";

    #[test]
    fn an_identifier_has_three_forms() {
        let sid = Sid::from_bytes(ADMINISTRATORS).unwrap();
        assert_eq!(sid.to_string(), "S-1-5-32-544");
        assert_eq!(
            sid.filter(),
            r"(objectSid=\01\02\00\00\00\00\00\05\20\00\00\00\20\02\00\00)"
        );
        assert_eq!(sid.sibling(545).to_string(), "S-1-5-32-545");
    }

    #[test]
    fn what_is_cut_short_or_too_long_is_none() {
        for bad in [
            &ADMINISTRATORS[..15],
            &[ADMINISTRATORS, b"\0"].concat(),
            b"\x02\0\0\0\0\0\0\x05",
            b"\x01\x01\0\0\0\0\0\x05",
            b"",
            &[&b"\x01\x10\0\0\0\0\0\x05"[..], &[0; 64]].concat(),
        ] {
            assert_eq!(Sid::from_bytes(bad), None, "{bad:x?}");
        }
        for bad in [
            "",
            "S-1-",
            "S-1-5-",
            "S-1-x",
            "S-1-281474976710656",
            "S-1-5-4294967296",
            "5",
        ] {
            assert_eq!(Sid::from_text(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80), text in "\\PC*") {
            let _ = Sid::from_bytes(&bytes);
            let _ = Sid::from_text(&text);
        }

        #[test]
        fn text_says_all_that_the_bytes_say(
            authority in 0_u64..1 << 48,
            parts in proptest::collection::vec(any::<u32>(), 0..=PARTS_MAX),
        ) {
            let sid = Sid { authority, parts };
            prop_assert_eq!(Sid::from_text(&sid.to_string()), Some(sid.clone()));
            let filter = sid.filter();
            let hex = filter.strip_prefix("(objectSid=").unwrap().strip_suffix(')').unwrap();
            let bytes: Vec<u8> = hex
                .split('\\')
                .skip(1)
                .map(|byte| u8::from_str_radix(byte, 16).unwrap())
                .collect();
            prop_assert_eq!(Sid::from_bytes(&bytes), Some(sid));
        }
    }
}
