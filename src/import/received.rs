//! What X2Go Client understands when x2gobroker sends a value: the value goes out as it stands in the file, and
//! the client's INI reader (Qt's `QSettings`, `IniFormat`) takes commas, semicolons, quotes and backslashes in
//! it for syntax.

/// The escapes of one letter that the reader knows.
const ESCAPES: &[(char, char)] = &[
    ('a', '\u{7}'),
    ('b', '\u{8}'),
    ('f', '\u{c}'),
    ('n', '\n'),
    ('r', '\r'),
    ('t', '\t'),
    ('v', '\u{b}'),
    ('"', '"'),
    ('?', '?'),
    ('\'', '\''),
    ('\\', '\\'),
];

/// The text that the client has in the end. An unquoted comma makes a list, and a list is no text for the
/// client: it sees nothing.
pub(super) fn text(sent: &str) -> String {
    let mut items = vec![String::new()];
    let mut quoted = false;
    let mut was_quoted = false;
    let mut chars = first_line(sent).chars().peekable();
    while let Some(c) = chars.next() {
        let Some(item) = items.last_mut() else { break };
        match c {
            '\\' => match chars.next() {
                Some('x') => item.extend(number(&mut chars, 16)),
                Some(digit @ '0'..='7') => {
                    let first = digit.to_digit(8).unwrap_or_default();
                    item.extend(char::from_u32(more_digits(&mut chars, 8, first)));
                }
                Some(letter) => {
                    let known = ESCAPES.iter().find(|(name, _)| *name == letter);
                    item.extend(known.map(|(_, meant)| *meant));
                }
                None => {}
            },
            '"' => {
                was_quoted = true;
                quoted = !quoted;
                if !quoted {
                    while chars.next_if(|c| matches!(c, ' ' | '\t')).is_some() {}
                }
            }
            ',' if !quoted => {
                items.push(String::new());
                was_quoted = false;
                while chars.next_if(|c| matches!(c, ' ' | '\t')).is_some() {}
            }
            c => item.push(c),
        }
    }
    match items.as_mut_slice() {
        [item] => {
            if !was_quoted {
                item.truncate(item.trim_end_matches([' ', '\t']).len());
            }
            match item.strip_prefix('@') {
                Some("Invalid()") => String::new(),
                Some(rest) if rest.starts_with('@') => rest.to_owned(),
                _ => std::mem::take(item),
            }
        }
        _ => String::new(),
    }
}

/// The part of a value that the reader takes to be on the same line: up to a line feed, or to a semicolon
/// outside of quotes.
fn first_line(sent: &str) -> &str {
    let mut quoted = false;
    let mut escaped = false;
    for (at, c) in sent.char_indices() {
        match c {
            '\n' => return &sent[..at],
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => quoted = !quoted,
            ';' if !quoted => return &sent[..at],
            _ => {}
        }
    }
    sent
}

/// The character that the digits stand for, if there is one.
fn number(chars: &mut std::iter::Peekable<std::str::Chars<'_>>, radix: u32) -> Option<char> {
    let first = chars.next_if(|c| c.is_digit(radix))?.to_digit(radix)?;
    char::from_u32(more_digits(chars, radix, first))
}

/// The value of all digits that follow; the reader keeps the last 16 bits.
fn more_digits(chars: &mut std::iter::Peekable<std::str::Chars<'_>>, radix: u32, first: u32) -> u32 {
    let mut value = first;
    while let Some(digit) = chars
        .next_if(|c| c.is_digit(radix))
        .and_then(|c| c.to_digit(radix))
    {
        value = (value * radix + digit) & 0xffff;
    }
    value
}

/// Whether Qt takes the text for a true flag: anything but nothing, `0` and `false`.
pub(super) fn flag(text: &str) -> bool {
    !matches!(text.to_lowercase().as_str(), "" | "0" | "false")
}

/// The number that Qt takes the text for: 0 where it is none.
pub(super) fn number_of(text: &str) -> i64 {
    text.trim().parse::<i32>().map_or(0, i64::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_as_qsettings_reads_them() {
        for (sent, seen) in [
            ("KDE", "KDE"),
            ("a, b", ""),
            ("a,", ""),
            ("\"a, b\"", "a, b"),
            ("a; b", "a"),
            ("\"/x:1;/y:1;\"", "/x:1;/y:1;"),
            ("/x:1;/y:1;", "/x:1"),
            (r#""say \"hi\"""#, "say \"hi\""),
            ("bare \"dq\" mid", "bare dqmid"),
            (r"back\slash \n", "backlash \n"),
            ("\"  x \"  ", "  x "),
            ("100% %41", "100% %41"),
            (r"\x41\x20ac\102z", "A€Bz"),
            ("@Invalid()", ""),
            ("@@x", "@x"),
            ("@x", "@x"),
            ("first\nsecond", "first"),
        ] {
            assert_eq!(text(sent), seen, "{sent}");
        }
    }

    #[test]
    fn flags_and_numbers_are_qts() {
        assert!(flag("no") && flag("true") && flag("1"));
        assert!(!flag("") && !flag("False") && !flag("0"));
        assert_eq!(number_of("12"), 12);
        assert_eq!(number_of("12x"), 0);
        assert_eq!(number_of(""), 0);
    }
}
