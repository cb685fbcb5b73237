//! Files in the dialect of Python's `configparser.RawConfigParser`, with x2gobroker's options: keys keep their
//! case, `%` means nothing, and a section or key that comes twice is an error (Python's documentation,
//! "Supported INI File Structure").

use std::collections::HashSet;

/// The section whose entries count for all others.
const DEFAULT_SECTION: &str = "DEFAULT";

/// `key = value`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) key: String,
    /// Without blanks at the ends; lines of a value over several lines are parted by line feeds.
    pub(super) value: String,
    /// The line it begins at, counted from 1.
    pub(super) line: usize,
}

/// `[name]` and what stands below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Section {
    pub(super) name: String,
    pub(super) line: usize,
    pub(super) entries: Vec<Entry>,
}

/// A whole file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Ini {
    /// The entries of `[DEFAULT]`.
    pub(super) defaults: Vec<Entry>,
    /// The other sections, in the order of the file.
    pub(super) sections: Vec<Section>,
}

/// Where the next entry goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Target {
    /// No section has begun.
    Nowhere,
    Defaults,
    Section(usize),
}

/// A file that is being read.
struct Parser {
    ini: Ini,
    target: Target,
    /// Whether an entry has begun that an indented line would continue.
    in_entry: bool,
    indent: usize,
    seen: HashSet<(String, String)>,
    faults: Vec<(usize, String)>,
}

impl Ini {
    /// Reads a file.
    ///
    /// # Errors
    /// Every line that Python refuses, and why.
    pub(super) fn parse(text: &str) -> Result<Self, Vec<(usize, String)>> {
        let mut parser = Parser {
            ini: Self::default(),
            target: Target::Nowhere,
            in_entry: false,
            indent: 0,
            seen: HashSet::new(),
            faults: Vec::new(),
        };
        let text = text.replace("\r\n", "\n").replace('\r', "\n");
        for (at, line) in text.split('\n').enumerate() {
            parser.line(at + 1, line);
        }
        if !parser.faults.is_empty() {
            return Err(parser.faults);
        }
        for entry in parser.ini.defaults.iter_mut().chain(
            parser
                .ini
                .sections
                .iter_mut()
                .flat_map(|section| &mut section.entries),
        ) {
            entry.value.truncate(entry.value.trim_end().len());
        }
        Ok(parser.ini)
    }
}

impl Parser {
    fn line(&mut self, number: usize, line: &str) {
        let content = line.trim();
        if content.starts_with(['#', ';']) {
            return;
        }
        if content.is_empty() {
            self.continue_entry("");
            return;
        }
        let indent = line.chars().take_while(|c| c.is_whitespace()).count();
        if self.in_entry && indent > self.indent {
            self.continue_entry(content);
            return;
        }
        self.indent = indent;
        if let Some(name) = section_name(content) {
            self.begin_section(number, name);
        } else if self.target == Target::Nowhere {
            self.fault(number, "stands before the first [section]");
        } else {
            self.begin_entry(number, content);
        }
    }

    fn fault(&mut self, line: usize, why: &str) {
        self.faults
            .push((line, format!("x2gobroker cannot read this file: this line {why}")));
    }

    fn begin_section(&mut self, line: usize, name: &str) {
        self.in_entry = false;
        if name == DEFAULT_SECTION {
            self.target = Target::Defaults;
            return;
        }
        // No entry has an empty key.
        if !self.seen.insert((name.to_owned(), String::new())) {
            self.fault(line, &format!("begins [{name}] a second time"));
        }
        self.target = Target::Section(self.ini.sections.len());
        self.ini.sections.push(Section {
            name: name.to_owned(),
            line,
            entries: Vec::new(),
        });
    }

