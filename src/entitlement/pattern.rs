//! What a rule compares with.

use crate::model::Dn;

/// A pattern with `*` and `?`, compared without regard to case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Glob(String);

/// What a rule says of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GroupPattern {
    /// The group with this entry.
    Dn(Dn),
    /// Groups whose bare name is like this.
    Name(Glob),
}
