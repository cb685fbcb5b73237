//! What a process has open that it never asked for.

use std::env;
use std::fs;
use std::io;

use nix::unistd::close;

/// The first descriptor that systemd hands over (sd_listen_fds(3), `SD_LISTEN_FDS_START`), above standard error.
const FIRST: i32 = 3;

/// Closes whatever the process was started with beyond its standard streams and the sockets that systemd handed to it.
/// To be called before anything is opened.
///
/// # Errors
/// `/proc` cannot be read.
pub(crate) fn close_inherited() -> io::Result<()> {
    let handed_over = env::var("LISTEN_FDS")
        .ok()
        .and_then(|count| count.parse::<i32>().ok());
    let first = FIRST.saturating_add(handed_over.unwrap_or(0).max(0));
    let open: Vec<i32> = fs::read_dir("/proc/self/fd")?
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect();
    for descriptor in open.into_iter().filter(|descriptor| *descriptor >= first) {
        // The one that the folder was read through is closed already.
        let _ = close(descriptor);
    }
    Ok(())
}
