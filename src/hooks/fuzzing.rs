//! The parsers of this room, for whatever bytes somebody feeds them; each says whether they are what it is for.

use super::Verdict;
use super::message::{Asked, Told};

/// What a program wrote.
pub fn verdict(bytes: &[u8]) -> bool {
    Verdict::read(bytes).is_ok()
}

/// What the daemon asks the worker.
pub fn asked(bytes: &[u8]) -> bool {
    Asked::decode(bytes).is_ok()
}

/// What the worker tells the daemon.
pub fn told(bytes: &[u8]) -> bool {
    Told::decode(bytes).is_ok()
}
