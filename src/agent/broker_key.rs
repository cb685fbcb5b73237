//! The key pair that the broker shows to the hosts: made once by ssh-keygen(1), and used by ssh(1) from where it lies.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::Settings;
use super::output::told;
use crate::model::{BadPublicKey, PublicKey};

/// What the key is called in the files of the hosts.
pub(super) const COMMENT: &str = "x2godirector";
/// Bits of a file's mode that let others than its owner at it; ssh does not use such a key.
const OTHERS: u32 = 0o077;

/// Why there is no key pair.
#[derive(Debug, thiserror::Error)]
pub enum BrokerKeyError {
    /// It was not made yet.
    #[error("there is no SSH key of the broker, {}; make it with `x2godirector agent-key`", .0.display())]
    Absent(PathBuf),
    /// Only the public half is missing.
    #[error("{key}.pub is not there; make it with `ssh-keygen -y -f {key} >{key}.pub`", key = .0.display())]
    PublicAbsent(PathBuf),
    /// Others may read the private half.
    #[error("others can read {key}, so ssh does not use it; run `chmod 600 {key}`", key = .0.display())]
    Open(PathBuf),
    /// A file cannot be read.
    #[error("{}: {error}; run this as the daemon's user or as root", .path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The file of the public half has something else in it.
    #[error("{}: {error}", .path.display())]
    Public {
        /// Which.
        path: PathBuf,
        /// Why.
        error: BadPublicKey,
    },
    /// It could not be made.
    #[error("{}: {why}", .path.display())]
    NotMade {
        /// Which.
        path: PathBuf,
        /// Why.
        why: String,
    },
}

/// Makes the pair, ed25519 and without a passphrase, unless its private half is there; says whether it did. Where root
/// makes it, it belongs to whom the folder above belongs, the daemon. Blocks for as long as ssh-keygen takes.
///
/// # Errors
/// It could not be made.
pub fn make(settings: &Settings) -> Result<bool, BrokerKeyError> {
    let path = &settings.private_key;
    if fs::symlink_metadata(path).is_ok() {
        return Ok(false);
    }
    let not_made = |why: String| BrokerKeyError::NotMade {
        path: path.clone(),
        why,
    };
    let folder = path.parent().unwrap_or(Path::new("/"));
    let above = nearest(folder).map_err(|error| not_made(error.to_string()))?;
    let mut mkdir = Command::new("mkdir");
    mkdir.args(["-p", "-m", "700", "--"]).arg(folder);
    let mut ssh_keygen = Command::new("ssh-keygen");
    ssh_keygen
        .args(["-q", "-t", "ed25519", "-N", "", "-C", COMMENT, "-f"])
        .arg(path);
    if !folder.exists() {
        run(mkdir, &above).map_err(not_made)?;
    }
    run(ssh_keygen, &above).map_err(not_made)?;
    Ok(true)
}

/// The nearest folder that is there.
fn nearest(folder: &Path) -> io::Result<Metadata> {
    let mut folder = folder;
    loop {
        match (fs::metadata(folder), folder.parent()) {
            (Err(error), Some(above)) if error.kind() == io::ErrorKind::NotFound => folder = above,
            (found, _) => return found,
        }
    }
}

/// Runs a program that must succeed; as the owner of what is there where this process is root, so that root makes
/// nothing that is not the daemon's, and follows no link that another user left there.
fn run(mut command: Command, owned: &Metadata) -> Result<(), String> {
    if nix::unistd::geteuid().is_root() {
        command.uid(owned.uid()).gid(owned.gid());
    }
    let program = command.get_program().display().to_string();
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("{program}: {error}; is the package openssh-client installed?"))?;
    if output.status.success() {
        return Ok(());
    }
    // ssh-keygen says on stdout what it would have asked.
    let said = [output.stdout, output.stderr].concat();
    Err(format!("{program}: {}", told(&String::from_utf8_lossy(&said))))
}

/// Looks whether this process can use the private half as ssh would.
///
/// # Errors
/// What is wrong with it.
pub fn examine(settings: &Settings) -> Result<(), BrokerKeyError> {
    let path = settings.private_key.clone();
    let opened = fs::File::open(&path).and_then(|file| file.metadata());
    match opened {
        Ok(file) if file.permissions().mode() & OTHERS != 0 => Err(BrokerKeyError::Open(path)),
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(BrokerKeyError::Absent(path)),
        Err(error) => Err(BrokerKeyError::Unreadable { path, error }),
    }
}

/// The public half.
///
/// # Errors
/// It is not there or cannot be read.
pub fn public(settings: &Settings) -> Result<PublicKey, BrokerKeyError> {
    let path = settings.public_key();
    match fs::read_to_string(&path) {
        Ok(line) => PublicKey::parse(&line).map_err(|error| BrokerKeyError::Public { path, error }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            examine(settings)?;
            Err(BrokerKeyError::PublicAbsent(settings.private_key.clone()))
        }
        Err(error) => Err(BrokerKeyError::Unreadable { path, error }),
    }
}

/// The public half as a line of a file of keys.
pub fn public_line(key: &PublicKey) -> String {
    format!("{key} {COMMENT}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_is_made_once_and_only_for_its_owner() {
        let folder = tempfile::tempdir().unwrap();
        let settings = Settings::beside(folder.path());
        assert!(matches!(public(&settings), Err(BrokerKeyError::Absent(_))));
        assert!(make(&settings).unwrap());
        examine(&settings).unwrap();
        let key = public(&settings).unwrap();
        assert!(key.to_string().starts_with("ssh-ed25519 "));
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(
            (mode(&settings.private_key), mode(&folder.path().join("ssh"))),
            (0o600, 0o700)
        );
        assert!(!make(&settings).unwrap());
        assert_eq!(public(&settings).unwrap(), key, "the one that was there stays");
        fs::set_permissions(&settings.private_key, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(examine(&settings), Err(BrokerKeyError::Open(_))));
        fs::set_permissions(&settings.private_key, fs::Permissions::from_mode(0o600)).unwrap();
        fs::remove_file(settings.public_key()).unwrap();
        let advice = public(&settings).unwrap_err().to_string();
        assert!(advice.contains("ssh-keygen -y -f"), "{advice}");
    }
}
