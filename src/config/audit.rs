//! `[audit]`: where decisions are written.

use std::path::PathBuf;

use super::section::Section;

/// Reads the section: the file for decisions; none for the log.
pub(super) fn read(mut section: Section<'_>) -> Option<PathBuf> {
    let file = section.take("file");
    section.finish();
    file
}
