//! One source as values for the merge: a TOML file, or one variable of the environment.

use std::collections::BTreeMap;
use std::sync::Arc;

use config::{Map, Value, ValueKind};
use toml::Spanned;
use toml::de::{DeArray, DeInteger, DeTable, DeValue};

use super::diagnostic::{Diagnostic, Problems};
use super::key_path::KeyPath;
use super::source::{Place, Source};

/// Deepest nesting of tables; the deepest one in use is `farm.NAME.hosts.HOST.KEY`.
const DEPTH_MAX: usize = 8;
/// The one key that holds a list of tables, `[[expect]]`. The lists of all files count together, where of other
/// lists the last one does; so here each table gets a key of its own for the merge.
const LISTED_TABLES: &str = "expect";
/// What variables that override keys begin with.
pub(super) const VARIABLE_PREFIX: &str = "X2GODIRECTOR__";
/// What stands between the keys in the name of such a variable.
const VARIABLE_SEPARATOR: &str = "__";

/// Where each key of a source stands, and whether it is a table, by its path.
pub(super) type Keys = BTreeMap<KeyPath, (Place, Shape)>;

/// Whether a key holds further keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Table,
    Value,
}

/// What one source says.
#[derive(Debug, Default)]
pub(super) struct Document {
    /// The values. The origin of each is its [`Place`].
    pub(super) values: Map<String, Value>,
    /// Where the keys stand: the merge keeps the origins of values, but not those of tables.
    pub(super) keys: Keys,
}

impl Document {
    /// Reads the text of a file. If it is no TOML, that is noted and the document is empty.
    pub(super) fn parse(source: &Arc<Source>, problems: &Problems) -> Self {
        let mut reader = Reader {
            source,
            problems,
            keys: Keys::new(),
        };
        match DeTable::parse(source.text()) {
            Ok(root) => {
                let values = reader.table(root.get_ref(), 0, &mut KeyPath::default());
                let keys = reader.keys;
                Self { values, keys }
            }
            Err(error) => {
                let place = error
                    .span()
                    .map_or_else(|| Place::whole(source), |span| Place::at(source, span));
                let message = error.message().replace('\n', "; ");
                problems.add_unreadable(Diagnostic::error(&place, message));
                Self::default()
            }
        }
    }

    /// The one key that a variable sets. Its parts count as lower case if they are in capitals, and as they
    /// are written otherwise, so that `…__PROFILE__xfceLab__COMMAND` reaches a key with capitals.
    pub(super) fn of_variable(source: &Arc<Source>, name: &str, value: &str) -> Self {
        let place = Place::whole(source);
        let path: Vec<String> = name
            .strip_prefix(VARIABLE_PREFIX)
            .unwrap_or(name)
            .split(VARIABLE_SEPARATOR)
            .map(|part| {
                let capitals = !part.chars().any(char::is_lowercase);
                if capitals {
                    part.to_lowercase()
                } else {
                    part.to_owned()
                }
            })
            .collect();
        let mut keys = Keys::new();
        let mut key = KeyPath::default();
        for (at, part) in path.iter().enumerate() {
            key.push(part);
            let shape = if at + 1 == path.len() {
                Shape::Value
            } else {
                Shape::Table
            };
            keys.insert(key.clone(), (place.clone(), shape));
        }
        let leaf = Value::new(Some(&place.to_origin()), value);
        let root = path.into_iter().rev().fold(leaf, |inner, key| {
            Value::new(None, Map::from_iter([(key, inner)]))
        });
        let ValueKind::Table(values) = root.kind else {
            return Self::default();
        };
        Self { values, keys }
    }
}

/// Walks the parsed file.
struct Reader<'a> {
    source: &'a Arc<Source>,
    problems: &'a Problems,
    keys: Keys,
}

