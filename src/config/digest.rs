//! What a configuration was read from, as one number.

use sha2::{Digest as _, Sha256};

use crate::model::ConfigurationHash;

/// Takes everything that is read, in the order in which it counts: the files of `conf.d` by their names, not by
/// the folders that they lie in, and the variables. The files that these name are not taken in: a certificate is
/// renewed without a change of the configuration, and nothing shall be guessed of a secret.
#[derive(Default)]
pub(super) struct Digest(Sha256);

impl Digest {
    /// Takes in a file.
    pub(super) fn file(&mut self, name: &str, text: &str) {
        self.add("file", name, text);
    }

    /// Takes in a variable of the environment.
    pub(super) fn variable(&mut self, name: &str, value: &str) {
        self.add("variable", name, value);
    }

    /// Each part with its length, so that no two readings look alike.
    fn add(&mut self, kind: &str, name: &str, text: &str) {
        for part in [kind, name, text] {
            self.0.update(part.len().to_be_bytes());
            self.0.update(part);
        }
    }

    /// The hash of everything taken in.
    pub(super) fn finish(self) -> ConfigurationHash {
        ConfigurationHash::from_digest(self.0.finalize().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(files: &[(&str, &str)], variables: &[(&str, &str)]) -> String {
        let mut digest = Digest::default();
        for (name, text) in files {
            digest.file(name, text);
        }
        for (name, value) in variables {
            digest.variable(name, value);
        }
        digest.finish().to_string()
    }

    #[test]
    fn every_change_of_what_is_read_shows() {
        let one = hash(&[("a", "bc"), ("d", "e")], &[("X", "1")]);
        assert_eq!(one.len(), 12);
        assert_eq!(one, hash(&[("a", "bc"), ("d", "e")], &[("X", "1")]));
        for other in [
            hash(&[("ab", "c"), ("d", "e")], &[("X", "1")]),
            hash(&[("d", "e"), ("a", "bc")], &[("X", "1")]),
            hash(&[("a", "bc"), ("d", "e")], &[("X", "2")]),
            hash(&[("a", "bc"), ("d", "e"), ("X", "1")], &[]),
        ] {
            assert_ne!(one, other);
        }
    }
}
