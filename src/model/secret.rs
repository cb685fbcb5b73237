//! Texts that must not be seen: they print as `…` and are wiped when dropped.

use std::fmt;

use zeroize::Zeroizing;

use super::{Invalid, bounded, printable};

/// Longest password taken, in bytes. PAM's own limit for a response is 512 (`PAM_MAX_RESP_SIZE`).
const PASSWORD_BYTES_MAX: usize = 512;

/// A text that has no `Display`, prints as `…` in debug output and is wiped when dropped.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Keeps the text.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// These bytes in lower-case hexadecimal digits.
    pub fn hexadecimal(bytes: &[u8]) -> Self {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        // Grown nowhere, so that no copy of a part is left behind.
        let mut text = String::with_capacity(2 * bytes.len());
        for byte in bytes {
            text.push(char::from(DIGITS[usize::from(byte >> 4)]));
            text.push(char::from(DIGITS[usize::from(byte & 15)]));
        }
        Self::new(text)
    }

    /// Keeps these bytes if they are a text; else they are wiped.
    pub fn from_utf8(mut bytes: Zeroizing<Vec<u8>>) -> Option<Self> {
        match String::from_utf8(std::mem::take(&mut *bytes)) {
            Ok(text) => Some(Self::new(text)),
            Err(error) => {
                drop(Zeroizing::new(error.into_bytes()));
                None
            }
        }
    }

    /// The text itself. Whoever calls this hands it to the one place that needs it and keeps no copy.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

/// A password that may be shown to a directory: not empty (RFC 4513 section 5.1.2 makes an empty one an
/// anonymous bind, which succeeds), at most 512 bytes, without control characters.
#[derive(Debug, Clone)]
pub struct Password(Secret);

impl Password {
    /// Checks the bounds and keeps the text.
    ///
    /// # Errors
    /// Says which bound was crossed; never the text.
    pub fn new(secret: Secret) -> Result<Self, Invalid> {
        let what = "password";
        bounded(what, secret.expose(), PASSWORD_BYTES_MAX)?;
        printable(what, secret.expose())?;
        Ok(Self(secret))
    }

    /// The password itself, for the one call that checks it.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_secret_is_printed() {
        let password = Password::new(Secret::new("correct horse".into())).unwrap();
        assert_eq!(format!("{password:?}"), "Password(…)");
    }

    #[test]
    fn passwords_that_a_directory_would_misread_are_refused() {
        for bad in ["", "a\0", "a\nb", "\u{85}", &"x".repeat(513)] {
            assert!(Password::new(Secret::new(bad.to_owned())).is_err());
        }
        assert!(Password::new(Secret::new("s3cr&t+ä=1 x%".into())).is_ok());
    }
}
