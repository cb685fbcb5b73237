//! The keys of an X2Go session profile, by name and type, so that a typo or a wrong value is caught when the
//! configuration is read and not by a user's client.

mod keys;
mod pack_method;
mod reserved;

use serde::Serialize;

use super::did_you_mean;

pub use keys::KEYS;
pub use reserved::reserved;

/// What a key's value must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A text without control characters.
    Text {
        /// Its longest length in bytes of UTF-8.
        bytes_max: usize,
    },
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
    /// A method of NX image compression (`16m-jpeg`); one that has qualities may name one (`16m-jpeg-7`).
    PackMethod,
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

/// The key of that name, which must be spelt as the client spells it: it tells upper from lower case.
pub fn find(name: &str) -> Option<&'static SessionKey> {
    KEYS.binary_search_by_key(&name, |key| key.name)
        .ok()
        .and_then(|index| KEYS.get(index))
}

/// Whether the value is one that the key takes.
///
/// # Errors
/// Says what the key takes, in a sentence for the admin.
pub fn check(key: &SessionKey, value: &Value) -> Result<(), String> {
    let right = match (key.kind, value) {
        (Kind::Text { bytes_max }, Value::Text(text)) => {
            text.len() <= bytes_max && !text.contains(char::is_control)
        }
        (Kind::Flag, Value::Flag(_)) => true,
        (Kind::Number { min, max }, Value::Number(number)) => (min..=max).contains(number),
        (Kind::OneOf(words), Value::Text(word)) => words.contains(&word.as_str()),
        (Kind::PackMethod, Value::Text(method)) => pack_method::is_known(method),
        _ => false,
    };
    if right {
        return Ok(());
    }
    Err(format!("`{}` {}", key.name, demand(key.kind, value)))
}

/// What a kind takes, in words, for somebody who wrote `value`.
fn demand(kind: Kind, value: &Value) -> String {
    match kind {
        Kind::Text { bytes_max } => {
            format!("must be a text of at most {bytes_max} bytes without line ends and control characters")
        }
        Kind::Flag => "must be true or false".to_owned(),
        Kind::Number { min, max } => format!("must be a whole number from {min} to {max}"),
        Kind::OneOf(words) => format!("must be one of {}", quoted_list(words)),
        Kind::PackMethod => {
            let meant = match value {
                Value::Text(method) => did_you_mean(method, pack_method::names()),
                Value::Flag(_) | Value::Number(_) => None,
            };
            format!(
                "must be a pack method such as \"16m-jpeg\"{}",
                meant.map_or(String::new(), |name| format!("; did you mean \"{name}\"?"))
            )
        }
    }
}

fn quoted_list(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
    quoted.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(name: &str, value: impl Into<Value>) -> Result<(), String> {
        check(find(name).unwrap(), &value.into())
    }

    impl From<&str> for Value {
        fn from(text: &str) -> Self {
            Self::Text(text.to_owned())
        }
    }

    impl From<i64> for Value {
        fn from(number: i64) -> Self {
            Self::Number(number)
        }
    }

    impl From<bool> for Value {
        fn from(flag: bool) -> Self {
            Self::Flag(flag)
        }
    }

    #[test]
    fn every_key_is_found_by_its_name_and_no_other() {
        assert!(
            KEYS.is_sorted_by(|a, b| a.name < b.name),
            "the table must be sorted by name"
        );
        for key in KEYS {
            assert_eq!(find(key.name), Some(key));
            assert_eq!(reserved(key.name), None, "{}", key.name);
        }
        assert_eq!(find("Fullscreen"), None);
        assert_eq!(find(""), None);
    }

    #[test]
    fn no_value_leaves_the_bounds_of_its_key() {
        for speed in 0..=4 {
            assert!(verdict("speed", speed).is_ok());
        }
        for speed in [-1, 5, i64::MIN, i64::MAX] {
            assert_eq!(
                verdict("speed", speed).unwrap_err(),
                "`speed` must be a whole number from 0 to 4"
            );
        }
        assert!(verdict("quality", 10).is_err());
        assert!(verdict("sndport", 0).is_err());
        assert!(verdict("rdpport", 65535).is_ok());
        assert!(verdict("rdpport", 65536).is_err());
        assert_eq!(
            verdict("clipboard", "Both").unwrap_err(),
            "`clipboard` must be one of \"both\", \"client\", \"none\", \"server\""
        );
    }

    #[test]
    fn values_of_another_type_are_refused() {
        assert_eq!(
            verdict("fullscreen", "yes").unwrap_err(),
            "`fullscreen` must be true or false"
        );
        assert!(verdict("fullscreen", 1).is_err());
        assert!(verdict("speed", "4").is_err());
        assert!(verdict("command", true).is_err());
        assert!(verdict("pack", 8).is_err());
    }

    #[test]
    fn texts_are_bounded_lines() {
        assert!(verdict("command", "startxfce4 --replace").is_ok());
        assert!(verdict("name", "Grüße 日本").is_ok());
        for bad in ["a\nb", "a\0", "\u{85}"] {
            assert!(verdict("command", bad).is_err(), "{bad:?}");
        }
        assert!(verdict("command", "x".repeat(4096).as_str()).is_ok());
        assert!(verdict("command", "x".repeat(4097).as_str()).is_err());
        assert!(verdict("icon", "A".repeat(128 * 1024).as_str()).is_ok());
    }

    #[test]
    fn a_misspelt_pack_method_is_answered_with_the_nearest() {
        assert!(verdict("pack", "16m-jpeg").is_ok());
        assert_eq!(
            verdict("pack", "16m-jpg").unwrap_err(),
            "`pack` must be a pack method such as \"16m-jpeg\"; did you mean \"16m-jpeg\"?"
        );
    }
}
