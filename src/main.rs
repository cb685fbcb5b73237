//! The `x2godirector` program: reads its arguments and hands them to the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    x2godirector::cli::run(std::env::args_os())
}
