//! The keys of an X2Go session profile, by name and type, so that a typo or a wrong value is caught when the
//! configuration is read and not by a user's client.

use serde::Serialize;

/// What a key's value must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Any text.
    Text,
    /// `true` or `false`.
    Flag,
    /// A whole number within bounds, both included.
    Number {
        /// The smallest value.
        min: i64,
        /// The largest value.
        max: i64,
    },
    /// One of these words.
    OneOf(&'static [&'static str]),
}

/// One key of a session profile.
#[derive(Debug, PartialEq, Eq)]
pub struct SessionKey {
    /// The key as the client spells it.
    pub name: &'static str,
    /// What its value must be.
    pub kind: Kind,
}

/// The value of a key, of the kind that its key asks for. Serialised, it is the bare text, flag or number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Value {
    /// A text.
    Text(String),
    /// A flag.
    Flag(bool),
    /// A number.
    Number(i64),
}

/// Every key that may stand in a profile. Keys that the broker itself decides (`user`, `host`, `sshport`,
/// `status` …) are not among them.
pub const KEYS: &[SessionKey] = &[SessionKey {
    name: "fullscreen",
    kind: Kind::Flag,
}];

/// The key of that name.
pub fn find(name: &str) -> Option<&'static SessionKey> {
    KEYS.iter().find(|key| key.name == name)
}
