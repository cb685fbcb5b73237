//! What is logged, as an admin writes it.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;

use crate::model::did_you_mean;

/// The levels, the quietest first.
const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// The target of decisions, which no filter leaves out unless it names them.
pub(super) const AUDIT_TARGET: &str = "audit";
/// What lets them through.
const AUDIT_DIRECTIVE: &str = "audit=info";

/// Longest filter taken, in bytes.
const TEXT_BYTES_MAX: usize = 1024;

/// A text that is no filter, and how one is written.
#[derive(Debug, thiserror::Error)]
pub enum BadFilter {
    /// Not in the characters of one.
    #[error(
        "a log filter has at most {TEXT_BYTES_MAX} bytes, all of them ASCII; write it like `info` or `info,x2godirector=debug`"
    )]
    Foreign,
    /// Not in the form of one.
    #[error("`{text}` is not a log filter: {why}; write it like `info` or `info,x2godirector=debug`")]
    Malformed {
        /// The text.
        text: String,
        /// What the reader of filters says.
        why: ParseError,
    },
    /// A word alone that is no level would mean everything of that target and nothing else.
    #[error("`{word}` is no level; there are {levels}{meant}. Everything of one part is written like `info,{word}=trace`", levels = LEVELS.join(", "))]
    NoLevel {
        /// The word.
        word: String,
        /// What may have been meant.
        meant: String,
    },
}

/// Reads a filter. Decisions pass it, unless it says otherwise of the target `audit`: whoever wants a quieter log does
/// not mean to stop the record of who was let in.
///
/// # Errors
/// Says what is wrong with it.
pub(super) fn parse(text: &str) -> Result<EnvFilter, BadFilter> {
    // The library's reader of filters panics at some characters that are not ASCII.
    if text.len() > TEXT_BYTES_MAX || !text.is_ascii() {
        return Err(BadFilter::Foreign);
    }
    let is_level = |word: &str| LEVELS.iter().any(|level| level.eq_ignore_ascii_case(word));
    let alone = |part: &&str| !part.is_empty() && !part.contains(['=', '[']) && !is_level(part);
    if let Some(word) = text.split(',').map(str::trim).find(alone) {
        let meant = did_you_mean(word, LEVELS).map(|level| format!(" (did you mean `{level}`?)"));
        return Err(BadFilter::NoLevel {
            word: word.to_owned(),
            meant: meant.unwrap_or_default(),
        });
    }
    let names_audit = text.split(',').any(|part| part.trim().starts_with(AUDIT_TARGET));
    let whole = match names_audit {
        true => text.to_owned(),
        false => format!("{text},{AUDIT_DIRECTIVE}"),
    };
    EnvFilter::try_new(whole).map_err(|why| BadFilter::Malformed {
        text: text.to_owned(),
        why,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_levels_and_parts_with_levels() {
        for good in ["info", "DEBUG", "info,x2godirector=debug", "warn,hyper=off"] {
            assert!(parse(good).is_ok(), "{good}");
        }
        assert!(parse("warn").unwrap().to_string().contains("audit=info"));
        assert!(
            !parse("info,audit=off")
                .unwrap()
                .to_string()
                .contains("audit=info")
        );
        let said = |text: &str| parse(text).unwrap_err().to_string();
        assert!(
            said("debgu").contains("did you mean `debug`?"),
            "{}",
            said("debgu")
        );
        assert!(
            said("info,hyper").contains("info,hyper=trace"),
            "{}",
            said("info,hyper")
        );
        assert!(said("x2godirector=loud").contains("write it like"));
        assert!(said("§#¥=Nr").contains("all of them ASCII"));
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in ".{0,60}") {
            let _ = parse(&text);
        }
    }
}
