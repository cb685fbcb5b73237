//! All sources as one tree: tables merge, and a later source overrides the single keys of an earlier one.
//!
//! The merging is the `config` crate's. It keeps the origin of every value, which is how a diagnostic finds
//! the place of a value that survived; the places of keys and tables, which it drops, come from the documents.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use config::{Config, ConfigError, Map, Value, ValueKind};

use super::diagnostic::{Diagnostic, Problems};
use super::document::{Document, Keys, Shape};
use super::key_path::KeyPath;
use super::source::{Place, Source};
use super::tree::{Entry, Kind, Table};

/// The key that every document is put under for the merge. The crate reads top-level keys as path
/// expressions (`a.b`, `a[0]`), keys below them as they are.
const ROOT: &str = "root";

/// The values of a document, given to the crate once and table by table: it copies what it merges at every level, and
/// of a document with thousands of profiles there should never be several copies.
#[derive(Debug)]
struct Tables(Mutex<Map<String, Value>>);

/// One key of a document with its value, or with a single key of its table.
#[derive(Debug, Clone)]
struct Piece(Map<String, Value>);

impl Tables {
    fn lock(&self) -> MutexGuard<'_, Map<String, Value>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl config::Source for Tables {
    fn clone_into_box(&self) -> Box<dyn config::Source + Send + Sync> {
        Box::new(Self(Mutex::new(self.lock().clone())))
    }

    fn collect(&self) -> Result<Map<String, Value>, ConfigError> {
        Piece(std::mem::take(&mut self.lock())).collect()
    }

    fn collect_to(&self, cache: &mut Value) -> Result<(), ConfigError> {
        for (key, value) in std::mem::take(&mut *self.lock()) {
            match value.kind {
                ValueKind::Table(inner) if !inner.is_empty() => {
                    for pair in inner {
                        let inner = Value::new(None, Map::from_iter([pair]));
                        Piece(Map::from_iter([(key.clone(), inner)])).collect_to(cache)?;
                    }
                }
                _ => Piece(Map::from_iter([(key, value)])).collect_to(cache)?,
            }
        }
        Ok(())
    }
}

impl config::Source for Piece {
    fn clone_into_box(&self) -> Box<dyn config::Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, ConfigError> {
        let root = Value::new(None, self.0.clone());
        Ok(Map::from_iter([(ROOT.to_owned(), root)]))
    }
}

/// Merges documents in order. `sources` are those that the documents' places name.
pub(super) fn merge(documents: Vec<Document>, sources: &[Arc<Source>], problems: &Problems) -> Table {
    let mut keys = Keys::new();
    let mut builder = Config::builder();
    for document in documents {
        add_keys(&mut keys, document.keys, problems);
        builder = builder.add_source(Tables(Mutex::new(document.values)));
    }
    let merged = builder.build().map(|config| config.cache.kind);
    let Ok(ValueKind::Table(mut top)) = merged else {
        return Table::new();
    };
    match top.remove(ROOT).map(|root| root.kind) {
        Some(ValueKind::Table(root)) => Tree { keys: &keys, sources }.table(root, &mut KeyPath::default()),
        _ => Table::new(),
    }
}

/// Adds the keys of a later document. A key that is a table in one source and a value in another would lose
/// one of them in the merge.
fn add_keys(keys: &mut Keys, later: Keys, problems: &Problems) {
    for (path, (place, shape)) in later {
        let Some((earlier, other)) = keys.get(&path) else {
            keys.insert(path, (place, shape));
            continue;
        };
        if *other != shape {
            let (here, there) = match shape {
                Shape::Table => ("a table here", "a value"),
                Shape::Value => ("a value here", "a table"),
            };
            problems.add_unreadable(Diagnostic::error(
                &place,
                format!("`{path}` is {here} and {there} at {earlier}"),
            ));
        }
        // A value counts where it was written last, a table where it began.
        if (*other, shape) != (Shape::Table, Shape::Table) {
            keys.insert(path, (place, shape));
        }
    }
}

/// What is needed to find places again.
struct Tree<'a> {
    keys: &'a Keys,
    sources: &'a [Arc<Source>],
}

