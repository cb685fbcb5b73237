//! The Basic Encoding Rules (X.690) as far as LDAP uses them (RFC 4511 section 5.1): reading elements off bytes
//! that somebody else wrote, and writing our own. What the elements mean is not known here.

use zeroize::Zeroizing;

/// Tags as they stand in the first byte of an element.
pub(super) mod tag {
    pub(in crate::directory) const BOOLEAN: u8 = 0x01;
    pub(in crate::directory) const INTEGER: u8 = 0x02;
    pub(in crate::directory) const OCTETS: u8 = 0x04;
    pub(in crate::directory) const ENUMERATED: u8 = 0x0a;
    pub(in crate::directory) const SEQUENCE: u8 = 0x30;
    pub(in crate::directory) const SET: u8 = 0x31;
}

/// Why bytes are no message of a directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("malformed answer: {0}")]
pub(super) struct Malformed(pub &'static str);

/// Reads elements off the front of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
    pub fn end(&self) -> Result<(), Malformed> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(Malformed("more elements than the message has"))
        }
    }
}

/// A definite length (X.690 section 8.1.3) of at most four bytes, and how many bytes it takes itself; `None` if
/// the bytes end before it does.
pub(super) fn length(bytes: &[u8]) -> Result<Option<(usize, usize)>, Malformed> {
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
pub(super) fn unsigned(bytes: &[u8]) -> Result<u32, Malformed> {
    match bytes {
        [first, ..] if *first < 0x80 && bytes.len() <= 4 => Ok(bytes
            .iter()
            .fold(0, |number, &digit| (number << 8) | u32::from(digit))),
        _ => Err(Malformed("a number out of range")),
    }
}

/// A text, which LDAP has in UTF-8.
pub(super) fn text(bytes: &[u8]) -> Result<&str, Malformed> {
    str::from_utf8(bytes).map_err(|_| Malformed("a text that is not UTF-8"))
}

/// One element: its tag, its length in the fewest bytes, and the parts of its content.
pub(super) fn element(tag: u8, parts: &[&[u8]]) -> Zeroizing<Vec<u8>> {
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
