//! How answers are printed.

use clap::ValueEnum;

use crate::model::{plain_json, visible_lines};

/// Whom an answer is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// Sentences and tables.
    Text,
    /// JSON.
    Json,
}

impl Format {
    /// An answer as it goes out: with nothing in it that a terminal would obey, or that looks like something else.
    pub(super) fn printed(self, answer: &str) -> String {
        match self {
            Self::Text => visible_lines(answer),
            Self::Json => plain_json(answer).into_owned(),
        }
    }
}
