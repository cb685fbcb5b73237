//! What is wrong with a configuration, said so that an admin can put it right.

use std::cell::{Cell, RefCell};
use std::fmt;

use super::source::{Line, Place};
use crate::model::deceives;

/// Longest part of a source line that is printed, in characters.
const SHOWN_CHARS_MAX: usize = 160;

/// One problem, the place it was found at, and where possible what to write instead. Printed as
///
/// ```text
/// conf.d/40-rules.toml:4:1: unknown key `groop` in [rule.students]
///     groop = ["students"]
///     ^^^^^
///     hint: did you mean `groups`?
/// ```
#[derive(Debug, Clone)]
pub struct Diagnostic {
    place: Place,
    severity: Severity,
    message: String,
    hint: Option<String>,
}

/// Whether a configuration with this problem can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// It cannot.
    Error,
    /// It can, and surely does not do what was meant.
    Warning,
}

impl Diagnostic {
    /// A problem with which the configuration cannot be used.
    pub(super) fn error(place: &Place, message: impl Into<String>) -> Self {
        Self {
            place: place.clone(),
            severity: Severity::Error,
            message: message.into(),
            hint: None,
        }
    }

    /// A problem with which the configuration can be used.
    pub(super) fn warning(place: &Place, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(place, message)
        }
    }

    /// Adds what to do about it, if that is known.
    pub(super) fn hint(mut self, hint: impl Into<Option<String>>) -> Self {
        self.hint = hint.into();
        self
    }

    /// Whether the configuration can be used.
    pub fn severity(&self) -> Severity {
        self.severity
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.place)?;
        if self.severity == Severity::Warning {
            f.write_str("warning: ")?;
        }
        f.write_str(&visible(&self.message))?;
        if let Some(line) = self.place.line()
            && !may_hold_secret(&line)
            && !line.text.trim().is_empty()
        {
            let carets = line.marked.chars().count().max(1);
            let shown = carets.min(SHOWN_CHARS_MAX.saturating_sub(line.column()).max(1));
            write!(f, "\n    {}", beginning(line.text))?;
            if line.column() <= SHOWN_CHARS_MAX {
                let indent = line.before.chars().map(|c| if c == '\t' { '\t' } else { ' ' });
                write!(f, "\n    {}{}", indent.collect::<String>(), "^".repeat(shown))?;
            }
        }
        match &self.hint {
            Some(hint) => write!(f, "\n    hint: {}", visible(hint)),
            None => Ok(()),
        }
    }
}

/// Whether a line could hold a password that was written where only the name of its file belongs, or into a URL.
fn may_hold_secret(line: &Line<'_>) -> bool {
    let lower = line.text.to_lowercase();
    if lower.contains("://") && lower.contains('@') {
        return true;
    }
    let key = lower.split('=').next().unwrap_or_default().trim();
    !key.ends_with("_file")
        && ["password", "passwd", "secret"]
            .iter()
            .any(|word| key.contains(word))
}

/// The beginning of a line.
fn beginning(line: &str) -> String {
    let cut = line.chars().count() > SHOWN_CHARS_MAX;
    let shown: String = line.chars().take(SHOWN_CHARS_MAX).collect();
    visible(&shown) + if cut { "…" } else { "" }
}

/// The text with nothing in it that a terminal would obey or that looks like something else.
fn visible(text: &str) -> String {
    text.replace(|c: char| deceives(c) && c != '\t', "\u{fffd}")
}

/// Most problems of one reading that are told: the rest are mostly more of the same.
const TOLD_MAX: usize = 200;

/// What to tell of these problems, each as it is printed: of very many the first, and then how many more there are.
pub fn told(problems: &[Diagnostic]) -> impl Iterator<Item = String> {
    let more = problems.len().saturating_sub(TOLD_MAX);
    let more = (more > 0).then(|| format!("… and {more} more"));
    problems
        .iter()
        .take(TOLD_MAX)
        .map(ToString::to_string)
        .chain(more)
}

/// Collects the problems of one reading, so that a run reports all of them and not the first.
#[derive(Debug, Default)]
pub(super) struct Problems {
    found: RefCell<Vec<Diagnostic>>,
    /// Whether something was written that could not be read.
    incomplete: Cell<bool>,
}

impl Problems {
    /// Notes a problem.
    pub(super) fn add(&self, problem: Diagnostic) {
        self.found.borrow_mut().push(problem);
    }

    /// Notes that something could not be read at all, and what stands in it is not known.
    pub(super) fn add_unreadable(&self, problem: Diagnostic) {
        self.incomplete.set(true);
        self.add(problem);
    }

    /// Notes that something is not there, unless it may stand in what could not be read.
    pub(super) fn add_absence(&self, problem: Diagnostic) {
        if !self.incomplete.get() {
            self.add(problem);
        }
    }

    /// Notes an error without a hint.
    pub(super) fn error(&self, place: &Place, message: impl Into<String>) {
        self.add(Diagnostic::error(place, message));
    }

    /// Whether an error was noted.
    pub(super) fn has_errors(&self) -> bool {
        let found = self.found.borrow();
        found.iter().any(|problem| problem.severity == Severity::Error)
    }

    /// Whether nothing was noted.
    pub(super) fn is_empty(&self) -> bool {
        self.found.borrow().is_empty()
    }

    /// All problems in the order of their places.
    pub(super) fn into_sorted(self) -> Vec<Diagnostic> {
        let mut all = self.found.into_inner();
        all.sort_by_key(|problem| problem.place.order());
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::source::Source;

    fn shown(text: &str, part: &str) -> String {
        let file = Source::file(0, "x.toml".into(), text.to_owned());
        let start = text.find(part).unwrap();
        Diagnostic::error(&Place::at(&file, start..start + part.len()), "wrong")
            .hint("try again".to_owned())
            .to_string()
    }

    #[test]
    fn a_problem_shows_its_line_and_marks_the_part() {
        assert_eq!(
            shown("[a]\n\tb = 12\n", "12"),
            "x.toml:2:6: wrong\n    \tb = 12\n    \t    ^^\n    hint: try again"
        );
        assert_eq!(
            shown("b = [1,\n2]", "[1,\n2]"),
            "x.toml:1:5: wrong\n    b = [1,\n        ^^^\n    hint: try again"
        );
    }

    #[test]
    fn a_line_that_may_hold_a_password_is_not_shown() {
        for text in [
            "bind_password = \"hunter2\"",
            "Secret=\"hunter2\"",
            "\"passwd\" = \"hunter2",
            "urls = [\"ldap://u:hunter2@h\"]",
        ] {
            assert!(!shown(text, "hunter2").contains("hunter2"), "{text}");
        }
        assert!(shown("bind_password_file = \"/x\"", "/x").contains("/x"));
    }

    #[test]
    fn lines_are_cut_and_cannot_steer_a_terminal() {
        let long = format!("a = \"\u{1b}[31m{}\"", "x".repeat(500));
        let text = shown(&long, "xxx");
        assert!(!text.contains('\u{1b}'));
        assert!(text.contains('…') && text.len() < 450);
        assert!(!shown(&long, "x\"").contains('^'));
    }
}
