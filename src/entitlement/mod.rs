//! The rules: who may have which profile. Pure functions of a configuration and a person.
//!
//! ```text
//! Person, Context -> subject -> index (which rules can match) -> matching (which do)
//!                 -> coverage (about which profiles) -> draft (keys, templates) -> Offer
//! ```
//! [`Policy`] holds what was prepared when the configuration was read; an [`Explanation`] goes the same way
//! and tells of every step, an [`Expectation`] holds what an admin wants against it, and a [`Comparison`] two policies against each other. Nothing
//! here reads files or asks a directory.

#![forbid(unsafe_code)]

mod attribute;
mod context;
mod coverage;
mod diff;
mod draft;
mod expectation;
mod explain_text;
mod explanation;
mod glob;
mod hours;
mod index;
#[cfg(test)]
mod laws;
mod matching;
mod notice;
mod notice_text;
mod offer;
mod pattern;
mod policy;
mod profile;
mod reasons;
mod render;
mod rule;
#[cfg(test)]
mod sample;
mod situation_set;
mod situations;
mod subject;
mod template;

pub use attribute::AttributeCondition;
pub use context::Context;
pub use diff::{Change, Comparison, Rendered, What, WhatKind};
pub use expectation::{Expectation, Unmet};
pub use explanation::{ExplainedGroup, ExplainedKey, ExplainedProfile, ExplainedRule, Explanation, Outcome};
pub use glob::Glob;
pub use hours::{Hours, HoursError};
pub use notice::{Message, MustChange, Notice, Notices, Occasion};
pub use notice_text::NoticeText;
pub use offer::Offer;
pub use pattern::GroupPattern;
pub use policy::Policy;
pub use profile::{Profile, ProfileValue};
pub use rule::Rule;
pub use situation_set::SituationSet;
pub use situations::{Situations, TooManySituations};
pub use template::{Template, TemplateError};
