//! The path of a Unix socket.

use std::path::PathBuf;

use super::diagnostic::Problems;
use super::tree::Entry;
use super::value::FromValue;
use crate::socket::PATH_BYTES_MAX;

/// A path that the kernel takes for a socket.
#[derive(Debug)]
pub(super) struct SocketPath(pub(super) PathBuf);

impl FromValue for SocketPath {
    fn from_value(entry: &Entry, problems: &Problems) -> Option<Self> {
        let path = PathBuf::from_value(entry, problems)?;
        if path.as_os_str().len() > PATH_BYTES_MAX {
            let problem = format!("is longer than the path of a socket may be, {PATH_BYTES_MAX} bytes");
            problems.add(entry.error(&problem));
            return None;
        }
        Some(Self(path))
    }
}
