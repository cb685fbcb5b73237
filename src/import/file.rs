//! One of the old files, parsed, under its name.

use super::ini::{Entry, Ini, Section};
use super::note::{Note, Notes};

/// A parsed file.
#[derive(Debug)]
pub(super) struct File {
    name: String,
    ini: Ini,
}

impl File {
    pub(super) fn new(name: &str, ini: Ini) -> Self {
        Self {
            name: name.to_owned(),
            ini,
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn sections(&self) -> &[Section] {
        &self.ini.sections
    }

    pub(super) fn defaults(&self) -> &[Entry] {
        &self.ini.defaults
    }

    /// Every entry, those of `[DEFAULT]` first.
    pub(super) fn entries(&self) -> impl Iterator<Item = &Entry> {
        let sections = self.ini.sections.iter().flat_map(|section| &section.entries);
        self.ini.defaults.iter().chain(sections)
    }

    /// The entry that counts for a section: its own, or else that of `[DEFAULT]`.
    pub(super) fn find<'a>(&'a self, section: &'a Section, key: &str) -> Option<&'a Entry> {
        let of_key = |entry: &&Entry| entry.key == key;
        let own = section.entries.iter().find(of_key);
        own.or_else(|| self.ini.defaults.iter().find(of_key))
    }

    pub(super) fn note(&self, line: usize, message: impl Into<String>) -> Note {
        Note::new(&self.name, line, message.into())
    }

    /// Notes something at a line; nothing if no line of the file is to blame.
    pub(super) fn remark(&self, notes: &mut Notes, line: Option<usize>, message: impl Into<String>) {
        if let Some(line) = line {
            notes.add(self.note(line, message));
        }
    }
}
