//! Who is it? Tickets and passwords, and the kernel's word.
//!
//! The only room that makes a [`Verified`]. What the proven user may do is not asked here.

mod accounts;
mod attempt;
mod chain;
mod change;
mod check_times;
mod failure;
mod gate;
mod limits;
mod login;
mod mac;
mod pam;
mod password_checks;
mod peer;
mod settings;
pub mod throttle;
mod tickets;
mod unproven;
mod verified;
mod wrong_passwords;

#[cfg(test)]
pub(crate) mod fake;
#[cfg(test)]
mod tests;

pub use accounts::{Accounts, Asked};
pub use attempt::Attempt;
pub use chain::Chain;
pub use change::PasswordChange;
pub use failure::Failure;
pub use gate::{Closed, Gate, GateAnswer};
pub use limits::Limits;
pub use login::Login;
pub use pam::PamAccounts;
pub use password_checks::PasswordChecks;
pub use settings::{Method, Settings};
pub use unproven::{Unproven, unproven_entry};
pub use verified::{ChangeOnly, Proof, Proven, Verified};
