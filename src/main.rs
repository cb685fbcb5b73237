//! The `x2godirector` program: reads its arguments and hands them to the library.

use std::process::ExitCode;

use tikv_jemallocator::Jemalloc;

/// The allocator that gives the peak of reading a configuration back: `docs/decisions/allocator.md`.
#[cfg(not(feature = "wipe-freed-memory"))]
#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

/// The same, wiping. Passwords pass through buffers of libraries (TLS records, HTTP bodies) that nobody but the
/// allocator can wipe.
#[cfg(feature = "wipe-freed-memory")]
#[global_allocator]
static ALLOCATOR: zeroizing_alloc::ZeroAlloc<Jemalloc> = zeroizing_alloc::ZeroAlloc(Jemalloc);

fn main() -> ExitCode {
    x2godirector::cli::run(std::env::args_os())
}
