//! The `x2godirector` program: reads its arguments and hands them to the library.

use std::process::ExitCode;

/// Passwords pass through buffers of libraries (TLS records, HTTP bodies) that nobody but the allocator can wipe.
#[cfg(feature = "wipe-freed-memory")]
#[global_allocator]
static ALLOCATOR: zeroizing_alloc::ZeroAlloc<std::alloc::System> =
    zeroizing_alloc::ZeroAlloc(std::alloc::System);

fn main() -> ExitCode {
    x2godirector::cli::run(std::env::args_os())
}
