//! The UCCS front end: what greeters with a remote logon (Arctica Greeter's `remote-logon-service`) ask, and the list
//! of servers that they take for an answer.
//!
//! Such a client shows name and password in the head of one request and starts a session on what it got; it never
//! selects. The facts of the protocol were read from remote-logon-config-agent (0.10), from what
//! remote-logon-service (1.0) takes, and seen on the wire.

mod decode;
mod encode;
#[cfg(test)]
mod tests;

pub use decode::decode;
pub use encode::{Api, encode};
