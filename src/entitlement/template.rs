//! Texts with `${…}` in them.

/// A text in which `${user}`, `${uid}`, `${home}`, `${client}` and `${attr:NAME}` stand for something of the
/// person it is rendered for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template(String);
