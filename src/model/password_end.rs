//! When a password will do no longer.

use super::Now;

/// When a password will do no longer, as its source told at the login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PasswordEnd {
    /// It expires then.
    At(Now),
    /// It has expired, and will do for this many logins more.
    AfterLogins(u32),
}
