//! Between bytes and meaning: what a client asks, and what it is answered, whichever front end it came
//! through. Pure: no room but `model` is known here, and nothing is decided.

mod authorization;
mod form;
pub mod host_keys;
pub mod json;
mod names;
pub mod plain;
mod reply;
mod request;
mod session_line;
pub mod ssh;
pub mod uccs;

pub use reply::{ClientConfig, LoginKey, OfferedProfile, Reply, SelectedHost};
pub use request::{BadRequest, Credentials, Event, EventKind, Fault, Request, Task};
pub use session_line::{SessionLine, Unspeakable};

/// Longest body taken, in bytes. The longest honest one has two percent-encoded passwords of 512 bytes, a
/// user name of 256 and a ticket: below 5 KiB.
pub const BODY_BYTES_MAX: usize = 16 * 1024;
