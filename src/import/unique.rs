//! Names in the alphabet of `conf.d`, made from names of the old files.

use std::collections::HashSet;

/// Longest name, in bytes, of a profile, farm, host or rule.
const NAME_BYTES_MAX: usize = 64;

/// Names that were given away. Two names that differ only in case are the same.
#[derive(Debug, Default)]
pub(super) struct UniqueNames(HashSet<String>);

impl UniqueNames {
    /// The name itself if it may be used and is free, or one like it.
    pub(super) fn take(&mut self, wanted: &str) -> String {
        let base = legal(wanted);
        let mut name = base.clone();
        let mut count = 1;
        while !self.0.insert(name.to_lowercase()) {
            count += 1;
            let suffix = format!("-{count}");
            let kept = base.len().min(NAME_BYTES_MAX - suffix.len());
            name = format!("{}{suffix}", &base[..kept]);
        }
        name
    }
}

/// The name with `-` for every run of other characters than letters, digits, `.`, `_` and `-`.
pub(super) fn legal(wanted: &str) -> String {
    let mut name = String::new();
    for c in wanted.chars() {
        if c.is_ascii_alphanumeric() || "._-".contains(c) {
            name.push(c);
        } else if !name.ends_with('-') {
            name.push('-');
        }
    }
    name.truncate(NAME_BYTES_MAX);
    if name.bytes().all(|b| b == b'-') {
        return "unnamed".to_owned();
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_legal_and_never_given_twice() {
        let mut names = UniqueNames::default();
        assert_eq!(names.take("xfce"), "xfce");
        assert_eq!(names.take("XFCE"), "XFCE-2");
        assert_eq!(names.take("Büro / 2. Stock"), "B-ro-2.-Stock");
        assert_eq!(names.take("日本"), "unnamed");
        let long = "x".repeat(80);
        assert_eq!(names.take(&long).len(), 64);
        assert!(names.take(&long).ends_with("x-2"));
    }
}
