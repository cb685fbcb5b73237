//! What the admin must know about an import.

use std::collections::BTreeSet;
use std::fmt;

/// Something that was not carried over, or that works differently from now on, at the line that says it.
/// Printed as `x2gobroker.conf:12: message`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Note {
    file: String,
    /// None where it is about the whole file.
    line: Option<usize>,
    message: String,
}

impl Note {
    pub(super) fn new(file: &str, line: usize, message: String) -> Self {
        Self {
            file: file.to_owned(),
            line: Some(line),
            message,
        }
    }

    pub(super) fn on_file(file: &str, message: String) -> Self {
        Self {
            file: file.to_owned(),
            line: None,
            message,
        }
    }
}

impl fmt::Display for Note {
    /// Control characters are shown as `�`, so that no line of the old files can act on a terminal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |text: &str| text.replace(char::is_control, "\u{fffd}");
        f.write_str(&shown(&self.file))?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        write!(f, ": {}", shown(&self.message))
    }
}

/// Collects notes. A line that is used by many profiles is noted once.
#[derive(Debug, Default)]
pub(super) struct Notes(BTreeSet<Note>);

impl Notes {
    pub(super) fn add(&mut self, note: Note) {
        self.0.insert(note);
    }

    /// All notes in order of file, line and message.
    pub(super) fn into_sorted(self) -> Vec<Note> {
        self.0.into_iter().collect()
    }
}
