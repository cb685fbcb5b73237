//! Values of the types that keys want. Nothing is converted in silence: `"12"` is no number and `5` is no
//! text. Only variables of the environment, which are texts whatever they mean, are read as what is wanted.

use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use jiff::SignedDuration;

use super::diagnostic::Problems;
use super::source::Place;
use super::time_zone;
use super::tree::{Entry, Kind};
use crate::entitlement::{Glob, GroupPattern, Hours, Template};
use crate::model::{
    AttributeName, ClientAddress, Dn, FarmName, HostAddress, Invalid, Membership, Network, Now, UserName,
};

/// Most items of a list.
const ITEMS_MAX: usize = 10_000;

/// A type that a value of the configuration can be read as.
pub(super) trait FromValue: Sized {
    /// The value; none if it is something else, which is then noted.
    fn from_value(entry: &Entry, problems: &Problems) -> Option<Self>;
}

/// A type that is written as a text.
pub(super) trait FromText: Sized {
    /// Reads the text; the error is for the admin.
    fn from_text(text: &str) -> Result<Self, String>;
}

impl<T: FromText> FromValue for T {
    fn from_value(entry: &Entry, problems: &Problems) -> Option<Self> {
        let (Kind::Text(text) | Kind::Variable(text)) = &entry.kind else {
            wrong_kind(entry, "a text in quotes", problems);
            return None;
        };
        T::from_text(text)
            .map_err(|why| problems.add(entry.error(&format!("is wrong: {why}"))))
            .ok()
    }
}

/// A value with its place, for checks that look at several values.
#[derive(Debug, Clone)]
pub(super) struct Located<T> {
    /// The value.
    pub(super) value: T,
    /// Where it stands.
    pub(super) place: Place,
}

impl<T: FromValue> FromValue for Located<T> {
    fn from_value(entry: &Entry, problems: &Problems) -> Option<Self> {
        let value = T::from_value(entry, problems)?;
        let place = entry.value.clone();
        Some(Self { value, place })
    }
}

impl<T: FromValue> FromValue for Vec<T> {
    /// The items that are right; the others are noted one by one. A variable has commas between its items.
    fn from_value(entry: &Entry, problems: &Problems) -> Option<Self> {
        let items: Vec<Entry> = match &entry.kind {
            Kind::List(items) => items.clone(),
            Kind::Variable(text) => text
                .split(',')
                .map(str::trim)
                .filter(|item| !item.is_empty())
                .map(|item| Entry {
                    kind: Kind::Variable(item.to_owned()),
                    ..entry.clone()
                })
                .collect(),
            _ => {
                wrong_kind(entry, "a list in brackets", problems);
                return None;
            }
        };
        if items.len() > ITEMS_MAX {
            problems.add(entry.error(&format!("has more than {ITEMS_MAX} items")));
            return None;
        }
        let right: Vec<T> = items
            .iter()
            .filter_map(|item| T::from_value(item, problems))
            .collect();
        (items.is_empty() || !right.is_empty()).then_some(right)
    }
}

/// One value, or a list of them. A variable is one value.
#[derive(Debug)]
pub(super) struct OneOrMany<T>(pub(super) Vec<T>);

impl<T: FromValue> FromValue for OneOrMany<T> {
    fn from_value(entry: &Entry, problems: &Problems) -> Option<Self> {
        match &entry.kind {
            Kind::List(_) => Vec::from_value(entry, problems).map(Self),
            _ => T::from_value(entry, problems).map(|one| Self(vec![one])),
        }
    }
}

/// A table whose keys only the admin knows, each with one value or a list of them.
#[derive(Debug)]
pub(super) struct ByName<T>(pub(super) Vec<Named<T>>);

/// One key of such a table.
#[derive(Debug)]
pub(super) struct Named<T> {
    /// The key as it was written, and where.
    pub(super) name: Located<String>,
    /// What stands there.
    pub(super) values: Vec<T>,
}

impl<T: FromValue> FromValue for ByName<T> {
    fn from_value(entry: &Entry, problems: &Problems) -> Option<Self> {
        let Kind::Table(table) = &entry.kind else {
            wrong_kind(entry, "a table in braces", problems);
            return None;
        };
        let named = table.iter().filter_map(|(name, entry)| {
            let OneOrMany(values) = OneOrMany::from_value(entry, problems)?;
            let (value, place) = (name.clone(), entry.key.clone());
            let name = Located { value, place };
            Some(Named { name, values })
        });
        Some(Self(named.collect()))
    }
}

impl FromValue for bool {
    fn from_value(entry: &Entry, problems: &Problems) -> Option<Self> {
        match &entry.kind {
            Kind::Flag(flag) => return Some(*flag),
            Kind::Variable(text) if text == "true" => return Some(true),
            Kind::Variable(text) if text == "false" => return Some(false),
            _ => wrong_kind(entry, "true or false", problems),
        }
        None
    }
}

impl FromValue for f64 {
    fn from_value(entry: &Entry, problems: &Problems) -> Option<Self> {
        match &entry.kind {
            Kind::Fraction(number) => return Some(*number),
            // A whole number is a fraction without any loss in these bounds.
            Kind::Number(number) => {
                if let Ok(number) = i32::try_from(*number) {
                    return Some(f64::from(number));
                }
                problems.add(entry.error("is too large"));
            }
            Kind::Variable(text) => match text.parse() {
                Ok(number) => return Some(number),
                Err(_) => wrong_kind(entry, "a number", problems),
            },
            _ => wrong_kind(entry, "a number", problems),
        }
        None
    }
}

