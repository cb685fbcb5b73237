//! The words that X2Go Client searches for in a reply. It searches the raw text of the whole body, so such a
//! word acts wherever it stands.

/// Stands before a ticket; the client keeps what follows up to the end of the line.
pub(super) const TICKET: &str = "AUTHID:";
/// Without these two words a reply is a refusal.
pub(super) const GRANTED: &str = "Access granted";
/// Begins the profiles; followed by a line feed at once, as are the three below.
pub(super) const PROFILES_BEGIN: &str = "START_USER_SESSIONS";
/// Ends the profiles.
pub(super) const PROFILES_END: &str = "END_USER_SESSIONS";
/// Begins the client's settings.
pub(super) const CONFIG_BEGIN: &str = "START_CLIENT_CONFIG";
/// Ends the client's settings.
pub(super) const CONFIG_END: &str = "END_CLIENT_CONFIG";
/// Stands before host and port. The client splits the body at this word.
pub(super) const SERVER: &str = "SERVER:";
/// Stands before the sessions to choose from, which reach to the end of the body.
pub(super) const SESSIONS: &str = "SESSION_INFO:";
/// Begins a private key for the session, in PEM.
const KEY: &str = "-----BEGIN";
/// Stands before `OK` or anything else when a password was to be changed.
pub(super) const PASSWORD_CHANGED: &str = "PASSWORD CHANGED:";

/// What no value may spell: the words above, and those that this program never writes. The four markers stand
/// here by their first halves, which holds more than it must. No word has a `"`, a `\`, a `%` or a line feed,
/// so none reaches over an escape or out of a value; and none begins with a digit of an escape (`0` to `9`,
/// `a` to `f`).
const RESERVED: &[&str] = &[
    TICKET,
    GRANTED,
    "START_",
    "END_",
    SERVER,
    PASSWORD_CHANGED,
    // A line end in the profiles of clients before 4.0, still read as one.
    "<br>",
    SESSIONS,
    KEY,
    // Commands to the client in the reply to an event.
    "SUSPEND",
    "TERMINATE",
];

/// What acts in the reply to a selection. The others do not, and the id of a session has some of them whose command is
/// called `LEGEND` (`…_stRLEGEND_dp24`).
const ACTING_IN_SELECTION: [&str; 5] = [TICKET, GRANTED, SERVER, SESSIONS, KEY];

/// The bytes that a reserved word begins with: the writer asks at every character of every icon, and most
/// are answered by this.
const FIRST_BYTES: [bool; 256] = {
    let mut first_bytes = [false; 256];
    let mut index = 0;
    while index < RESERVED.len() {
        first_bytes[RESERVED[index].as_bytes()[0] as usize] = true;
        index += 1;
    }
    first_bytes
};

/// Whether a text has a word that acts in the reply to a selection, wherever it stands there.
pub(in crate::wire) fn acts_in_selection(text: &str) -> bool {
    ACTING_IN_SELECTION.iter().any(|word| text.contains(word))
}

/// Whether a word that acts begins here.
pub(super) fn begins(text: &str) -> bool {
    text.bytes()
        .next()
        .is_some_and(|first| FIRST_BYTES[usize::from(first)])
        && RESERVED.iter().any(|word| text.starts_with(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_word_begins_in_an_escape_or_reaches_over_one() {
        for word in RESERVED {
            assert!(!word.contains(['"', '\\', '\n', '%']), "{word}");
            assert!(
                !word.starts_with(|c: char| c.is_ascii_digit() || ('a'..='f').contains(&c)),
                "{word}"
            );
        }
        for marker in [PROFILES_BEGIN, PROFILES_END, CONFIG_BEGIN, CONFIG_END] {
            assert!(begins(marker), "{marker}");
        }
    }
}
