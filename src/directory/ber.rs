//! Reads BER (X.690) as LDAP uses it (RFC 4511 section 5.1), and trusts no length. Not for what the elements mean.

/// Why bytes are no message of a directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("malformed answer: {0}")]
pub(super) struct Malformed(pub(super) &'static str);

/// Reads elements off the front of bytes.
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    /// The tag of the next element.
    pub(super) fn peek(&self) -> Option<u8> {
        self.0.first().copied()
    }

    /// The next element, which must have this tag.
    pub(super) fn take(&mut self, wanted: u8) -> Result<&'a [u8], Malformed> {
        let (tag, content) = self.any()?;
        if tag == wanted {
            Ok(content)
        } else {
            Err(Malformed("an element of the wrong type"))
        }
    }

    /// The next element, whatever its tag.
    pub(super) fn any(&mut self) -> Result<(u8, &'a [u8]), Malformed> {
        const SHORT: Malformed = Malformed("an element is missing or cut short");
        let (&tag, rest) = self.0.split_first().ok_or(SHORT)?;
        let (length, header) = length(rest)?.ok_or(SHORT)?;
        let (content, rest) = rest[header..].split_at_checked(length).ok_or(SHORT)?;
        self.0 = rest;
        Ok((tag, content))
    }

    /// Nothing more may follow.
    pub(super) fn end(&self) -> Result<(), Malformed> {
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

/// A text.
pub(super) fn text(bytes: &[u8]) -> Result<&str, Malformed> {
    str::from_utf8(bytes).map_err(|_| Malformed("a text that is not UTF-8"))
}
