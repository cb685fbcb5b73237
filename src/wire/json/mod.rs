//! The JSON front end: what Python X2Go (PyHoca) posts to its broker URL, and the object it takes for an answer.
//!
//! Here are the bytes only. What a request means is `broker`'s, and how it got here is `http`'s. The facts of
//! the protocol were read from Python X2Go's sources (0.6.1.3) and seen on the wire.

mod decode;
mod encode;
mod profile;
#[cfg(test)]
mod tests;

pub use decode::{decode, refuse};
pub use encode::encode;
