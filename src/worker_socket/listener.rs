//! The worker's socket: made, or taken over from systemd; and who may speak on it.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixListener as StdUnixListener, UnixStream as StdUnixStream};
use std::path::Path;

use listenfd::ListenFd;
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::unistd::{Uid, User};
use tokio::net::{UnixListener, UnixStream};

/// The listening socket, and whose connections count.
#[derive(Debug)]
pub struct Listener {
    socket: UnixListener,
    allowed: Vec<u32>,
}

impl Listener {
    /// Listens where systemd already does for this process (sd_listen_fds(3)), else at `path`. Processes of
    /// `daemon_user`, of root, and of the worker's own user may speak.
    ///
    /// # Errors
    /// The socket cannot be made, or another worker listens there, or users cannot be looked up.
    pub fn open(path: &Path, daemon_user: &str) -> io::Result<Self> {
        let socket = match ListenFd::from_env().take_unix_listener(0)? {
            Some(socket) => socket,
            None => bind(path)?,
        };
        socket.set_nonblocking(true)?;
        // One that was handed over stays open in programs that are started, unless this says otherwise.
        fcntl(&socket, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC))?;
        let mut allowed = vec![0, Uid::effective().as_raw()];
        match User::from_name(daemon_user)? {
            Some(user) => allowed.push(user.uid.as_raw()),
            None => tracing::warn!(
                "there is no user `{daemon_user}`: only root and the worker's own user may ask"
            ),
        }
        Ok(Self {
            socket: UnixListener::from_std(socket)?,
            allowed,
        })
    }

    /// The next connection of somebody who may speak; others are closed unread.
    ///
    /// # Errors
    /// A connection could not be taken, which says nothing about the next.
    pub async fn accept(&self) -> io::Result<Option<UnixStream>> {
        let (stream, _) = self.socket.accept().await?;
        let uid = stream.peer_cred()?.uid();
        if self.allowed.contains(&uid) {
            return Ok(Some(stream));
        }
        tracing::warn!(uid, "a process that may not ask was turned away");
        Ok(None)
    }
}

/// Makes the socket; one that a dead worker left is removed. Everybody may connect: who is heard is decided
/// by the user that the kernel names, since the worker cannot give its socket to the daemon's user.
fn bind(path: &Path) -> io::Result<StdUnixListener> {
    let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
    let stale = fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket());
    if stale {
        if StdUnixStream::connect(path).is_ok() {
            return Err(named(io::Error::new(
                io::ErrorKind::AddrInUse,
                "another worker listens there",
            )));
        }
        fs::remove_file(path).map_err(named)?;
    }
    let socket = StdUnixListener::bind(path).map_err(named)?;
    fs::set_permissions(path, Permissions::from_mode(0o666)).map_err(named)?;
    Ok(socket)
}
