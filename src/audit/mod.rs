//! One line per decision: who asked what, from where, what was decided and why, and what the rules saw, so that
//! the line alone can explain it later.
//!
//! The line is JSON, so that no value, whatever it holds, can end it or forge another one. It goes to a file, or
//! else out as a log event of the target `audit`. Nothing secret has a field here.

mod action;
mod decision;
mod entry;
mod file;
mod line;
mod log;
mod person;
mod ration;
mod reader;

pub use action::Action;
pub use decision::{Decision, Outcome};
pub use entry::Entry;
pub use file::{AuditFile, FileError};
pub use log::Log;
pub use person::RecordedPerson;
pub use ration::Ration;
pub use reader::{Found, Reader};

/// Where the packaged configuration has the file.
pub const DEFAULT_FILE: &str = "/var/log/x2godirector/audit.log";
