//! The merged configuration: every value with its place and the place of its key.

use std::collections::BTreeMap;

use super::diagnostic::Diagnostic;
use super::source::Place;

/// The keys of a table.
pub(super) type Table = BTreeMap<String, Entry>;

/// A value under its key.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    /// The key; an item of a list has the list's.
    pub(super) name: String,
    /// Where the key stands; for a table, its header.
    pub(super) key: Place,
    /// Where the value stands.
    pub(super) value: Place,
    /// The value.
    pub(super) kind: Kind,
}

/// A value as it was written.
#[derive(Debug, Clone)]
pub(super) enum Kind {
    /// `[…]` or `{…}`
    Table(Table),
    /// `[…, …]`
    List(Vec<Entry>),
    /// `"…"`
    Text(String),
    /// `true`, `false`
    Flag(bool),
    /// `12`
    Number(i64),
    /// `1.5`
    Fraction(f64),
    /// The value of a variable, which means what its key wants.
    Variable(String),
}

impl Entry {
    /// An error at the value, with the key's name before `what`.
    pub(super) fn error(&self, what: &str) -> Diagnostic {
        Diagnostic::error(&self.value, format!("`{}` {what}", self.name))
    }
}

impl Kind {
    /// What the value is, in the admin's words.
    pub(super) fn word(&self) -> &'static str {
        match self {
            Self::Table(_) => "a table",
            Self::List(_) => "a list",
            Self::Text(_) | Self::Variable(_) => "a text",
            Self::Flag(_) => "true or false",
            Self::Number(_) => "a whole number",
            Self::Fraction(_) => "a fraction",
        }
    }
}
