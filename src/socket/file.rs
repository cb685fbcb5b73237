//! The socket in the file system: made once, and by one daemon.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, OpenOptionsExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

/// Everybody may connect, and hears there whether they may ask: who asks is known for certain only then, and a
/// refusal in words is more use than a refused connection.
const SOCKET_MODE: u32 = 0o666;
/// The folder of the socket, if it has to be made.
const FOLDER_MODE: u32 = 0o755;
/// The lock beside it is nobody else's.
const LOCK_MODE: u32 = 0o600;

/// What admins call a socket, for errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Named {
    /// Its name, such as `admin socket`.
    pub name: &'static str,
    /// The setting that has its path, such as `[server] admin_socket`.
    pub setting: &'static str,
}

/// Why there is no socket: where, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// Another daemon answers there.
    #[error("another daemon has the {name} {path}; stop it, or name another path for this one in {setting}", name = named.name, setting = named.setting, path = path.display())]
    InUse {
        /// What it is called.
        named: Named,
        /// The socket.
        path: PathBuf,
    },
    /// Something else has the name.
    #[error("{path} is no socket; remove it, or name another path in {setting}", setting = named.setting, path = path.display())]
    Occupied {
        /// What it is called.
        named: Named,
        /// What has the name.
        path: PathBuf,
    },
    /// The operating system refuses.
    #[error("cannot make the {name} {path}: {source}; make its folder with `install -d -o USER FOLDER`, where USER runs the daemon, or name another path in {setting}", name = named.name, setting = named.setting, path = path.display())]
    Refused {
        /// What it is called.
        named: Named,
        /// The socket.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

/// A socket that listens. Dropping it removes its file.
#[derive(Debug)]
pub struct Socket {
    path: PathBuf,
    listener: UnixListener,
    /// Held as long as the socket is ours. Its file stays: to remove it would let two daemons hold a lock each.
    _lock: File,
}

impl Socket {
    /// Listens at this path. The socket that a dead daemon left there is replaced.
    ///
    /// # Errors
    /// Another daemon has it, or it cannot be made.
    pub fn bind(path: &Path, named: Named) -> Result<Self, SocketError> {
        let refused = |source| SocketError::Refused {
            named,
            path: path.to_owned(),
            source,
        };
        if let Some(folder) = path.parent()
            && !folder.exists()
        {
            DirBuilder::new()
                .mode(FOLDER_MODE)
                .create(folder)
                .map_err(refused)?;
        }
        let lock = lock(path, named)?;
        make_room(path, named)?;
        let listener = UnixListener::bind(path).map_err(refused)?;
        fs::set_permissions(path, Permissions::from_mode(SOCKET_MODE)).map_err(refused)?;
        listener.set_nonblocking(true).map_err(refused)?;
        Ok(Self {
            path: path.to_owned(),
            listener,
            _lock: lock,
        })
    }

    /// Removes its file: from now on nobody can connect.
    pub(super) fn hide(&self) {
        // One that is gone already is what is wanted.
        let _ = fs::remove_file(&self.path);
    }

    /// The socket for a Tokio runtime; this stays its owner.
    pub(super) fn listener(&self) -> io::Result<tokio::net::UnixListener> {
        tokio::net::UnixListener::from_std(self.listener.try_clone()?)
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.hide();
    }
}

/// Where the lock of a socket is.
pub(super) fn lock_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    name.into()
}

/// The lock that says whose the socket is. The kernel lets go of it when a daemon dies.
fn lock(path: &Path, named: Named) -> Result<File, SocketError> {
    let locked = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(LOCK_MODE)
        .open(lock_of(path))
        .map_err(TryLockError::Error)
        .and_then(|file| file.try_lock().map(|()| file));
    locked.map_err(|error| {
        let path = path.to_owned();
        match error {
            TryLockError::WouldBlock => SocketError::InUse { named, path },
            TryLockError::Error(source) => SocketError::Refused { named, path, source },
        }
    })
}

/// Removes a socket on which nobody listens.
fn make_room(path: &Path, named: Named) -> Result<(), SocketError> {
    let owned = path.to_owned();
    let refused = |source| SocketError::Refused {
        named,
        path: path.to_owned(),
        source,
    };
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(source) => return Err(refused(source)),
        Ok(metadata) if !metadata.file_type().is_socket() => {
            return Err(SocketError::Occupied { named, path: owned });
        }
        Ok(_) => {}
    }
    // Whoever listens without the lock is no daemon of ours, but somebody uses it.
    match UnixStream::connect(path) {
        Ok(_) => Err(SocketError::InUse { named, path: owned }),
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => fs::remove_file(path).map_err(refused),
        Err(source) => Err(refused(source)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMED: Named = Named {
        name: "admin socket",
        setting: "[server] admin_socket",
    };

    #[test]
    fn one_daemon_has_it_and_a_dead_one_loses_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run/admin.sock");
        let first = Socket::bind(&path, NAMED).unwrap();
        assert!(matches!(
            Socket::bind(&path, NAMED),
            Err(SocketError::InUse { .. })
        ));
        UnixStream::connect(&path).unwrap();
        // As kill -9 leaves it: the file is there, and nobody listens.
        drop(first);
        drop(UnixListener::bind(&path).unwrap());
        assert!(path.exists());
        let second = Socket::bind(&path, NAMED).unwrap();
        UnixStream::connect(&path).unwrap();
        drop(second);
        assert!(!path.exists());
    }

    #[test]
    fn what_is_no_dead_socket_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "x").unwrap();
        assert!(matches!(
            Socket::bind(&file, NAMED),
            Err(SocketError::Occupied { .. })
        ));
        assert_eq!(fs::read(&file).unwrap(), b"x");
        let foreign = folder.path().join("foreign");
        let _listener = UnixListener::bind(&foreign).unwrap();
        assert!(matches!(
            Socket::bind(&foreign, NAMED),
            Err(SocketError::InUse { .. })
        ));
        let nowhere = folder.path().join("a/b/admin.sock");
        assert!(matches!(
            Socket::bind(&nowhere, NAMED),
            Err(SocketError::Refused { .. })
        ));
    }
}
