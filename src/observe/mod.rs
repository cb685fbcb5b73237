//! What the daemon says of itself while it runs.

mod logs;

pub use logs::{BadFilter, start_logs};
