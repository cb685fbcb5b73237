//! The profiles as X2Go Client's INI reader (Qt's `QSettings`, `IniFormat`) takes them.
//!
//! The client searches the raw reply for the words of the protocol *before* it reads any INI, and the reader
//! undoes escapes afterwards. So the writer escapes the first character of every such word that a value
//! holds: the search finds nothing, and the reader restores the text. No word begins inside an escape or
//! reaches over one (see `words`), and values are parted by quotes and line feeds, which no word has; hence
//! no reply holds a word that this front end did not write itself.

use std::collections::BTreeMap;

use super::words;
use crate::model::ProfileId;
use crate::model::session_key::Value;

/// Appends one profile: its section and its keys.
pub(super) fn section(out: &mut String, id: &ProfileId, keys: &BTreeMap<&'static str, Value>) {
    out.push('[');
    section_name(out, id.as_str());
    out.push_str("]\n");
    for (key, value) in keys {
        out.push_str(key);
        out.push('=');
        match value {
            Value::Text(text) => quoted(out, text),
            Value::Flag(flag) => out.push_str(if *flag { "true" } else { "false" }),
            Value::Number(number) => out.push_str(&number.to_string()),
        }
        out.push('\n');
    }
}

/// A section name's alphabet needs no escapes, but it could spell a word. Names know `%XX` only.
fn section_name(out: &mut String, name: &str) {
    let mut rest = name.chars();
    loop {
        let word = words::begins(rest.as_str());
        match rest.next() {
            Some(c) if word => out.push_str(&format!("%{:02X}", u32::from(c))),
            Some(c) => out.push(c),
            None => break,
        }
    }
}

/// Appends a text that the reader gives back as it is. Quotes keep commas, semicolons and blanks; `\xHHHH` is
/// one UTF-16 unit, and takes in every hexadecimal digit behind it, so such a digit is escaped as well; a
/// leading `@` would name a type of Qt's, and is doubled.
fn quoted(out: &mut String, text: &str) {
    out.push('"');
    if text.starts_with('@') {
        out.push('@');
    }
    let mut rest = text.chars();
    let mut after_escape = false;
    loop {
        let word = words::begins(rest.as_str());
        let Some(c) = rest.next() else { break };
        let as_it_is =
            (c == ' ' || c.is_ascii_graphic()) && !word && !(after_escape && c.is_ascii_hexdigit());
        after_escape = !as_it_is;
        if as_it_is {
            if matches!(c, '"' | '\\') {
                out.push('\\');
            }
            out.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                out.push_str(&format!("\\x{unit:x}"));
            }
        }
    }
    out.push('"');
}
