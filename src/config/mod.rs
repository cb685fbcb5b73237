//! The configuration: the files of `conf.d` and the environment, read strictly, with every problem of every
//! file reported at its place in one run. It fills the settings types of the rooms and decides nothing else.

mod accounts;
mod agent;
mod audit;
mod authentication;
mod client;
mod contradictions;
mod diagnostic;
mod digest;
mod directory;
mod document;
mod environment;
mod expectations;
mod farms;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod hooks;
mod icon;
mod key_path;
mod keys;
#[cfg(test)]
mod known_keys;
mod ldap_text;
mod limit;
mod load;
mod merge;
mod named_file;
mod notices;
mod own_names;
mod pam;
mod profile_ids;
mod profiles;
mod rules;
mod section;
mod server;
mod session_keys;
mod shadowed;
mod socket_path;
mod source;
mod ssh;
mod summary;
mod throttle;
mod time_zone;
mod tree;
mod unproven;
mod value;

pub use accounts::{Accounts, HostSettings};
pub use diagnostic::{Diagnostic, Severity, told};
pub use environment::process_environment;
pub use load::{Configuration, load, load_hook_worker, load_pam_worker};
pub use summary::summary;
