//! Log lines on standard error, where systemd's journal picks them up.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

/// Takes a filter such as `debug` or `info,x2godirector::directory=trace`.
const FILTER_VARIABLE: &str = "X2GODIRECTOR_LOG";
/// Set by systemd where standard error is the journal, which stamps each line itself (systemd.exec(5)).
const JOURNAL_VARIABLE: &str = "JOURNAL_STREAM";

/// The filter cannot be understood.
#[derive(Debug, thiserror::Error)]
#[error(
    "{FILTER_VARIABLE}: `{text}` is not a log filter: {why}; write it like `info` or `info,x2godirector=debug`"
)]
pub struct BadFilter {
    text: String,
    why: tracing_subscriber::filter::ParseError,
}

/// Starts the logs: to standard error, `info` and above unless `X2GODIRECTOR_LOG` says otherwise.
///
/// # Errors
/// Says which filter is wrong, and how one is written.
pub fn start_logs() -> Result<(), BadFilter> {
    let filter = match std::env::var(FILTER_VARIABLE) {
        Ok(text) => EnvFilter::try_new(&text).map_err(|why| BadFilter { text, why })?,
        Err(_) => EnvFilter::new("info"),
    };
    let logs = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    if std::env::var_os(JOURNAL_VARIABLE).is_some() {
        logs.without_time().init()
    } else {
        logs.init()
    }
    Ok(())
}
