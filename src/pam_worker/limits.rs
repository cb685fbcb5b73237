//! The bounds that both ends of the socket keep.

use std::time::Duration;

/// Longest request in bytes: a name of 256, two passwords of 512, an address, and the lengths between them.
pub(super) const REQUEST_BYTES_MAX: usize = 2048;
/// Longest reply in bytes: a user with as many groups as are taken.
pub(super) const REPLY_BYTES_MAX: usize = 512 * 1024;
/// Most groups of one user. Active Directory ends at 1,015 per token; beyond that something is wrong.
pub(super) const GROUPS_MAX: usize = 4096;
/// Longest text in a reply, in bytes: a name, a home directory, a line that a module said.
pub(super) const TEXT_BYTES_MAX: usize = 1024;
/// Most lines that are kept of what the modules said.
pub(super) const LINES_MAX: usize = 8;
/// Longest wait after a failure that a module can ask for (pam_fail_delay(3)).
pub(super) const FAIL_DELAY_MAX: Duration = Duration::from_secs(10);
/// Longest wait for a free process.
pub(super) const QUEUE_WAIT_MAX: Duration = Duration::from_secs(5);
/// How much later than the worker the client gives up, so that the worker's own words arrive.
pub(super) const CLIENT_GRACE: Duration = Duration::from_secs(2);
/// Longest lookup of a user. A name service that takes longer is down.
pub(super) const LOOKUP_TIMEOUT: Duration = Duration::from_secs(5);
