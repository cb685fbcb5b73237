//! Session keys, as `[profile.NAME]`, `[profile_defaults]` and the `set` of a rule have them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::diagnostic::{Diagnostic, Problems};
use super::icon;
use super::section::Section;
use super::tree::Entry;
use super::value::{FromValue, Located, read_number};
use crate::entitlement::{ProfileValue, Template};
use crate::model::did_you_mean;
use crate::model::session_key::{self, KEYS, Kind, SessionKey, Value};

/// Session keys with their values.
pub(super) type Keys = BTreeMap<&'static str, ProfileValue>;

/// Reads everything that was not taken from the section as session keys, and `icon_file` as `icon`.
pub(super) fn read(mut section: Section<'_>) -> Keys {
    let problems = section.problems();
    let title = section.title();
    let icon_file = section.take::<Located<PathBuf>>("icon_file");
    let (rest, own) = section.into_rest();
    let mut keys = Keys::new();
    for (name, entry) in rest {
        if let Some(key) = session_key::find(&name) {
            keys.extend(value(key, &entry, problems).map(|value| (key.name, value)));
        } else if let Some(why) = session_key::reserved(&name) {
            problems.error(&entry.key, format!("`{name}` cannot be set in {title}: {why}"));
        } else {
            let known = KEYS.iter().map(|key| key.name).chain(own.iter().copied());
            let hint = did_you_mean(&name, known).map(|meant| format!("did you mean `{meant}`?"));
            let message = format!("unknown session key `{name}` in {title}");
            problems.add(Diagnostic::error(&entry.key, message).hint(hint));
        }
    }
    if let Some(file) = icon_file {
        if keys.contains_key("icon") {
            problems.error(
                &file.place,
                format!("`icon` and `icon_file` in {title}: write only one of them"),
            );
        } else {
            keys.extend(icon::read(&file, problems).map(|icon| ("icon", ProfileValue::Text(icon))));
        }
    }
    keys
}

/// The value of a session key. A text with variables is checked as it is written; where a key takes only
/// certain words, a variable could become any other, and is refused.
fn value(key: &SessionKey, entry: &Entry, problems: &Problems) -> Option<ProfileValue> {
    let (value, checked) = match key.kind {
        Kind::Flag => {
            let flag = bool::from_value(entry, problems)?;
            (ProfileValue::Flag(flag), Value::Flag(flag))
        }
        Kind::Number { .. } => {
            let number = read_number(entry, i64::MIN..=i64::MAX, problems)?;
            (ProfileValue::Number(number), Value::Number(number))
        }
        Kind::Text { .. } | Kind::OneOf(_) | Kind::PackMethod => {
            let template = Template::from_value(entry, problems)?;
            let text = template.constant().unwrap_or(template.as_str()).to_owned();
            (ProfileValue::Text(template), Value::Text(text))
        }
    };
    session_key::check(key, &checked)
        .map_err(|why| problems.error(&entry.value, why))
        .ok()?;
    if let ("name", Value::Text(name)) = (key.name, &checked) {
        check_name(name, entry, problems);
    }
    Some(value)
}

/// Checks the text on a profile's tile; a `/` makes a folder.
fn check_name(name: &str, entry: &Entry, problems: &Problems) {
    if name.trim().is_empty() {
        problems.add(entry.error("is blank"));
    } else if name.split('/').any(|part| part.trim().is_empty()) {
        let hint = "folders are written like \"Office/MATE desktop\"".to_owned();
        problems.add(entry.error("has a folder or a title without a name").hint(hint));
    }
}
