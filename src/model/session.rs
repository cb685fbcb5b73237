//! Sessions on the hosts, and the accounts they run under.

use std::fmt;

use zeroize::Zeroizing;

use super::{Invalid, bounded};

/// Longest session user, in bytes (`LOGIN_NAME_MAX` less its NUL, limits.h).
pub const SESSION_USER_BYTES_MAX: usize = 255;
/// Longest session id, in bytes: the user, two numbers and the name of a command.
const ID_BYTES_MAX: usize = 512;
/// Longest cookie of a display, in bytes; x2gostartagent(8) makes 32 hexadecimal digits.
const COOKIE_BYTES_MAX: usize = 64;

/// The name of an account on the hosts of a farm: a word that no shell reads as anything else.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionUser(String);

impl SessionUser {
    /// Takes 1 to 255 letters A to Z, digits and `. _ @ -`, beginning with a letter, a digit or `_`, and not digits
    /// alone, which programs read as a uid.
    ///
    /// # Errors
    /// Says which bound was crossed.
    pub fn new(text: &str) -> Result<Self, Invalid> {
        let what = "session user";
        bounded(what, text, SESSION_USER_BYTES_MAX)?;
        word(what, text)?;
        if text.bytes().all(|b| b.is_ascii_digit()) {
            return Err(Invalid::Meaning {
                what,
                why: "is digits alone, which programs read as a uid",
            });
        }
        Ok(Self(text.to_owned()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SessionUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The id of an X2Go session, like `bob-51-1700000000_stDXFCE_dp24` (x2golistsessions(1)).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId(String);

impl SessionId {
    /// Takes 1 to 512 letters A to Z, digits and `. _ @ -`, beginning with a letter, a digit or `_`.
    ///
    /// # Errors
    /// Says which bound was crossed.
    pub fn new(text: &str) -> Result<Self, Invalid> {
        let what = "session id";
        bounded(what, text, ID_BYTES_MAX)?;
        word(what, text)?;
        Ok(Self(text.to_owned()))
    }

    /// The id.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One word of a command line, whatever shell reads it, that is no option.
fn word(what: &'static str, text: &str) -> Result<(), Invalid> {
    let known = |b: u8| b.is_ascii_alphanumeric() || b"._@-".contains(&b);
    if text.starts_with(['-', '.', '@']) || !text.bytes().all(known) {
        return Err(Invalid::Character {
            what,
            allowed: "letters A to Z, digits and . _ @ -, beginning with a letter, a digit or _",
        });
    }
    Ok(())
}

/// The secret that the display of a session asks its viewer for. X2Go Client has it from the session's line and from
/// nowhere else when it resumes one. It prints as `…` and is wiped.
#[derive(Clone, PartialEq, Eq)]
pub struct DisplayCookie(Zeroizing<String>);

impl DisplayCookie {
    /// Takes up to 64 letters A to Z and digits; a session that is only being made has none.
    ///
    /// # Errors
    /// Says which bound was crossed; never the text.
    pub fn new(text: &str) -> Result<Self, Invalid> {
        let what = "display cookie";
        if text.len() > COOKIE_BYTES_MAX {
            let limit_bytes = COOKIE_BYTES_MAX;
            return Err(Invalid::TooLong { what, limit_bytes });
        }
        if !text.bytes().all(|b| b.is_ascii_alphanumeric()) {
            let allowed = "letters A to Z and digits";
            return Err(Invalid::Character { what, allowed });
        }
        Ok(Self(Zeroizing::new(text.to_owned())))
    }

    /// The cookie itself, for the reply to the session's owner.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for DisplayCookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

/// Whether a session is on somebody's screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionState {
    /// It is: `R` in x2golistsessions(1).
    Running,
    /// It waits to be resumed: `S`.
    Suspended,
}

/// One session of one user, as its host tells of it (x2golistsessions(1), one line). Texts have no control
/// characters and no `|`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Its id.
    pub id: SessionId,
    /// The process id of its agent, field 1.
    pub pid: u32,
    /// The number of its display, field 3.
    pub display: u32,
    /// The host it is on, by the name that the host has for itself, field 4. Nobody dials it.
    pub server: String,
    /// Running or suspended, field 5.
    pub state: SessionState,
    /// When it began, in the host's own way of writing, field 6.
    pub started: String,
    /// What its display asks for, field 7.
    pub cookie: DisplayCookie,
    /// Where it was last shown, field 8; may be empty.
    pub client: String,
    /// The ports of its display, its sound and its shared folders, fields 9, 10 and 14.
    pub ports: [u16; 3],
    /// When it was last resumed or suspended, field 11.
    pub changed: String,
    /// Its age in seconds, field 13.
    pub age_s: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn session_users_and_ids_are_single_words() {
        for good in ["alice", "a.b_c@EXAMPLE.ORG", "x-1"] {
            assert!(SessionUser::new(good).is_ok(), "{good}");
        }
        assert!(SessionId::new("bob-51-1700000000_stDXFCE_dp24").is_ok());
        for bad in [
            "",
            "-x",
            ".x",
            "@x",
            "a b",
            "a;b",
            "$(x)",
            "a'b",
            "a\nb",
            "ä",
            &"a".repeat(513),
        ] {
            assert!(SessionUser::new(bad).is_err(), "{bad}");
            assert!(SessionId::new(bad).is_err(), "{bad}");
        }
        assert!(SessionUser::new(&"a".repeat(256)).is_err());
        assert!(SessionUser::new("1000").is_err());
    }

    #[test]
    fn a_cookie_is_a_word_that_is_not_printed() {
        let cookie = DisplayCookie::new("0123456789abcdef0123456789abcdef").unwrap();
        assert_eq!(format!("{cookie:?}"), "…");
        assert!(DisplayCookie::new("").is_ok());
        for bad in ["a|b", "a\nb", "a b", &"a".repeat(65)] {
            assert!(DisplayCookie::new(bad).is_err(), "{bad}");
        }
    }
}
