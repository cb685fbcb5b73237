//! docs/troubleshooting.md: what it says that the program says, the program says.

use std::fs;
use std::path::Path;

use pulldown_cmark::{Event, Tag, TagEnd};

use super::files_below;
use super::page::Page;

const PAGE: &str = "docs/troubleshooting.md";

/// The words set as code in the first column of each table whose first heading ends in `says`.
fn quoted(page: &Page) -> Vec<String> {
    let mut quoted = Vec::new();
    let (mut heading, mut cell, mut in_heading) = (String::new(), 0, false);
    for event in page.events() {
        match event {
            Event::Start(Tag::TableHead) => (heading, cell, in_heading) = (String::new(), 0, true),
            Event::End(TagEnd::TableHead) => in_heading = false,
            Event::Start(Tag::TableRow) => cell = 0,
            Event::End(TagEnd::TableCell) => cell += 1,
            Event::Text(text) if in_heading && cell == 0 => heading.push_str(&text),
            Event::Code(text) if !in_heading && cell == 0 && heading.ends_with(" says") => {
                quoted.push(text.into_string());
            }
            _ => {}
        }
    }
    quoted
}

/// The source of the program, with the texts that go over several lines on one.
fn source() -> String {
    let mut source = String::new();
    for file in files_below(Path::new("src")) {
        let text = fs::read_to_string(&file).unwrap();
        for line in text.lines().map(str::trim_start) {
            match line.strip_suffix('\\') {
                Some(begun) => source.push_str(begun),
                None => {
                    source.push_str(line);
                    source.push('\n');
                }
            }
        }
    }
    source
}

#[test]
fn what_the_program_is_said_to_say_it_says() {
    let source = source();
    let quoted = quoted(&Page::read(Path::new(PAGE)));
    assert!(quoted.len() > 15, "{quoted:?}");
    for message in &quoted {
        for part in message.split('…').map(str::trim).filter(|part| !part.is_empty()) {
            assert!(
                source.contains(part),
                "{PAGE}: `{message}`: the program does not say `{part}`"
            );
        }
    }
}
