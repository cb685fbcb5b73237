//! Distinguished names that compare as the directory compares them.

use std::fmt;
use std::hash::{Hash, Hasher};

use super::{Invalid, bounded, printable};

/// Longest distinguished name taken, in bytes.
const DN_BYTES_MAX: usize = 2048;

/// A distinguished name (RFC 4514). Two spellings that differ in case, in blanks around `,`, `+` and `=`, or
/// in how a character is escaped are equal.
#[derive(Debug, Clone)]
pub struct Dn {
    text: String,
    normal: String,
}

impl Dn {
    /// Takes a distinguished name of 1 to 2048 bytes.
    ///
    /// # Errors
    /// Says which bound was crossed, or that the text is not of the form `cn=staff,ou=groups,dc=example`.
    pub fn new(text: &str) -> Result<Self, Invalid> {
        let what = "distinguished name";
        bounded(what, text, DN_BYTES_MAX)?;
        printable(what, text)?;
        let normal = normalise(text).ok_or(Invalid::Meaning {
            what,
            why: "is not of the form cn=staff,ou=groups,dc=example,dc=org",
        })?;
        Ok(Self {
            text: text.to_owned(),
            normal,
        })
    }

    /// The name as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The value of the first part, as it is compared: `staff` of `cn=Staff,ou=groups,dc=example`.
    pub fn leaf_value(&self) -> String {
        let leaf = split_unescaped(&self.normal, ',').into_iter().next();
        let value = leaf
            .and_then(|leaf| leaf.split_once('='))
            .and_then(|(_, value)| unescape(value));
        value.unwrap_or_default()
    }

    /// The value that the first part has for this attribute type (in lower case), as it is compared: `al` of
    /// `cn=x+uid=Al,dc=example` for `uid`.
    pub fn leaf_value_of(&self, kind: &str) -> Option<String> {
        let leaf = split_unescaped(&self.normal, ',').into_iter().next()?;
        split_unescaped(leaf, '+')
            .into_iter()
            .filter_map(|part| part.split_once('='))
            .find(|(name, _)| *name == kind)
            .and_then(|(_, value)| unescape(value))
    }

    /// Whether this is `base` or below it.
    pub fn is_within(&self, base: &Self) -> bool {
        split_unescaped(&self.normal, ',').ends_with(&split_unescaped(&base.normal, ','))
    }

    /// The name as it is compared.
    pub fn normal(&self) -> &str {
        &self.normal
    }
}

impl PartialEq for Dn {
    fn eq(&self, other: &Self) -> bool {
        self.normal == other.normal
    }
}

impl Eq for Dn {}

impl Hash for Dn {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.normal.hash(state);
    }
}

impl fmt::Display for Dn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Lower case, no blanks around separators, every escape resolved, and separators inside values escaped again
/// in one way. The parts of a multi-valued RDN are put in order.
fn normalise(text: &str) -> Option<String> {
    let rdns = split_unescaped(text, ',')
        .into_iter()
        .map(|rdn| {
            let mut parts = split_unescaped(rdn, '+')
                .into_iter()
                .map(normalise_part)
                .collect::<Option<Vec<_>>>()?;
            parts.sort();
            Some(parts.join("+"))
        })
        .collect::<Option<Vec<_>>>()?;
    Some(rdns.join(","))
}

/// Splits at `separator` where no backslash stands before it.
fn split_unescaped(text: &str, separator: char) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut start = 0;
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        if escaped {
            escaped = false;
        } else if c == '\\' {
            escaped = true;
        } else if c == separator {
            pieces.push(&text[start..at]);
            start = at + separator.len_utf8();
        }
    }
    pieces.push(&text[start..]);
    pieces
}

/// One `type=value`.
fn normalise_part(part: &str) -> Option<String> {
    let (kind, value) = part.split_once('=')?;
    let kind = kind.trim();
    if kind.is_empty()
        || !kind
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-.".contains(&b))
    {
        return None;
    }
    let value = unescape(value.trim_start())?;
    if value.is_empty() {
        return None;
    }
    let mut normal = kind.to_ascii_lowercase();
    normal.push('=');
    for c in value.to_lowercase().chars() {
        if ",+\\".contains(c) {
            normal.push('\\');
        }
        normal.push(c);
    }
    Some(normal)
}

/// Resolves `\,` and `\2C` (RFC 4514 section 3), and drops blanks at the end that no backslash keeps.
fn unescape(value: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(value.len());
    let mut kept = 0;
    let mut rest = value.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'\\' {
            bytes.push(byte);
            if byte != b' ' {
                kept = bytes.len();
            }
            continue;
        }
        let first = rest.next()?;
        match char::from(first).to_digit(16) {
            Some(high) => {
                let low = char::from(rest.next()?).to_digit(16)?;
                bytes.push(u8::try_from(high * 16 + low).ok()?);
            }
            None => bytes.push(first),
        }
        kept = bytes.len();
    }
    bytes.truncate(kept);
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dn(text: &str) -> Dn {
        Dn::new(text).unwrap()
    }

    #[test]
    fn spellings_of_one_name_are_equal() {
        let staff = dn("cn=Staff,ou=groups,dc=example,dc=org");
        assert_eq!(staff, dn("CN=staff, OU=Groups , dc=example,dc=org"));
        assert_eq!(dn(r"cn=a\2cb,dc=x"), dn(r"cn=a\,b,dc=x"));
        assert_eq!(dn(r"cn=a+uid=b,dc=x"), dn(r"uid=b + cn=a,dc=x"));
        assert_eq!(dn(r"cn=J\c3\bcrgen,dc=x"), dn("cn=jürgen,dc=x"));
    }

    #[test]
    fn different_names_stay_different() {
        assert_ne!(dn(r"cn=a\,b,dc=x"), dn("cn=a,cn=b,dc=x"));
        assert_ne!(dn(r"cn=a\+b=c,dc=x"), dn("cn=a+b=c,dc=x"));
        assert_ne!(dn(r"cn=a\ ,dc=x"), dn("cn=a,dc=x"));
    }

    #[test]
    fn a_name_is_within_what_it_ends_with_part_by_part() {
        let base = dn("dc=Example,dc=org");
        for inside in [
            "dc=example,dc=org",
            "uid=a, ou=people, DC=example, DC=org",
            r"cn=a\\,dc=example,dc=org",
        ] {
            assert!(dn(inside).is_within(&base), "{inside}");
        }
        for outside in ["dc=org", "uid=a,dc=myexample,dc=org", r"cn=a\,dc=example,dc=org"] {
            assert!(!dn(outside).is_within(&base), "{outside}");
        }
    }

    #[test]
    fn the_leaf_value_has_no_escapes() {
        assert_eq!(dn(r"CN=Staff\, Lab,ou=groups,dc=x").leaf_value(), "staff, lab");
        let several = dn(r"uid=A\+b+cn=x,uid=c");
        assert_eq!(several.leaf_value_of("uid").as_deref(), Some("a+b"));
        assert_eq!(several.leaf_value_of("ou"), None);
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for bad in [
            "",
            "staff",
            "cn=",
            "=x",
            "cn=a,",
            "cn=a,,dc=x",
            "cn=a\\",
            "c n=a",
            "cn=a\nb",
        ] {
            assert!(Dn::new(bad).is_err(), "{bad}");
        }
    }
}
