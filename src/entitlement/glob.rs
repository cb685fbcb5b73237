//! Patterns with `*` and `?`.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::model::{Invalid, bounded, printable};

/// Longest pattern taken, in bytes: no name it is compared with is longer.
const GLOB_BYTES_MAX: usize = 256;

/// A pattern in which `*` stands for any characters, also none, and `?` for exactly one. It is compared
/// without regard to case, and there is no escape: `?` is also the way to write a name that has a `*`.
#[derive(Debug, Clone)]
pub struct Glob {
    text: String,
    folded: String,
}

impl Glob {
    /// Takes a pattern of 1 to 256 bytes without control characters. Blanks at the ends do not count.
    ///
    /// # Errors
    /// Says which bound was crossed.
    pub fn new(text: &str) -> Result<Self, Invalid> {
        let what = "pattern";
        let text = text.trim();
        bounded(what, text, GLOB_BYTES_MAX)?;
        printable(what, text)?;
        Ok(Self {
            text: text.to_owned(),
            folded: text.to_lowercase(),
        })
    }

    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The pattern in lower case.
    pub fn folded(&self) -> &str {
        &self.folded
    }

    /// The one name this pattern stands for, in lower case, if it has no `*` and no `?`.
    pub fn exact(&self) -> Option<&str> {
        (self.prefix().len() == self.folded.len()).then_some(self.folded.as_str())
    }

    /// What every name it stands for begins with, in lower case; it may be empty.
    pub fn prefix(&self) -> &str {
        let end = self.folded.find(['*', '?']).unwrap_or(self.folded.len());
        &self.folded[..end]
    }

    /// Whether it stands for this name, which must be in lower case already.
    pub fn matches(&self, folded: &str) -> bool {
        is_like(&self.folded, folded)
    }

    /// Whether it stands for this name where upper and lower case are not the same.
    pub(super) fn matches_as_written(&self, name: &str) -> bool {
        is_like(&self.text, name)
    }
}

/// Whether a name is like a pattern.
///
/// Only the last `*` passed is ever tried again, so the work is at most the product of both lengths.
fn is_like(pattern: &str, name: &str) -> bool {
    let mut pattern = pattern.chars();
    let mut name = name.chars();
    let mut retry: Option<(std::str::Chars<'_>, std::str::Chars<'_>)> = None;
    loop {
        let before = pattern.clone();
        let advanced = match pattern.next() {
            Some('*') => {
                retry = Some((before, name.clone()));
                true
            }
            Some('?') => name.next().is_some(),
            Some(wanted) => name.next() == Some(wanted),
            None if name.as_str().is_empty() => return true,
            None => false,
        };
        if advanced {
            continue;
        }
        let Some((star, mut rest)) = retry.take() else {
            return false;
        };
        if rest.next().is_none() {
            return false;
        }
        pattern = star;
        name = rest;
    }
}

impl PartialEq for Glob {
    fn eq(&self, other: &Self) -> bool {
        self.folded == other.folded
    }
}

impl Eq for Glob {}

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Serialize for Glob {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn glob(text: &str) -> Glob {
        Glob::new(text).unwrap()
    }

    /// What a pattern means, said the slow way.
    fn by_definition(pattern: &[char], name: &[char]) -> bool {
        match (pattern.split_first(), name.split_first()) {
            (None, None) => true,
            (Some(('*', rest)), _) => (0..=name.len()).any(|skip| by_definition(rest, &name[skip..])),
            (Some(('?', rest)), Some((_, tail))) => by_definition(rest, tail),
            (Some((wanted, rest)), Some((c, tail))) => wanted == c && by_definition(rest, tail),
            _ => false,
        }
    }

    #[test]
    fn stars_and_question_marks() {
        for (pattern, name) in [
            ("*", ""),
            ("*", "anything"),
            ("lab-*", "lab-"),
            ("lab-?", "lab-1"),
            ("*-lab-*", "a-lab-lab-b"),
            ("LAB", "lab"),
            ("?nal", "ünal"),
            ("Ünal", "ünal"),
        ] {
            assert!(glob(pattern).matches(name), "{pattern} {name}");
        }
        for (pattern, name) in [("lab-?", "lab-12"), ("lab", "lab1"), ("lab", "xlab"), ("?", "")] {
            assert!(!glob(pattern).matches(name), "{pattern} {name}");
        }
    }

    #[test]
    fn bounds() {
        for bad in ["", "  ", "a\nb", &"x".repeat(257)] {
            assert!(Glob::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn many_stars_stay_cheap() {
        let pattern = glob(&"*a".repeat(128));
        assert!(!pattern.matches(&format!("{}b", "a".repeat(4096))));
    }

    proptest! {
        #[test]
        fn matching_is_what_the_definition_says(pattern in "[ab*?]{1,8}", name in "[ab]{0,8}") {
            let chars = |text: &str| text.chars().collect::<Vec<_>>();
            prop_assert_eq!(glob(&pattern).matches(&name), by_definition(&chars(&pattern), &chars(&name)));
        }

        #[test]
        fn what_matches_begins_with_the_prefix(pattern in "[ab*?]{1,6}", name in "[ab]{0,6}") {
            let glob = glob(&pattern);
            if glob.matches(&name) {
                prop_assert!(name.starts_with(glob.prefix()));
                prop_assert!(glob.exact().is_none_or(|exact| exact == name));
            }
        }
    }
}
