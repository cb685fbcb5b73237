//! Bounds of the front end that no site needs to change. Those that a site may change are in
//! [`Settings`](super::Settings).

use std::time::Duration;

use crate::wire::BODY_BYTES_MAX;

/// Longest head of a request, in bytes. X2Go Client's has about 300; a proxy adds a few lines.
pub(super) const HEAD_BYTES_MAX: usize = 16 << 10;

/// Most header lines of a request. X2Go Client sends 8.
pub(super) const HEADERS_MAX: usize = 64;

/// Most bytes of a body that are read, kept or not: what a client sends whose user pastes the longest text that
/// its login form takes (Qt's `QLineEdit`: 32,767 characters, here of three bytes each).
pub(super) const READ_BYTES_MAX: usize = 128 << 10;

/// Read buffer of one connection, in bytes: a head and a body.
pub(super) const BUFFER_BYTES_MAX: usize = HEAD_BYTES_MAX + BODY_BYTES_MAX;

/// How many connections the kernel may keep for us before they are accepted. While the cap on connections is
/// reached, this is the queue.
pub(super) const BACKLOG: i32 = 1024;

/// Pause after a failed accept. Without file descriptors (EMFILE) it would fail again at once.
pub(super) const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