impl FromValue for PathBuf {
    /// A relative path counts from the folder of the file that names it.
    fn from_value(entry: &Entry, problems: &Problems) -> Option<Self> {
        let text = String::from_value(entry, problems)?;
        let path = Self::from(&text);
        match entry.value.source().base_folder() {
            _ if text.is_empty() => problems.add(entry.error("is empty")),
            _ if path.is_absolute() => return Some(path),
            Some(folder) => return Some(folder.join(path)),
            None => problems.add(entry.error("must be an absolute path")),
        }
        None
    }
}

impl FromText for String {
    fn from_text(text: &str) -> Result<Self, String> {
        if text.chars().any(char::is_control) {
            return Err("control characters are not allowed".to_owned());
        }
        Ok(text.to_owned())
    }
}

impl FromText for SocketAddr {
    fn from_text(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| {
            format!("`{text}` is not an address with a port; write it like 0.0.0.0:8443 or [::]:8443")
        })
    }
}

impl FromText for ClientAddress {
    fn from_text(text: &str) -> Result<Self, String> {
        let address: Result<IpAddr, _> = text.parse();
        address
            .map(Self::new)
            .map_err(|_| format!("`{text}` is not an IP address; write one like 10.1.2.3 or 2001:db8::7"))
    }
}

impl FromText for Hours {
    fn from_text(text: &str) -> Result<Self, String> {
        Self::new(text, time_zone::find).map_err(|why| why.to_string())
    }
}

impl FromText for Membership {
    fn from_text(text: &str) -> Result<Self, String> {
        Self::supposed(text).map_err(|why| why.to_string())
    }
}

impl FromText for Now {
    fn from_text(text: &str) -> Result<Self, String> {
        text.parse().map_err(|why: Invalid| why.to_string())
    }
}

impl FromText for Network {
    fn from_text(text: &str) -> Result<Self, String> {
        text.parse()
    }
}

/// Types whose own constructor reads the text.
macro_rules! from_text {
    ($($kind:ty),*) => {$(
        impl FromText for $kind {
            fn from_text(text: &str) -> Result<Self, String> {
                <$kind>::new(text).map_err(|why| why.to_string())
            }
        }
    )*};
}
from_text!(
    AttributeName,
    Dn,
    FarmName,
    Glob,
    GroupPattern,
    HostAddress,
    Template,
    UserName
);

/// Notes that a value is of another kind than its key wants.
fn wrong_kind(entry: &Entry, wanted: &str, problems: &Problems) {
    let problem = match &entry.kind {
        Kind::Variable(_) => format!("must be {wanted}"),
        other => format!("must be {wanted} and is {}", other.word()),
    };
    let hint = match &entry.kind {
        Kind::Text(text) if matches!(wanted, "true or false" | "a whole number" | "a number") => {
            (text.parse::<f64>().is_ok() || text.parse::<bool>().is_ok())
                .then(|| format!("write {text} without the quotes"))
        }
        Kind::Number(number) if wanted.starts_with("a text") => Some(format!("write \"{number}\"")),
        Kind::Text(text) if wanted.starts_with("a list") => Some(format!("write [\"{text}\"]")),
        _ => None,
    };
    problems.add(entry.error(&problem).hint(hint));
}

/// A whole number within bounds.
pub(super) fn read_number(entry: &Entry, bounds: RangeInclusive<i64>, problems: &Problems) -> Option<i64> {
    let number = match &entry.kind {
        Kind::Number(number) => *number,
        Kind::Variable(text) if text.parse::<i64>().is_ok() => text.parse().unwrap_or_default(),
        _ => {
            wrong_kind(entry, "a whole number", problems);
            return None;
        }
    };
    if bounds.contains(&number) {
        return Some(number);
    }
    let (min, max) = bounds.into_inner();
    problems.add(entry.error(&format!("must be between {min} and {max}")));
    None
}

/// A duration like `500ms`, `30s`, `10h`, `1h30m` or `14d`.
pub(super) fn read_duration(entry: &Entry, problems: &Problems) -> Option<Duration> {
    let hint = "write it like \"500ms\", \"30s\", \"10h\" or \"1h30m\"";
    let (Kind::Text(text) | Kind::Variable(text)) = &entry.kind else {
        let problem = format!("must be a duration and is {}", entry.kind.word());
        problems.add(entry.error(&problem).hint(hint.to_owned()));
        return None;
    };
    let duration = parse_duration(text);
    if duration.is_none() {
        let problem = "is not a duration".to_owned();
        problems.add(entry.error(&problem).hint(hint.to_owned()));
    }
    duration
}

fn parse_duration(text: &str) -> Option<Duration> {
    // A day is 24 hours here; `jiff` takes none, since in a calendar it need not be.
    let days = text.strip_suffix('d').and_then(|days| days.parse::<u32>().ok());
    match days {
        Some(days) => Some(Duration::from_hours(u64::from(days) * 24)),
        None => Duration::try_from(text.parse::<SignedDuration>().ok()?).ok(),
    }
}

/// A duration as an admin would write it.
pub(super) fn duration_text(duration: Duration) -> String {
    SignedDuration::try_from(duration)
        .map_or_else(|_| format!("{duration:?}"), |signed| format!("{signed:#}"))
}
