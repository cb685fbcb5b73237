//! Values as x2gobroker reads them where its built-in defaults give a key a type.

/// A flag; Python's `configparser` takes these words in any case.
pub(super) fn flag(text: &str) -> Option<bool> {
    match text.to_lowercase().as_str() {
        "1" | "yes" | "true" | "on" => Some(true),
        "0" | "no" | "false" | "off" => Some(false),
        _ => None,
    }
}

/// A whole number.
pub(super) fn number(text: &str) -> Option<i64> {
    text.trim().parse().ok()
}

/// A list: texts between commas, or Python's own way of writing a list of texts.
pub(super) fn list(text: &str) -> Option<Vec<String>> {
    let text = text.trim();
    match text.strip_prefix('[').and_then(|text| text.strip_suffix(']')) {
        Some(inside) => python_texts(inside),
        None => Some(text.split(',').map(|item| item.trim().to_owned()).collect()),
    }
}

/// `'a', "b"`, with a backslash only before a quote or another backslash.
fn python_texts(inside: &str) -> Option<Vec<String>> {
    let mut items = Vec::new();
    let mut rest = inside.trim_start();
    while !rest.is_empty() {
        let (item, after) = python_text(rest)?;
        items.push(item);
        let after = after.trim_start();
        rest = match after.strip_prefix(',') {
            Some(next) => next.trim_start(),
            None if after.is_empty() => after,
            None => return None,
        };
    }
    Some(items)
}

/// The quoted text that `text` begins with, and what follows it.
fn python_text(text: &str) -> Option<(String, &str)> {
    let quote = text.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
    let mut item = String::new();
    let mut chars = text.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => {
                let (_, escaped) = chars.next()?;
                item.push(Some(escaped).filter(|c| matches!(c, '\\' | '\'' | '"'))?);
            }
            '\n' => return None,
            c if c == quote => return Some((item, &text[at + c.len_utf8()..])),
            c => item.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_in_both_spellings() {
        assert_eq!(list("a, b ,\n c").unwrap(), ["a", "b", "c"]);
        assert_eq!(list("").unwrap(), [""]);
        assert_eq!(list("a,").unwrap(), ["a", ""]);
        assert_eq!(list("a b").unwrap(), ["a b"]);
        assert_eq!(list("[]").unwrap(), Vec::<String>::new());
        assert_eq!(
            list(r#"['a b', "c,d", 'it\'s',]"#).unwrap(),
            ["a b", "c,d", "it's"]
        );
        for bad in ["[a]", "['a' 'b']", "['a', 1]", "['a]", "[,]", r"['\x41']"] {
            assert_eq!(list(bad), None, "{bad}");
        }
    }

    #[test]
    fn flags_and_numbers() {
        assert_eq!(flag("Yes"), Some(true));
        assert_eq!(flag("oFF"), Some(false));
        assert_eq!(flag("not-set"), None);
        assert_eq!(number("+08"), Some(8));
        assert_eq!(number("1.5"), None);
    }
}
