//! The form of a line: JSON in which no value can look like anything but itself.

use serde::Serialize;

use crate::model::{deceives, plain_json};

/// The record as one line, without its end.
///
/// # Errors
/// The record is none that JSON has.
pub(super) fn line(record: &impl Serialize) -> serde_json::Result<String> {
    Ok(plain_json(&serde_json::to_string(record)?).into_owned())
}

/// How many bytes a text takes in a line, at most.
pub(super) fn bytes_in_line(text: &str) -> usize {
    let bytes = |c: char| match c {
        '"' | '\\' => 2,
        _ if deceives(c) => 6 * c.len_utf16(),
        _ => c.len_utf8(),
    };
    text.chars().map(bytes).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_looks_like_nothing_but_itself_and_reads_back() {
        let hostile = "a\n\r\0\u{7f}\u{9b}31m\u{61c}\u{200e}\u{2028}\u{2029}\u{202e}}\"\\\u{2066}\u{2069}\u{feff}\u{200b}\u{e0041}ü\u{1f600}";
        let line = line(&hostile).unwrap();
        assert!(!line.chars().any(deceives), "{}", line.escape_unicode());
        assert!(line.len() - 2 <= bytes_in_line(hostile), "{line}");
        let read: String = serde_json::from_str(&line).unwrap();
        assert_eq!(read, hostile);
    }
}