impl Tree<'_> {
    fn table(&self, values: Map<String, Value>, path: &mut KeyPath) -> Table {
        values
            .into_iter()
            .filter_map(|(key, value)| {
                let length = path.push(&key);
                let entry = self.entry(&key, value, path);
                path.truncate(length);
                Some((key, entry?))
            })
            .collect()
    }

    fn entry(&self, name: &str, value: Value, path: &mut KeyPath) -> Option<Entry> {
        let key = self.keys.get(path).map(|(place, _)| place.clone());
        let own = value
            .origin()
            .and_then(|origin| Place::from_origin(origin, self.sources));
        let place = own.or_else(|| key.clone())?;
        let kind = match value.kind {
            ValueKind::Table(values) => Kind::Table(self.table(values, path)),
            ValueKind::Array(items) => Kind::List(self.list(name, items, path)),
            ValueKind::String(text) if place.source().is_variable() => Kind::Variable(text),
            ValueKind::String(text) => Kind::Text(text),
            ValueKind::Boolean(flag) => Kind::Flag(flag),
            ValueKind::I64(number) => Kind::Number(number),
            ValueKind::Float(number) => Kind::Fraction(number),
            ValueKind::Nil | ValueKind::I128(_) | ValueKind::U64(_) | ValueKind::U128(_) => return None,
        };
        Some(Entry {
            name: name.to_owned(),
            key: key.unwrap_or_else(|| place.clone()),
            value: place,
            kind,
        })
    }

    fn list(&self, name: &str, items: Vec<Value>, path: &mut KeyPath) -> Vec<Entry> {
        items
            .into_iter()
            .filter_map(|item| self.entry(name, item, path))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merged(texts: &[&str], variables: &[(&str, &str)]) -> (Table, Vec<String>) {
        let problems = Problems::default();
        let mut sources = Vec::new();
        let mut documents = Vec::new();
        for text in texts {
            let name = format!("{}.toml", sources.len());
            sources.push(Source::file(sources.len(), name.into(), (*text).to_owned()));
            documents.push(Document::parse(&sources[sources.len() - 1], &problems));
        }
        for (name, value) in variables {
            sources.push(Source::variable(sources.len(), name));
            documents.push(Document::of_variable(&sources[sources.len() - 1], name, value));
        }
        let tree = merge(documents, &sources, &problems);
        let problems = problems.into_sorted().iter().map(ToString::to_string).collect();
        (tree, problems)
    }

    fn at<'a>(tree: &'a Table, path: &[&str]) -> &'a Entry {
        let (last, tables) = path.split_last().unwrap();
        let table = tables.iter().fold(tree, |table, key| match &table[*key].kind {
            Kind::Table(inner) => inner,
            other => panic!("{key} is {}", other.word()),
        });
        &table[*last]
    }

    #[test]
    fn later_files_override_single_keys_and_places_follow_the_survivor() {
        let (tree, problems) = merged(
            &["[a.b]\nx = 1\ny = [1, 2]", "[a.b]\n\ny = [3]", "[a]\n[a.c]"],
            &[],
        );
        assert!(problems.is_empty());
        assert_eq!(at(&tree, &["a", "b", "x"]).value.to_string(), "0.toml:2:5");
        let list = at(&tree, &["a", "b", "y"]);
        assert_eq!(list.key.to_string(), "1.toml:3:1");
        let Kind::List(items) = &list.kind else {
            panic!("not a list")
        };
        assert_eq!(items[0].value.to_string(), "1.toml:3:6");
        assert_eq!(at(&tree, &["a", "c"]).key.to_string(), "2.toml:2:4");
    }

    #[test]
    fn keys_are_taken_as_they_are_written() {
        let (tree, problems) = merged(
            &["\"a.b\" = 1\n\"c[0]\" = 2\nDe = 3\n[p.\"x.y\"]\nA = 1\na = 2\n\"\" = 3"],
            &[],
        );
        assert!(problems.is_empty());
        for path in [
            &["a.b"][..],
            &["c[0]"],
            &["De"],
            &["p", "x.y", "A"],
            &["p", "x.y", ""],
        ] {
            assert!(matches!(at(&tree, path).kind, Kind::Number(_)), "{path:?}");
        }
    }

    #[test]
    fn variables_come_last_and_reach_names_with_capitals() {
        let (tree, _) = merged(
            &["[server]\nlisten = []\n[profile.xfceLab]\nname = \"x\""],
            &[
                ("X2GODIRECTOR__SERVER__LISTEN", "127.0.0.1:1"),
                ("X2GODIRECTOR__PROFILE__xfceLab__NAME", "y"),
            ],
        );
        let listen = at(&tree, &["server", "listen"]);
        assert!(matches!(&listen.kind, Kind::Variable(text) if text == "127.0.0.1:1"));
        assert_eq!(listen.value.to_string(), "X2GODIRECTOR__SERVER__LISTEN");
        assert!(
            matches!(&at(&tree, &["profile", "xfceLab", "name"]).kind, Kind::Variable(text) if text == "y")
        );
    }

    #[test]
    fn nothing_is_lost_in_silence() {
        let (_, problems) = merged(&["[a]\nb = 1", "a = 2"], &[("X2GODIRECTOR__A__B__C", "1")]);
        assert_eq!(problems.len(), 3, "{problems:?}");
        assert!(problems[0].starts_with("1.toml:1:1: `a` is a value here and a table at 0.toml:1:2"));
    }

    #[test]
    fn a_file_that_is_no_toml_costs_only_itself() {
        let (tree, problems) = merged(
            &[
                "a = [",
                "b = 1",
                "c = 1\nc = 2",
                "d = 1979-05-27\ne=9223372036854775808",
            ],
            &[],
        );
        assert_eq!(problems.len(), 4, "{problems:?}");
        assert_eq!(tree.keys().collect::<Vec<_>>(), ["b"]);
    }

    proptest::proptest! {
        /// Whatever a file holds, reading it ends, and every diagnostic can be printed.
        #[test]
        fn any_text_is_read_or_refused(text in r#"([a-z\]\[{}=.",'\n #\\é\x00-]|\[a\]\n|b = |true|1e9){0,60}"#) {
            let (tree, problems) = merged(&[&text, "a = 1"], &[]);
            proptest::prop_assert!(tree.contains_key("a"));
            proptest::prop_assert!(problems.iter().all(|problem| problem.contains(".toml")));
        }
    }
}
