//! One line per decision: who asked what, from where, what was decided and why.
//!
//! The line is JSON, so that no value, whatever it holds, can end it or forge another one. It goes out as a log
//! event of the target `audit`. Nothing secret has a field here.

mod decision;

pub use decision::{Decision, Outcome};
