//! The id of a session profile.

use std::fmt;

use super::{Invalid, bounded};

/// Longest profile id, in bytes. The id is a section name in the client's reply and a `sid=` in its requests.
const ID_BYTES_MAX: usize = 64;

/// What the ids of notices begin with, in any case of letters.
const NOTICE_PREFIX: &str = "notice-";

/// The id of a profile: `[profile.ID]`. X2Go Client sends it back without any encoding, so its alphabet is
/// letters, digits, `.`, `_` and `-`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
pub struct ProfileId(String);

impl ProfileId {
    /// Takes 1 to 64 letters, digits, `.`, `_` and `-`. `General` and `embedded` are refused: Qt's INI reader
    /// makes the first one's keys top-level keys, and the client skips the second.
    ///
    /// # Errors
    /// Says which bound was crossed.
    pub fn new(text: &str) -> Result<Self, Invalid> {
        let what = "profile id";
        bounded(what, text, ID_BYTES_MAX)?;
        if !text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
        {
            return Err(Invalid::Character {
                what,
                allowed: "letters, digits, `.`, `_` and `-`",
            });
        }
        if text.eq_ignore_ascii_case("general") || text.eq_ignore_ascii_case("embedded") {
            return Err(Invalid::Meaning {
                what,
                why: "has a meaning of its own in X2Go Client; choose another one",
            });
        }
        Ok(Self(text.to_owned()))
    }

    /// The id of a notice of this kind. A notice stands among the profiles and starts nothing; the configuration has
    /// no profile with such an id.
    ///
    /// # Errors
    /// As for any id.
    pub fn of_notice(kind: &str) -> Result<Self, Invalid> {
        Self::new(&format!("{NOTICE_PREFIX}{kind}"))
    }

    /// Whether it is the id of a notice.
    pub fn is_notice(&self) -> bool {
        self.0.to_lowercase().starts_with(NOTICE_PREFIX)
    }

    /// The id.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ProfileId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_survive_the_client_unencoded() {
        assert!(ProfileId::new("xfce-1.lab_A").is_ok());
        for bad in ["", "a b", "a/b", "a+b", "a&b", "é", "General", "embedded", "[x]"] {
            assert!(ProfileId::new(bad).is_err(), "{bad}");
        }
        assert!(ProfileId::new(&"x".repeat(65)).is_err());
    }

    #[test]
    fn notices_have_their_ids_to_themselves() {
        assert!(ProfileId::of_notice("a").unwrap().is_notice());
        assert!(ProfileId::new("Notice-a").unwrap().is_notice());
        assert!(!ProfileId::new("my-notice-a").unwrap().is_notice());
        assert!(ProfileId::of_notice("a b").is_err());
    }
}
