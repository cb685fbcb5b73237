//! The socket between the daemon and a worker of another user: who may speak on it, and where a message ends.
//!
//! What is said is the worker's own business.

mod client;
pub mod frame;
mod listener;

pub use client::{Client, NoAnswer};
pub use listener::Listener;
