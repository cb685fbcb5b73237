//! Names of attributes of directory entries.

use super::{Invalid, bounded};

/// Longest name taken, in bytes.
const NAME_BYTES_MAX: usize = 128;
/// Attributes that hold passwords or what is as good as one, in lower case (RFC 4519, Samba's and Active
/// Directory's schema, the MIT and Heimdal Kerberos schemas).
const SECRET: [&str; 7] = [
    "krb5key",
    "krbprincipalkey",
    "sambalmpassword",
    "sambantpassword",
    "sambapasswordhistory",
    "unicodepwd",
    "userpassword",
];

/// The name of an attribute with its options (RFC 4512 section 2.5): `departmentNumber`, `2.5.4.11`, `cn;lang-de`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttributeName(String);

impl AttributeName {
    /// Takes a name of 1 to 128 bytes. Attributes that hold passwords have none here: nothing may ask for them.
    ///
    /// # Errors
    /// Says which bound was crossed, or how names look.
    pub fn new(text: &str) -> Result<Self, Invalid> {
        let what = "attribute name";
        bounded(what, text, NAME_BYTES_MAX)?;
        let mut parts = text.split(';');
        if parts
            .clone()
            .next()
            .is_some_and(|name| SECRET.contains(&name.to_ascii_lowercase().as_str()))
        {
            return Err(Invalid::Meaning {
                what,
                why: "means a password or a key, which nothing may ask for",
            });
        }
        let type_is_one = parts.next().is_some_and(|part| is_word(part) || is_oid(part));
        if type_is_one && parts.all(|option| !option.is_empty() && option.bytes().all(is_key)) {
            return Ok(Self(text.to_owned()));
        }
        Err(Invalid::Meaning {
            what,
            why: "is not of the form departmentNumber, 2.5.4.11 or cn;lang-de",
        })
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name in lower case: names that differ only in case are the same.
    pub fn folded(&self) -> String {
        self.0.to_ascii_lowercase()
    }
}

fn is_key(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-'
}

/// `departmentNumber`: begins with a letter.
fn is_word(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic()) && text.bytes().all(is_key)
}

/// `2.5.4.11`: numbers with dots between them, none with a needless zero.
fn is_oid(text: &str) -> bool {
    let number = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|byte| byte.is_ascii_digit())
            && (part == "0" || !part.starts_with('0'))
    };
    text.contains('.') && text.split('.').all(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_words_or_numbers_with_options() {
        for good in [
            "uid",
            "x-room",
            "departmentNumber",
            "2.5.4.11",
            "cn;lang-de",
            "a;b;c",
            "userCertificate;binary",
        ] {
            assert!(AttributeName::new(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            ";",
            "a;",
            ";a",
            "-",
            "-a",
            "1",
            "1.",
            "1.02",
            ".1",
            "a.b",
            "a b",
            "*",
            "+",
            "a:",
            "é",
            "a;b=c",
            "a(b",
            "userPassword",
            "USERPASSWORD;x",
            "unicodePwd",
        ] {
            assert!(AttributeName::new(bad).is_err(), "{bad}");
        }
        assert!(AttributeName::new(&"x".repeat(129)).is_err());
    }
}
