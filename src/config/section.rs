//! A table of the configuration while it is read: each key is taken once with the type it must have, and what
//! nobody took is unknown.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::diagnostic::{Diagnostic, Problems};
use super::source::Place;
use super::tree::{Entry, Kind, Table};
use super::value::{FromValue, duration_text, read_duration, read_number};
use crate::model::did_you_mean;

/// Most keys that a hint lists.
const LISTED_KEYS_MAX: usize = 10;

#[cfg(test)]
thread_local! {
    /// Every key that was asked for, with its section.
    pub(super) static ASKED: std::cell::RefCell<std::collections::BTreeSet<(String, &'static str)>> =
        const { std::cell::RefCell::new(std::collections::BTreeSet::new()) };
}

/// A table, less the keys that were taken.
#[derive(Debug)]
pub(super) struct Section<'p> {
    title: String,
    header: Place,
    entries: Table,
    asked: Vec<&'static str>,
    problems: &'p Problems,
}

impl<'p> Section<'p> {
    /// The whole configuration; `place` is where something that stands nowhere is missed.
    pub(super) fn root(entries: Table, place: Place, problems: &'p Problems) -> Self {
        Self {
            title: String::new(),
            header: place,
            entries,
            asked: Vec::new(),
            problems,
        }
    }

    /// Where its header stands.
    pub(super) fn header(&self) -> &Place {
        &self.header
    }

    /// Its name as diagnostics write it: `[farm.students]`.
    pub(super) fn title(&self) -> String {
        format!("[{}]", self.title)
    }

    /// Where problems are noted.
    pub(super) fn problems(&self) -> &'p Problems {
        self.problems
    }

    /// Whether the key was written.
    pub(super) fn has(&self, key: &str) -> bool {
        self.entries.contains_key(key)
    }

    /// Where the value of `key` stands, if it was written and not taken yet.
    pub(super) fn place_of(&self, key: &str) -> Option<&Place> {
        self.entries.get(key).map(|entry| &entry.value)
    }

    fn entry(&mut self, key: &'static str) -> Option<Entry> {
        #[cfg(test)]
        ASKED.with_borrow_mut(|asked| asked.insert((self.title.clone(), key)));
        self.asked.push(key);
        self.entries.remove(key)
    }

    /// The value of `key`. None if it was not written, or is wrong, which is then noted.
    pub(super) fn take<T: FromValue>(&mut self, key: &'static str) -> Option<T> {
        let entry = self.entry(key)?;
        T::from_value(&entry, self.problems)
    }

    /// The value of a key that must be there; its absence is noted, with what to write.
    pub(super) fn require<T: FromValue>(&mut self, key: &'static str, example: &str) -> Option<T> {
        if !self.has(key) {
            self.miss(key, example);
        }
        self.take(key)
    }

    /// Notes that a key is missing.
    pub(super) fn miss(&self, key: &str, example: &str) {
        self.problems
            .add_absence(missing(key, &self.header, &self.title(), example));
    }

    /// A whole number within bounds.
    pub(super) fn number<N: TryFrom<i64>>(
        &mut self,
        key: &'static str,
        bounds: RangeInclusive<i64>,
    ) -> Option<N> {
        let entry = self.entry(key)?;
        N::try_from(read_number(&entry, bounds, self.problems)?).ok()
    }

    /// A duration within bounds.
    pub(super) fn duration(
        &mut self,
        key: &'static str,
        bounds: RangeInclusive<Duration>,
    ) -> Option<Duration> {
        let entry = self.entry(key)?;
        let duration = read_duration(&entry, self.problems)?;
        if bounds.contains(&duration) {
            return Some(duration);
        }
        let message = format!(
            "must be between {} and {}",
            duration_text(*bounds.start()),
            duration_text(*bounds.end())
        );
        self.problems.add(entry.error(&message));
        None
    }

    /// The table `[THIS.key]`; an empty one if it was not written.
    pub(super) fn section(&mut self, key: &'static str) -> Self {
        let entry = self.entry(key);
        self.below(key, "", entry)
    }

    /// The tables `[THIS.key.NAME]` by name.
    pub(super) fn named(&mut self, key: &'static str) -> Vec<(String, Self)> {
        let entry = self.entry(key);
        let mut section = self.below(key, ".NAME", entry);
        std::mem::take(&mut section.entries)
            .into_iter()
            .map(|(name, entry)| {
                let inner = section.below(&name, "", Some(entry));
                (name, inner)
            })
            .collect()
    }

    /// The tables `[[key]]` at the top level, in the order in which they were written.
    pub(super) fn listed(&mut self, key: &'static str) -> Vec<Self> {
        let tables = self.named(key).into_iter();
        tables
            .map(|(_, section)| Self {
                title: format!("[{key}]"),
                ..section
            })
            .collect()
    }

    /// The table `key`; `more` is what stands behind it in headers.
    fn below(&self, key: &str, more: &str, entry: Option<Entry>) -> Self {
        let title = if self.title.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.title)
        };
        let (header, entries) = match entry {
            Some(Entry {
                key,
                kind: Kind::Table(entries),
                ..
            }) => (key, entries),
            Some(Entry { key, kind, .. }) => {
                let message = format!("`{title}` must be a table and is {}", kind.word());
                let hint = format!("write [{title}{more}]");
                self.problems.add(Diagnostic::error(&key, message).hint(hint));
                (key, BTreeMap::new())
            }
            None => (self.header.clone(), BTreeMap::new()),
        };
        Self {
            title,
            header,
            entries,
            asked: Vec::new(),
            problems: self.problems,
        }
    }

    /// The keys that were not taken, for tables whose keys are known elsewhere, and those that were asked for.
    pub(super) fn into_rest(self) -> (Table, Vec<&'static str>) {
        (self.entries, self.asked)
    }

    /// Notes every key that nobody took.
    pub(super) fn finish(self) {
        let place = if self.title.is_empty() {
            "at the top level".to_owned()
        } else {
            format!("in {}", self.title())
        };
        for (key, entry) in &self.entries {
            let message = format!("unknown key `{key}` {place}");
            let hint = unknown_key_hint(key, &self.asked);
            self.problems
                .add(Diagnostic::error(&entry.key, message).hint(hint));
        }
    }
}

/// That a key is missing in a table with this header and title.
pub(super) fn missing(key: &str, header: &Place, title: &str, example: &str) -> Diagnostic {
    Diagnostic::error(header, format!("`{key}` is missing in {title}"))
        .hint(format!("write {key} = {example}"))
}

/// What may have been meant by an unknown key.
fn unknown_key_hint(key: &str, known: &[&str]) -> Option<String> {
    let longer = || {
        known
            .iter()
            .copied()
            .find(|known| !key.is_empty() && known.starts_with(key))
    };
    did_you_mean(key, known.iter().copied())
        .or_else(longer)
        .map(|meant| format!("did you mean `{meant}`?"))
        .or_else(|| {
            (1..=LISTED_KEYS_MAX)
                .contains(&known.len())
                .then(|| format!("there are {}", list(known)))
        })
}

/// The words as a sentence has them.
pub(super) fn list(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
        None => String::new(),
    }
}
