//! The one place that reads the wall clock.

use std::time::SystemTime;

use crate::model::Now;

/// The time.
#[expect(
    clippy::disallowed_methods,
    reason = "everything else is handed what this reads"
)]
pub fn now() -> Now {
    Now::from(SystemTime::now())
}
