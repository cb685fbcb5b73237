//! Programs of the site that have a say: before a password is checked, after somebody is known, and when a profile is
//! selected. They may refuse, choose among the hosts that could be chosen anyway, or tell the user something. They can
//! grant nothing, and they never see a password.
//!
//! The programs run in a worker of its own user, which the daemon asks over a private socket: what they can do to
//! files and processes is what that user can. Which programs there are is the worker's to know; the daemon only names
//! the moment.
//!
//! ```text
//! Client (daemon) -> Question -> Worker -> Program (one process for each question) -> text -> Verdict (daemon)
//! ```

mod client;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod message;
mod program;
mod question;
mod settings;
mod trust;
mod verdict;
mod worker;

pub use client::{Client, HookFailed};
pub use question::{Candidate, Known, Moment, Question, Request};
pub use settings::{OnFailure, Program, Programs, Settings};
pub use verdict::{BadVerdict, Verdict};
pub use worker::{StartError, Worker};
