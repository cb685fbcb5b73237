//! docs/security.md: every promise has tests, and those that it names are tests.

use std::fs;
use std::path::Path;

use super::page::Page;
use pulldown_cmark::Event;

const PAGE: &str = "docs/security.md";
/// How many promises there are.
const PROMISES: usize = 11;

/// Whether `path::name` is a function with a test attribute in the file of that path.
fn is_test(named: &str) -> bool {
    let Some((path, name)) = named.rsplit_once("::") else {
        return false;
    };
    let Ok(text) = fs::read_to_string(path) else {
        return false;
    };
    let heads = [format!("fn {name}("), format!("fn {name}<")];
    let mut is_test = false;
    for line in text.lines().map(str::trim_start) {
        if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
            is_test = true;
        } else if heads.iter().any(|head| line.contains(head.as_str())) {
            return is_test;
        } else if line.contains("fn ") {
            is_test = false;
        }
    }
    false
}

/// The words of the page that are set as code and name something in a Rust file.
fn named(page: &Page) -> Vec<String> {
    page.events()
        .filter_map(|event| match event {
            Event::Code(word) if word.contains(".rs::") => Some(word.into_string()),
            _ => None,
        })
        .collect()
}

#[test]
fn every_promise_has_its_tests() {
    let text = fs::read_to_string(PAGE).unwrap();
    let (_, rest) = text.split_once("\n## What is promised\n").unwrap();
    let (promises, _) = rest.split_once("\n## ").unwrap();
    let parts: Vec<_> = promises.split("\n### ").skip(1).collect();
    assert_eq!(parts.len(), PROMISES);
    for (at, part) in parts.iter().enumerate() {
        assert!(part.starts_with(&format!("{}. ", at + 1)), "{part}");
        let tests = named(&Page::new(Path::new(PAGE), part));
        assert!(!tests.is_empty(), "a promise without a test: {part}");
    }
}

#[test]
fn every_test_that_is_named_is_one() {
    for test in named(&Page::read(Path::new(PAGE))) {
        assert!(is_test(&test), "{PAGE}: {test}: no such test");
    }
}

#[test]
fn what_is_no_test_is_found() {
    let here = "tests/whole/documents/promises.rs";
    assert!(is_test(&format!("{here}::what_is_no_test_is_found")));
    assert!(!is_test(&format!("{here}::is_test")));
    assert!(!is_test(&format!("{here}::nothing")));
    assert!(!is_test("tests/whole/nowhere.rs::nothing"));
}
