//! PAM and the host's users: the client that the daemon asks with, and the worker that it asks.
//!
//! PAM modules and name services block, hang and crash. They run in processes of the worker, never in the
//! daemon, and each process can be killed.

mod answers;
mod client;
mod frame;
mod limits;
mod message;

pub use answers::{Change, HostGroup, HostUser, Refusal, Unreachable, Verdict};
pub use client::{Client, ClientSettings};
