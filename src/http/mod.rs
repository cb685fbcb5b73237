//! The HTTPS front end: the only room that knows `warp`.

mod settings;

pub use settings::{KeyPair, Settings};
