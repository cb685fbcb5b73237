//! The plain-text front end: what X2Go Client posts to its broker URL, and the text it takes for an answer.
//!
//! Here are the bytes only. What a request means is `broker`'s, and how it got here is `http`'s. The facts of
//! the protocol were read from X2Go Client's sources (3.99 to 4.1.2.4) and seen on the wire.

mod decode;
mod encode;
mod ini;
#[cfg(test)]
mod tests;
mod words;

pub use decode::{decode, refuse};
pub(super) use decode::{event, task_named};
pub use encode::encode;
pub(super) use words::acts_in_selection;
