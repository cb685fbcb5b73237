//! What a rule says of a group.

use std::fmt;

use super::Glob;
use crate::model::{Dn, Invalid};

/// What a rule says of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GroupPattern {
    /// The group with this entry.
    Dn(Dn),
    /// Groups whose bare name is like this.
    Name(Glob),
}

impl GroupPattern {
    /// Reads what an admin wrote: a text with `=` is a distinguished name, everything else a name that may
    /// have `*` and `?`.
    ///
    /// # Errors
    /// Says which bound was crossed. A distinguished name with a bare `*` is refused, since it would stand for
    /// no group; one whose value really has a `*` writes it as `\2a`.
    pub fn new(text: &str) -> Result<Self, Invalid> {
        if !text.contains('=') {
            return Glob::new(text).map(Self::Name);
        }
        if text.contains('*') {
            return Err(Invalid::Meaning {
                what: "distinguished name",
                why: "has a `*`, which only bare group names may have; write the name alone, like lab-*",
            });
        }
        Dn::new(text).map(Self::Dn)
    }
}

impl fmt::Display for GroupPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dn(dn) => dn.fmt(f),
            Self::Name(glob) => glob.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_equals_sign_makes_a_distinguished_name() {
        assert!(matches!(GroupPattern::new("lab-*"), Ok(GroupPattern::Name(_))));
        assert!(matches!(
            GroupPattern::new("cn=lab,ou=groups,dc=example,dc=org"),
            Ok(GroupPattern::Dn(_))
        ));
        assert!(GroupPattern::new("cn=lab-*,ou=groups,dc=example,dc=org").is_err());
        assert!(GroupPattern::new("cn=lab,").is_err());
        assert!(GroupPattern::new("").is_err());
    }
}