    fn begin_entry(&mut self, line: usize, content: &str) {
        let Some((key, value)) = content.split_once(['=', ':']) else {
            self.fault(line, "is neither `[section]` nor `key = value`");
            return;
        };
        let (key, value) = (key.trim(), value.trim());
        if key.is_empty() {
            self.fault(line, "has no key before `=`");
            return;
        }
        let section = match self.target {
            Target::Section(at) => self.ini.sections.get(at).map(|section| section.name.clone()),
            Target::Defaults | Target::Nowhere => None,
        };
        let section = section.unwrap_or_else(|| DEFAULT_SECTION.to_owned());
        if !self.seen.insert((section, key.to_owned())) {
            self.fault(line, &format!("sets `{key}` a second time in its section"));
        }
        self.in_entry = true;
        let entry = Entry {
            key: key.to_owned(),
            value: value.to_owned(),
            line,
        };
        if let Some(entries) = self.entries() {
            entries.push(entry);
        }
    }

    /// Adds a line to the value that has begun. Blank lines within a value belong to it, comments do not.
    fn continue_entry(&mut self, content: &str) {
        if !self.in_entry {
            return;
        }
        if let Some(entry) = self.entries().and_then(|entries| entries.last_mut()) {
            entry.value.push('\n');
            entry.value.push_str(content);
        }
    }

    fn entries(&mut self) -> Option<&mut Vec<Entry>> {
        match self.target {
            Target::Nowhere => None,
            Target::Defaults => Some(&mut self.ini.defaults),
            Target::Section(at) => self.ini.sections.get_mut(at).map(|section| &mut section.entries),
        }
    }
}

/// The name in `[name]`; it reaches to the last bracket, and what follows is ignored.
fn section_name(content: &str) -> Option<&str> {
    let inside = content.strip_prefix('[')?;
    let end = inside.rfind(']')?;
    let name = &inside[..end];
    (!name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(text: &str) -> Vec<(String, String)> {
        let ini = Ini::parse(text).unwrap();
        let entries = ini.sections.into_iter().flat_map(|section| section.entries);
        entries.map(|entry| (entry.key, entry.value)).collect()
    }

    fn value(text: &str) -> String {
        values(&format!("[s]\n{text}")).remove(0).1
    }

    fn faults(text: &str) -> Vec<usize> {
        Ini::parse(text)
            .unwrap_err()
            .into_iter()
            .map(|(line, _)| line)
            .collect()
    }

    #[test]
    fn keys_end_at_the_first_delimiter_and_keep_their_case() {
        assert_eq!(
            values("[s]\nA = 1\nb:2\n c = x = y : z\n"),
            [("A", "1"), ("b", "2\nc = x = y : z")].map(|(k, v)| (k.to_owned(), v.to_owned()))
        );
        assert_eq!(value("key = a;b # c"), "a;b # c");
        assert_eq!(value("key = 100%(name)s %h %%"), "100%(name)s %h %%");
        assert_eq!(value("key ="), "");
    }

    #[test]
    fn deeper_lines_continue_a_value_over_blank_lines_and_comments() {
        assert_eq!(value("k = a,\n  b,\n# no\n\n  c\n\nl = x"), "a,\nb,\n\nc");
        assert_eq!(value("  k = a\n    b\n  l = c"), "a\nb");
        assert_eq!(value("k = a\n\t[x]\n"), "a\n[x]");
    }

    #[test]
    fn default_may_come_again_and_other_sections_may_not() {
        let ini = Ini::parse("[DEFAULT]\na=1\n[s]\n[DEFAULT]\nb=2\r\n").unwrap();
        assert_eq!(ini.defaults.len(), 2);
        assert_eq!(ini.defaults.last().unwrap().line, 5);
        assert_eq!(faults("[s]\n[s]"), [2]);
        assert_eq!(faults("[DEFAULT]\na=1\n[DEFAULT]\na=2"), [4]);
        assert_eq!(faults("[s]\na=1\nA=1\na=1"), [4]);
    }

    #[test]
    fn headers_reach_to_the_last_bracket() {
        let ini = Ini::parse("[a]b] junk\n").unwrap();
        assert_eq!(ini.sections.first().unwrap().name, "a]b");
    }

    #[test]
    fn every_bad_line_is_named() {
        assert_eq!(faults("a=1\n[s]"), [1]);
        assert_eq!(faults("[s]\nword\n= x\n[]\n"), [2, 3, 4]);
        assert_eq!(faults("\u{feff}[s]\n"), [1]);
        assert_eq!(Ini::parse("# nothing\n\n"), Ok(Ini::default()));
    }
}
