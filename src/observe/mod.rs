//! What the daemon says of itself while it runs: log lines and numbers.

#[cfg(test)]
mod captured;
mod filter;
mod gauges;
mod journal;
mod logs;
mod metrics;
mod panics;
mod stages;

#[cfg(test)]
pub(crate) use captured::Captured;
pub use filter::BadFilter;
pub use gauges::{Gauges, HostGauge, KeyGauge, PoolGauge, ServerGauge, TableGauge};
pub use logs::{FILTER_VARIABLE, Logs, NotChanged};
pub use metrics::Metrics;
pub use stages::{Running, Stage, Stages};
