//! A file of conf.d, for `crate::fuzzing`.

use std::path::PathBuf;

use super::diagnostic::Problems;
use super::document::Document;
use super::source::Source;

/// The text of a file. What is wrong with it can be printed, wherever it stands.
pub fn document(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes).into_owned();
    let problems = Problems::default();
    let _ = Document::parse(&Source::file(0, PathBuf::from("10-fuzz.toml"), text), &problems);
    let problems = problems.into_sorted();
    for problem in &problems {
        let _ = problem.to_string();
    }
    problems.is_empty()
}
