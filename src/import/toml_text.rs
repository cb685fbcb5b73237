//! Pieces of TOML as an admin would write them (TOML 1.0: "Keys", "Strings", "Arrays").

/// Longest line of a list before each item gets a line of its own, in characters.
const LINE_CHARS_MAX: usize = 100;

/// A key, quoted only where it must be.
pub(super) fn key(name: &str) -> String {
    let bare = |b: u8| b.is_ascii_alphanumeric() || b"-_".contains(&b);
    if !name.is_empty() && name.bytes().all(bare) {
        name.to_owned()
    } else {
        string(name)
    }
}

/// A text in quotes.
pub(super) fn string(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => {
                quoted.push('\\');
                quoted.push(c);
            }
            c if c.is_control() => quoted.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// A text of a profile, in which `${` would stand for something.
pub(super) fn template(text: &str) -> String {
    string(&text.replace("${", "$${"))
}

/// `key = ["a", "b"]`, over several lines if it is long.
pub(super) fn list_line<T: ToString>(name: &str, items: &[T]) -> String {
    let items: Vec<String> = items.iter().map(|item| string(&item.to_string())).collect();
    let line = format!("{name} = [{}]\n", items.join(", "));
    if line.chars().count() <= LINE_CHARS_MAX {
        return line;
    }
    format!("{name} = [\n    {},\n]\n", items.join(",\n    "))
}

/// A text as a comment; what it holds cannot end the comment.
pub(super) fn comment(text: &str) -> String {
    format!("# {}\n", text.replace(char::is_control, "\u{fffd}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_back() {
        for text in ["", "a b", "say \"hi\" \\ $${x}", "ü日\n\t\u{7f}\u{85}"] {
            let line = format!("{} = {}", key(text), string(text));
            let table: toml::Table = line.parse().unwrap();
            assert_eq!(
                table.get(text).and_then(toml::Value::as_str),
                Some(text),
                "{line}"
            );
        }
        assert_eq!(key("pool-A_1"), "pool-A_1");
        assert_eq!(key("ts.example"), "\"ts.example\"");
    }

    #[test]
    fn long_lists_get_a_line_for_each_item() {
        assert_eq!(list_line("groups", &["a", "b"]), "groups = [\"a\", \"b\"]\n");
        let long = list_line("users", &["x".repeat(60), "y".repeat(60)]);
        assert_eq!(long.lines().count(), 4);
    }

    #[test]
    fn comments_stay_comments() {
        assert_eq!(comment("a\nb = 1"), "# a\u{fffd}b = 1\n");
    }
}
