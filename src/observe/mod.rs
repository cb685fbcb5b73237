//! What the daemon says of itself while it runs: log lines and numbers.

mod filter;
mod logs;
mod metrics;

pub use filter::BadFilter;
pub use logs::{FILTER_VARIABLE, Logs, NotChanged};
pub use metrics::{Gauges, HostGauge, Metrics, ServerGauge};
