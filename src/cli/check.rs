//! `x2godirector check`: says what is wrong with a configuration.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use crate::config;

/// Reads the configuration in these folders, and what the environment overrides, and prints the problems.
/// Succeeds (0) if it can be used, warnings or not, and fails (1) otherwise.
pub fn run(folders: &[PathBuf]) -> ExitCode {
    match report(folders, config::process_environment(), &mut io::stdout().lock()) {
        Ok(true) => ExitCode::SUCCESS,
        // Nobody reads what could not be printed.
        Ok(false) | Err(_) => ExitCode::FAILURE,
    }
}

/// Writes the problems, of very many only the first, then a line that sums up; says whether the configuration can be used.
///
/// # Errors
/// When `out` cannot be written to.
pub fn report(
    folders: &[PathBuf],
    environment: impl Iterator<Item = (String, String)>,
    out: &mut impl Write,
) -> io::Result<bool> {
    let loaded = config::load(folders, environment);
    let problems = match &loaded {
        Ok(configuration) => &configuration.warnings,
        Err(problems) => problems,
    };
    for told in config::told(problems) {
        writeln!(out, "{told}\n")?;
    }
    let loaded = loaded.as_ref().map_err(Vec::as_slice);
    writeln!(out, "{}", config::summary(loaded))?;
    out.flush()?;
    Ok(loaded.is_ok())
}
