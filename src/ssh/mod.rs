//! The SSH door: the socket at which the program asks that users of this machine run, most often for X2Go Client over
//! SSH, and who they are.
//!
//! ```text
//! x2goclient -> sshd -> x2godirector-ssh -> ask -> one line of JSON -> the daemon -> who is it? -> Broker -> one line
//! ```
//! What the program sends proves nothing: the user is whom the kernel says, and where they sit is believed only of
//! users who cannot choose what they run. The words of a command line and the text of an answer are `wire`'s.

mod client;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod message;
mod server;
mod settings;

pub use client::{AskError, ask};
pub use server::start;
pub use settings::{DEFAULT_SOCKET, Forced, SOCKET, Settings};
