//! The `x2godirector-host` program, for X2Go servers: reads its arguments and hands them to the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    x2godirector::cli::run_on_host(std::env::args_os())
}
