//! Where a key stands in the tree of all keys, as one text: there are tens of thousands of them.

use std::fmt;

/// Ends each key. A key that holds it has an [`ESCAPE`] before it.
const END: char = '\u{1f}';
const ESCAPE: char = '\u{1b}';

/// The keys from the top of the tree down to one.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct KeyPath(String);

impl KeyPath {
    /// Goes down to a key, and gives what [`KeyPath::truncate`] goes back up with.
    pub(super) fn push(&mut self, key: &str) -> usize {
        let length = self.0.len();
        for c in key.chars() {
            if matches!(c, END | ESCAPE) {
                self.0.push(ESCAPE);
            }
            self.0.push(c);
        }
        self.0.push(END);
        length
    }

    /// Goes back up to where the path was this long.
    pub(super) fn truncate(&mut self, length: usize) {
        self.0.truncate(length);
    }
}

/// With dots between the keys, as messages have it.
impl fmt::Display for KeyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.0.strip_suffix(END).unwrap_or(&self.0);
        f.write_str(&path.replace(END, "."))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn path(keys: &[String]) -> KeyPath {
        let mut path = KeyPath::default();
        for key in keys {
            path.push(key);
        }
        path
    }

    #[test]
    fn paths_are_told_with_dots() {
        assert_eq!(path(&["a".to_owned(), "b".to_owned()]).to_string(), "a.b");
        assert_eq!(KeyPath::default().to_string(), "");
    }

    proptest! {
        #[test]
        fn different_keys_are_different_paths(
            one in prop::collection::vec("[a\u{1b}\u{1f}]{0,3}", 0..4),
            other in prop::collection::vec("[a\u{1b}\u{1f}]{0,3}", 0..4),
        ) {
            prop_assert_eq!(path(&one) == path(&other), one == other);
        }

        #[test]
        fn the_way_back_up_is_the_way_down(keys in prop::collection::vec("[a\u{1b}\u{1f}]{0,3}", 1..4)) {
            let mut down = path(&keys[..keys.len() - 1]);
            let before = down.clone();
            let length = down.push(&keys[keys.len() - 1]);
            down.truncate(length);
            prop_assert_eq!(down, before);
        }
    }
}
