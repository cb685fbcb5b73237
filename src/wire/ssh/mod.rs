//! The SSH front end: what X2Go Client runs on the broker's machine, and the text it takes for an answer, which is
//! that of the plain front end.
//!
//! Here are words and texts only. How they got here is the matter of `ssh` and of the program that X2Go Client runs.
//! The facts of the protocol were read from X2Go Client's sources (4.0 to 4.1.2.4) and seen on the wire.

mod command;
mod connection;
mod decode;
mod encode;
#[cfg(test)]
mod tests;

pub use command::{Command, Marks, PROBE_ANSWER};
pub use connection::client_address;
pub use decode::decode;
pub use encode::encode;
