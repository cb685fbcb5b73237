//! No copy of a process's memory is left behind, since passwords pass through it.

use std::io;

use nix::sys::prctl;
use nix::sys::resource::{Resource, setrlimit};

/// Forbids core files, and reading the memory through `/proc` and ptrace by other processes of the same user
/// (prctl(2), `PR_SET_DUMPABLE`).
///
/// # Errors
/// The operating system refuses, which it has no reason to.
pub(crate) fn forbid() -> io::Result<()> {
    setrlimit(Resource::RLIMIT_CORE, 0, 0)?;
    prctl::set_dumpable(false)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use nix::sys::resource::getrlimit;

    use super::*;

    #[test]
    fn no_copy_of_the_memory_is_to_be_had() {
        forbid().unwrap();
        assert_eq!(getrlimit(Resource::RLIMIT_CORE).unwrap(), (0, 0));
        assert!(!prctl::get_dumpable().unwrap());
    }
}
