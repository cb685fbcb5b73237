//! Text that looks like nothing but itself in one line of a log.

use std::borrow::Cow;

/// Whether a character would show a reader something else than what is there: a further line, a command to the
/// terminal, or characters in another order (UAX #9 section 2).
pub(crate) fn deceives(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}'
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_stays_one() {
        assert!(matches!(plain_line("grüße: 1\\n"), Cow::Borrowed(_)));
        assert_eq!(plain_line("a\nb\u{1b}[2K\u{202e}c"), "a\\nb\\u{1b}[2K\\u{202e}c");
    }
}
