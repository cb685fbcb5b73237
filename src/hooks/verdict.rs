//! What a program answers.

use serde::Deserialize;

use crate::model::HostName;

/// Longest text of a refusal or a notice, in bytes.
const TEXT_BYTES_MAX: usize = 200;

/// A program's say. Nothing here grants anything: without a word, the broker goes on as it would have.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Why the request is refused, for the audit log; none if it is not.
    pub refuse: Option<String>,
    /// The host that should be chosen; counts at a select alone, and only if it could be chosen anyway.
    pub host: Option<HostName>,
    /// What the user should read; counts at a list alone.
    pub notice: Option<String>,
}

/// Why an answer is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadVerdict {
    /// It is no JSON object of these keys.
    #[error("the answer is no JSON object with nothing but `refuse`, `host` and `notice`: {0}")]
    Malformed(String),
    /// A text is not one that can be shown or logged.
    #[error("`{key}` is empty, longer than {TEXT_BYTES_MAX} bytes, or has control characters")]
    Text {
        /// The key.
        key: &'static str,
    },
    /// The host has no name that a host can have.
    #[error("`host` is no name of a host")]
    Host,
}

/// The keys as they stand in the answer.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    refuse: Option<String>,
    host: Option<String>,
    notice: Option<String>,
}

impl Verdict {
    /// Reads what a program wrote. Nothing at all is the empty verdict.
    ///
    /// # Errors
    /// It is something else than the one object that is meant.
    pub fn read(answer: &[u8]) -> Result<Self, BadVerdict> {
        if answer.trim_ascii().is_empty() {
            return Ok(Self::default());
        }
        let written: Written =
            serde_json::from_slice(answer).map_err(|error| BadVerdict::Malformed(error.to_string()))?;
        let host = written.host.map(|host| HostName::new(&host)).transpose();
        Ok(Self {
            refuse: text("refuse", written.refuse)?,
            host: host.map_err(|_| BadVerdict::Host)?,
            notice: text("notice", written.notice)?,
        })
    }
}

/// A text that can be shown and logged.
fn text(key: &'static str, text: Option<String>) -> Result<Option<String>, BadVerdict> {
    match text {
        Some(text)
            if text.trim().is_empty()
                || text.len() > TEXT_BYTES_MAX
                || text.chars().any(char::is_control) =>
        {
            Err(BadVerdict::Text { key })
        }
        text => Ok(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_changes_nothing_and_an_object_says_what_it_says() {
        for silent in ["", "\n", "{}", " { } \n"] {
            assert_eq!(
                Verdict::read(silent.as_bytes()),
                Ok(Verdict::default()),
                "{silent:?}"
            );
        }
        let said = Verdict::read(br#"{"refuse":"no licence left","host":"ts01","notice":"Call 42"}"#);
        assert_eq!(
            said,
            Ok(Verdict {
                refuse: Some("no licence left".to_owned()),
                host: Some(HostName::new("ts01").unwrap()),
                notice: Some("Call 42".to_owned()),
            })
        );
    }

    #[test]
    fn what_is_not_understood_is_no_answer() {
        let long = format!(r#"{{"refuse":"{}"}}"#, "x".repeat(201));
        for bad in [
            "yes",
            "{}{}",
            "[1]",
            r#"{"grant":"xfce"}"#,
            r#"{"refuse":true}"#,
            r#"{"refuse":""}"#,
            r#"{"refuse":"a\nb"}"#,
            r#"{"host":"-o Proxy"}"#,
            r#"{"notice":"\u0007"}"#,
            &long,
            "\u{feff}{}",
        ] {
            assert!(Verdict::read(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
