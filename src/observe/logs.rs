//! Log lines: with their fields in systemd's journal where that is what standard error is, else as text there.

use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::fmt::format::debug_fn;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Registry, fmt, reload};

use super::filter::{self, AUDIT_TARGET, BadFilter};
use super::journal::Journal;
use super::panics::log_panics;
use crate::model::plain_line;

/// Takes a filter such as `debug` or `info,x2godirector::directory=trace`.
pub const FILTER_VARIABLE: &str = "X2GODIRECTOR_LOG";
/// What is logged where nothing else is said.
const DEFAULT_FILTER: &str = "info";

/// The running logs, whose filter can be changed.
#[derive(Debug)]
pub struct Logs {
    /// The filter in use, as it was written.
    filter: Mutex<String>,
    lost: Arc<AtomicU64>,
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
    /// Starts the logs: to standard error or the journal, `info` and above unless `X2GODIRECTOR_LOG` says otherwise. Panics
    /// go there too. Once in a process.
    ///
    /// # Errors
    /// Says what is wrong with that filter, and how one is written.
    pub fn start() -> Result<Self, BadFilter> {
        let text = std::env::var(FILTER_VARIABLE).unwrap_or_else(|_| DEFAULT_FILTER.to_owned());
        let (filter, handle) = reload::Layer::new(filter::parse(&text)?);
        let logs = tracing_subscriber::registry().with(filter);
        let lost = Arc::default();
        match Journal::of_standard_error(Arc::clone(&lost)) {
            Some(journal) => logs.with(journal).init(),
            None => {
                let lines = fmt::layer().with_writer(OneLine::default).with_ansi(false);
                // The text of a decision has all its fields already.
                let decisions = fmt::layer()
                    .with_writer(OneLine::default)
                    .with_ansi(false)
                    .fmt_fields(debug_fn(|out, field, value| match field.name() {
                        "message" => write!(out, "{value:?}"),
                        _ => Ok(()),
                    }));
                let is_decision = filter_fn(|metadata| metadata.target() == AUDIT_TARGET);
                let is_other = filter_fn(|metadata| metadata.target() != AUDIT_TARGET);
                logs.with(lines.with_filter(is_other))
                    .with(decisions.with_filter(is_decision))
                    .init();
            }
        }
        log_panics();
        Ok(Self {
            filter: Mutex::new(text),
            lost,
            handle,
        })
    }

    /// How many lines the journal did not take since the start.
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
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

/// Standard error, to which each event is written as one line, whatever its values hold.
#[derive(Debug, Default)]
struct OneLine;

impl Write for OneLine {
    /// Takes an event in whole, as the formatter gives it, with its end.
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(event);
        let line = plain_line(text.strip_suffix('\n').unwrap_or(&text)).into_owned() + "\n";
        io::stderr().write_all(line.as_bytes())?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}
