//! The rules: who may have which profile. Pure functions of a configuration and a person.

#![forbid(unsafe_code)]

mod glob;
mod pattern;
mod profile;
mod rule;
mod template;

pub use glob::Glob;
pub use pattern::GroupPattern;
pub use profile::{Profile, ProfileValue};
pub use rule::Rule;
pub use template::{Template, TemplateError};
