//! A change of password on behalf of its owner: as passwd(1), with the owner's real user id and root's effective one.
//!
//! Modules ask getuid(2) whose wish it is, and spare root the rules: pam_unix the least length and the least age,
//! pam_pwquality and pam_pwhistory everything.

use nix::unistd::{ROOT, Uid, User, geteuid, setresuid};

/// Does something with the real user id of `user`, if this is a process of root and the user has an account on this
/// host. The C library changes the ids of all threads of the process (nptl(7)), so nothing else may be under way in it.
///
/// # Errors
/// In the admin's words: the account cannot be looked up, or the id not be taken. Then nothing was done.
pub(super) fn of<T>(user: &str, act: impl FnOnce() -> T) -> Result<T, String> {
    if !geteuid().is_root() {
        return Ok(act());
    }
    let failed = |what: &str, error: nix::Error| format!("{what} `{user}`: {}", error.desc());
    let owner = User::from_name(user).map_err(|error| failed("cannot look up", error))?;
    let Some(owner) = owner.filter(|owner| !owner.uid.is_root()) else {
        return Ok(act());
    };
    set_real(owner.uid).map_err(|error| failed("cannot act on behalf of", error))?;
    let done = act();
    if let Err(error) = set_real(ROOT) {
        // The next question must not be answered on behalf of this user. The worker starts another process.
        tracing::error!(%error, "the real user id of root cannot be taken back");
        std::process::exit(1);
    }
    Ok(done)
}

/// Sets the real user id; the effective and the saved one stay root's.
fn set_real(id: Uid) -> nix::Result<()> {
    setresuid(id, ROOT, ROOT)
}
