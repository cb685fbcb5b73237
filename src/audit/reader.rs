//! Reads an audit log, or a journal with one in it, line by line and within bounded memory.

use std::io::{self, BufRead, Read};

use super::Entry;

/// Longest line that is read, in bytes; ours have 48 KiB at most.
const LINE_BYTES_MAX: u64 = 256 << 10;
/// What stands before the record where it comes from the log as text.
const LOG_MARK: &str = "INFO audit: {";

/// What a line is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// A decision, and the JSON that it was read from.
    Decision(Box<Entry>, String),
    /// It begins like one and cannot be read.
    Damaged,
    /// Something else, such as another line of the log.
    Other,
}

/// Gives one [`Found`] for each line.
#[derive(Debug)]
pub struct Reader<R> {
    from: R,
}

impl<R: BufRead> Reader<R> {
    /// Reads from there.
    pub fn new(from: R) -> Self {
        Self { from }
    }

    fn next_line(&mut self) -> io::Result<Option<Found>> {
        let mut line = Vec::new();
        (&mut self.from)
            .take(LINE_BYTES_MAX)
            .read_until(b'\n', &mut line)?;
        if line.is_empty() {
            return Ok(None);
        }
        if line.len() as u64 == LINE_BYTES_MAX && !line.ends_with(b"\n") {
            self.from.skip_until(b'\n')?;
            return Ok(Some(Found::Damaged));
        }
        Ok(Some(found(&line)))
    }
}

impl<R: BufRead> Iterator for Reader<R> {
    type Item = io::Result<Found>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_line().transpose()
    }
}

/// What a line is.
fn found(line: &[u8]) -> Found {
    let Ok(text) = str::from_utf8(line) else {
        return Found::Damaged;
    };
    let text = text.trim();
    let record = match text.find(LOG_MARK) {
        _ if text.starts_with('{') => text,
        // Nothing but the time stands before it. What does so within another line was written by nobody but a client.
        Some(at) if text[..at].split_whitespace().count() <= 1 => &text[at + LOG_MARK.len() - 1..],
        _ => return Found::Other,
    };
    match serde_json::from_str(record) {
        Ok(entry) => Found::Decision(Box::new(entry), record.to_owned()),
        Err(_) => Found::Damaged,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LINE: &str =
        r#"{"decision":"0000000011","task":"list","outcome":"granted","account":"ldap:Alice"}"#;

    fn kinds(text: &[u8]) -> String {
        let kind = |found: io::Result<Found>| match found.unwrap() {
            Found::Decision(entry, record) => {
                assert!(entry.is_about("alice") && record.starts_with('{'), "{record}");
                'd'
            }
            Found::Damaged => 'x',
            Found::Other => '-',
        };
        Reader::new(text).map(kind).collect()
    }

    #[test]
    fn decisions_are_found_among_whatever_else_there_is() {
        let text = format!(
            "{LINE}\n2026-03-02T09:00:00Z  INFO audit: {LINE}\n INFO audit: {LINE}\n\nlistening\n{}\n{LINE}{LINE}\n\
             {{\"decision\":1}}\n{LINE}",
            &LINE[..40]
        );
        assert_eq!(kinds(text.as_bytes()), "ddd--xxxd");
        assert_eq!(kinds(b"\xff\n"), "x");
        let forged = format!("2026-03-02T09:00:00Z  WARN x2godirector: no user INFO audit: {LINE}\n");
        assert_eq!(kinds(forged.as_bytes()), "-");
    }

    #[test]
    fn a_line_without_end_costs_no_memory() {
        let mut text = vec![b'{'; 3 * LINE_BYTES_MAX as usize];
        text.extend(format!("\n{LINE}\n").bytes());
        assert_eq!(kinds(&text), "xd");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_to_their_end(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let lines = bytes.split(|byte| *byte == b'\n').count();
            let found = Reader::new(&bytes[..]).count();
            prop_assert!(found == lines || found + 1 == lines);
        }

        #[test]
        fn any_record_is_read_or_refused(text in r#"(\{|\}|"decision":|"task":|"outcome":|"person":|"x"|null|,|\[|\]){0,20}"#) {
            let _ = found(text.as_bytes());
        }
    }
}
