//! Log lines on standard error, where systemd's journal picks them up.

use std::io::IsTerminal;
use std::sync::{Mutex, PoisonError};

use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Registry, reload};

use super::filter::{self, BadFilter};

/// Takes a filter such as `debug` or `info,x2godirector::directory=trace`.
pub const FILTER_VARIABLE: &str = "X2GODIRECTOR_LOG";
/// What is logged where nothing else is said.
const DEFAULT_FILTER: &str = "info";
/// Set by systemd where standard error is the journal, which stamps each line itself (systemd.exec(5)).
const JOURNAL_VARIABLE: &str = "JOURNAL_STREAM";

/// The running logs, whose filter can be changed.
#[derive(Debug)]
pub struct Logs {
    /// The filter in use, as it was written.
    filter: Mutex<String>,
    handle: reload::Handle<EnvFilter, Registry>,
}

/// Why the filter was not changed.
#[derive(Debug, thiserror::Error)]
pub enum NotChanged {
    /// It is none.
    #[error(transparent)]
    Filter(#[from] BadFilter),
    /// The logs do not take another one.
    #[error("the logs cannot be changed: {0}")]
    Logs(#[from] reload::Error),
}

impl Logs {
    /// Starts the logs: to standard error, `info` and above unless `X2GODIRECTOR_LOG` says otherwise. Once in a
    /// process.
    ///
    /// # Errors
    /// Says what is wrong with that filter, and how one is written.
    pub fn start() -> Result<Self, BadFilter> {
        let text = std::env::var(FILTER_VARIABLE).unwrap_or_else(|_| DEFAULT_FILTER.to_owned());
        let (filter, handle) = reload::Layer::new(filter::parse(&text)?);
        let logs = tracing_subscriber::registry().with(filter);
        let lines = tracing_subscriber::fmt::layer()
            .with_writer(std::io::stderr)
            .with_ansi(std::io::stderr().is_terminal());
        if std::env::var_os(JOURNAL_VARIABLE).is_some() {
            logs.with(lines.without_time()).init();
        } else {
            logs.with(lines).init();
        }
        Ok(Self {
            filter: Mutex::new(text),
            handle,
        })
    }

    /// The filter in use.
    pub fn filter(&self) -> String {
        self.filter.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Logs by another filter from now on.
    ///
    /// # Errors
    /// Says what is wrong with it; then nothing is changed.
    pub fn change(&self, text: &str) -> Result<(), NotChanged> {
        let filter = filter::parse(text)?;
        let mut current = self.filter.lock().unwrap_or_else(PoisonError::into_inner);
        self.handle.reload(filter)?;
        text.clone_into(&mut current);
        Ok(())
    }
}
