//! How answers are printed.

use clap::ValueEnum;

/// Whom an answer is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// Sentences and tables.
    Text,
    /// JSON.
    Json,
}
