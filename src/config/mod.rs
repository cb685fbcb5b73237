//! The configuration: the files of `conf.d` and the environment, read strictly, with every problem of every
//! file reported at its place in one run. It fills the settings types of the rooms and decides nothing else.

mod accounts;
mod authentication;
mod client;
mod contradictions;
mod diagnostic;
mod directory;
mod document;
mod environment;
mod expectations;
mod farms;
mod icon;
mod ldap_text;
mod load;
mod merge;
mod named_file;
mod pam;
mod profile_ids;
mod profiles;
mod rules;
mod section;
mod server;
mod session_keys;
mod source;
mod time_zone;
mod tree;
mod value;

pub use accounts::{Accounts, HostSettings};
pub use diagnostic::{Diagnostic, Severity};
pub use environment::process_environment;
pub use load::{Configuration, load, load_pam_worker};