impl Reader<'_> {
    /// `depth` is how many keys stand before those of the table.
    fn table(&mut self, table: &DeTable<'_>, depth: usize, path: &mut KeyPath) -> Map<String, Value> {
        let mut values = Map::new();
        for (key, value) in table {
            let place = Place::at(self.source, key.span());
            if depth == DEPTH_MAX {
                self.problems.error(&place, "tables are nested too deeply");
                continue;
            }
            let name = key.get_ref().as_ref();
            let length = path.push(name);
            let listed = depth == 0 && name == LISTED_TABLES;
            let shape = if listed || value.get_ref().is_table() {
                Shape::Table
            } else {
                Shape::Value
            };
            self.keys.insert(path.clone(), (place, shape));
            let value = if listed {
                self.listed_tables(value, path)
            } else {
                self.value(value, depth + 1, path)
            };
            if let Some(value) = value {
                values.insert(name.to_owned(), value);
            }
            path.truncate(length);
        }
        values
    }

    fn value(&mut self, value: &Spanned<DeValue<'_>>, depth: usize, path: &mut KeyPath) -> Option<Value> {
        let place = Place::at(self.source, value.span());
        let kind = match value.get_ref() {
            DeValue::String(text) => ValueKind::String(text.to_string()),
            DeValue::Boolean(flag) => ValueKind::Boolean(*flag),
            DeValue::Integer(digits) => ValueKind::I64(self.number(digits, &place)?),
            DeValue::Float(digits) => match digits.as_str().parse() {
                Ok(number) => ValueKind::Float(number),
                Err(_) => {
                    let problem = Diagnostic::error(&place, "this is not a number");
                    self.problems.add_unreadable(problem);
                    return None;
                }
            },
            DeValue::Datetime(moment) => {
                let problem = Diagnostic::error(&place, "dates and times are written as texts")
                    .hint(format!("write \"{moment}\""));
                self.problems.add_unreadable(problem);
                return None;
            }
            DeValue::Array(list) => ValueKind::Array(self.list(list, depth, path)),
            DeValue::Table(table) => ValueKind::Table(self.table(table, depth, path)),
        };
        Some(Value::new(Some(&place.to_origin()), kind))
    }

    /// A list of tables as a table of tables, under keys that no two places share and that are in their order.
    fn listed_tables(&mut self, list: &Spanned<DeValue<'_>>, path: &mut KeyPath) -> Option<Value> {
        let mut tables = Map::new();
        for item in list.get_ref().as_array().into_iter().flatten() {
            let place = Place::at(self.source, item.span());
            let (rank, start) = place.order();
            let key = format!("{rank:08}:{start:010}");
            let length = path.push(&key);
            self.keys.insert(path.clone(), (place, Shape::Table));
            if item.get_ref().is_table()
                && let Some(value) = self.value(item, 2, path)
            {
                tables.insert(key, value);
            } else {
                self.not_listed(item);
            }
            path.truncate(length);
        }
        if !list.get_ref().is_array() {
            self.not_listed(list);
        }
        Some(Value::new(None, ValueKind::Table(tables)))
    }

    fn not_listed(&self, value: &Spanned<DeValue<'_>>) {
        let place = Place::at(self.source, value.span());
        let problem = Diagnostic::error(&place, format!("`{LISTED_TABLES}` is a list of tables"))
            .hint(format!("write [[{LISTED_TABLES}]]"));
        self.problems.add_unreadable(problem);
    }

    fn list(&mut self, list: &DeArray<'_>, depth: usize, path: &mut KeyPath) -> Vec<Value> {
        list.iter()
            .filter_map(|item| self.value(item, depth, path))
            .collect()
    }

    fn number(&self, digits: &DeInteger<'_>, place: &Place) -> Option<i64> {
        let number = i64::from_str_radix(digits.as_str(), digits.radix()).ok();
        if number.is_none() {
            let problem = Diagnostic::error(place, "this number is too large");
            self.problems.add_unreadable(problem);
        }
        number
    }
}
