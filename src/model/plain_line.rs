//! Text that looks like nothing but itself: in a line of a log, on a terminal, in JSON.

use std::borrow::Cow;
use std::fmt::Write as _;

/// What stands for a character that deceives where a text is only looked at.
const REPLACEMENT: &str = "\u{fffd}";

/// Whether a character would show a reader something else than what is there: a further line, a command to the
/// terminal, characters in another order (UAX #9 section 2), or nothing at all (Unicode 15, section 5.21: those that
/// have no picture and join or part nothing that is seen).
pub(crate) fn deceives(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{ad}'
                | '\u{61c}'
                | '\u{180e}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

/// The text in one line, each character that deceives written as Rust writes it: `\n`, `\u{1b}`.
pub(crate) fn plain_line(text: &str) -> Cow<'_, str> {
    if !text.contains(deceives) {
        return Cow::Borrowed(text);
    }
    let mut line = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if deceives(c) {
            line.extend(c.escape_default());
        } else {
            line.push(c);
        }
    }
    Cow::Owned(line)
}

/// The text for eyes in one line: a mark stands for each character that deceives.
pub(crate) fn visible(text: &str) -> String {
    text.replace(deceives, REPLACEMENT)
}

/// The same of a text of several lines, which may have tabs.
pub(crate) fn visible_lines(text: &str) -> String {
    text.replace(|c| deceives(c) && !matches!(c, '\n' | '\t'), REPLACEMENT)
}

/// JSON in which no character deceives: those that could stand there are in texts, and become escapes. Line feeds
/// between the values stay.
pub(crate) fn plain_json(json: &str) -> Cow<'_, str> {
    let is_escaped = |c| deceives(c) && c != '\n';
    if !json.contains(is_escaped) {
        return Cow::Borrowed(json);
    }
    let mut plain = String::with_capacity(json.len() + 8);
    for c in json.chars() {
        if is_escaped(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                // Writing into a text cannot fail.
                let _ = write!(plain, "\\u{unit:04x}");
            }
        } else {
            plain.push(c);
        }
    }
    Cow::Owned(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_stays_one() {
        assert!(matches!(plain_line("grüße: 1\\n"), Cow::Borrowed(_)));
        assert_eq!(plain_line("a\nb\u{1b}[2K\u{202e}c"), "a\\nb\\u{1b}[2K\\u{202e}c");
    }

    #[test]
    fn what_is_looked_at_obeys_nothing_and_hides_nothing() {
        let hostile = "a\u{200b}b\u{1b}[2Jc\u{202e}d\ne\u{e0041}";
        assert_eq!(
            visible(hostile),
            "a\u{fffd}b\u{fffd}[2Jc\u{fffd}d\u{fffd}e\u{fffd}"
        );
        assert_eq!(visible_lines("a\nb\r\u{2028}"), "a\nb\u{fffd}\u{fffd}");
        let json = serde_json::to_string_pretty(&[hostile]).unwrap();
        let plain = plain_json(&json);
        assert!(!plain.contains(|c| deceives(c) && c != '\n'), "{plain}");
        assert_eq!(serde_json::from_str::<Vec<String>>(&plain).unwrap(), [hostile]);
    }
}
