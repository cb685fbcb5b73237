//! Making a key pair, by ssh-keygen(1).

use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use tokio::process::Command;
use tokio::time::timeout;
use zeroize::Zeroizing;

use crate::model::{BadPublicKey, Now, PrivateKey, PublicKey, Secret};

/// Longest time one pair may take. A busy machine needs some seconds.
const DEADLINE: Duration = Duration::from_secs(60);
/// Longest file of a private key, in bytes; one of 3072 bits has 2.5 KiB.
const PEM_BYTES_MAX: usize = 16 * 1024;
/// The only kind and form that X2Go Client takes up to 4.1.2.2 (seen with that client).
const KIND: [&str; 6] = ["-t", "rsa", "-b", "3072", "-m", "PEM"];
/// What makes the client find the key in a reply, up to 4.1.2.2 (X2Go Client's sources).
const PEM_BEGIN: &str = "-----BEGIN RSA PRIVATE KEY-----\n";
/// What is said when a program cannot be found (nice(1)).
const NOT_FOUND: i32 = 127;
/// Longer than any pair is in the making.
const LEFTOVER_AGE: Duration = Duration::from_mins(5);
const FOLDER_PREFIX: &str = "x2godirector-key-";

/// A key pair that nobody has used.
#[derive(Debug)]
pub struct KeyPair {
    /// For the host.
    pub public: PublicKey,
    /// For the client: PEM, PKCS#1.
    pub private: PrivateKey,
}

/// Why there is no key pair.
#[derive(Debug, thiserror::Error)]
pub(super) enum KeyPairError {
    /// There is no ssh-keygen.
    #[error("ssh-keygen is not there; install the package openssh-client")]
    NoProgram,
    /// It did not end.
    #[error("ssh-keygen took longer than {DEADLINE:?}")]
    Late,
    /// It failed.
    #[error("ssh-keygen failed: {0}")]
    Failed(String),
    /// Its files cannot be made or read.
    #[error("{}: {error}", .folder.display())]
    Folder {
        /// Where.
        folder: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// It wrote something else.
    #[error("ssh-keygen wrote no private key in PEM form")]
    NoPem,
    /// It wrote something else.
    #[error(transparent)]
    Public(#[from] BadPublicKey),
}

/// Makes a pair in a folder of its own below `folder`, which should be in memory. The folder is for its owner alone
/// and is gone when this returns; the private key in it is overwritten first.
pub(super) async fn make(folder: &Path) -> Result<KeyPair, KeyPairError> {
    let problem = |error| KeyPairError::Folder {
        folder: folder.to_owned(),
        error,
    };
    let private = Private::new(folder).map_err(problem)?;
    run(&private.key_file()).await?;
    private
        .read()
        .map_err(problem)?
        .ok_or(KeyPairError::NoPem)
        .and_then(|(pem, public)| {
            Ok(KeyPair {
                public: PublicKey::parse(&public)?,
                private: PrivateKey::new(pem),
            })
        })
}

/// Runs ssh-keygen, behind whatever else the machine has to do.
async fn run(file: &Path) -> Result<(), KeyPairError> {
    let mut command = Command::new("nice");
    command
        .args(["ssh-keygen", "-q"])
        .args(KIND)
        .args(["-N", "", "-C", "", "-f"])
        .arg(file)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let output = timeout(DEADLINE, command.output())
        .await
        .map_err(|_| KeyPairError::Late)?;
    let output = output.map_err(|error| KeyPairError::Failed(error.to_string()))?;
    match output.status.code() {
        Some(0) => Ok(()),
        Some(NOT_FOUND) => Err(KeyPairError::NoProgram),
        _ => Err(KeyPairError::Failed(words(&output))),
    }
}

/// What it said, for the log: it says nothing secret.
fn words(output: &Output) -> String {
    const LENGTH_MAX: usize = 200;
    let said = String::from_utf8_lossy(&output.stderr);
    let said: String = said.trim().chars().take(LENGTH_MAX).collect();
    format!("{}: {}", output.status, said.escape_debug())
}

/// A folder for one pair.
struct Private(tempfile::TempDir);

impl Private {
    fn new(folder: &Path) -> io::Result<Self> {
        tempfile::Builder::new()
            .prefix(FOLDER_PREFIX)
            .permissions(Permissions::from_mode(0o700))
            .tempdir_in(folder)
            .map(Self)
    }

    fn key_file(&self) -> PathBuf {
        self.0.path().join("key")
    }

    /// The private key and the line of the public one; none if the first is not what clients take.
    fn read(&self) -> io::Result<Option<(Secret, String)>> {
        // As large as it may get: a buffer that grows leaves what it held behind.
        let mut pem = Zeroizing::new(Vec::with_capacity(PEM_BYTES_MAX));
        fs::File::open(self.key_file())?
            .take(PEM_BYTES_MAX as u64)
            .read_to_end(&mut pem)?;
        let public = fs::read_to_string(self.0.path().join("key.pub"))?;
        let text = str::from_utf8(&pem).ok();
        let text = text.filter(|text| text.starts_with(PEM_BEGIN) && text.ends_with('\n'));
        Ok(text.map(|text| (Secret::new(text.to_owned()), public)))
    }

    fn wipe(&self) -> io::Result<()> {
        let file = self.key_file();
        let length = match fs::metadata(&file) {
            Ok(metadata) => usize::try_from(metadata.len()).unwrap_or(PEM_BYTES_MAX),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        let mut file = OpenOptions::new().write(true).open(file)?;
        file.write_all(&vec![0; length.min(PEM_BYTES_MAX)])?;
        file.sync_data()
    }
}

impl Drop for Private {
    fn drop(&mut self) {
        if let Err(error) = self.wipe() {
            tracing::warn!(folder = %self.0.path().display(), %error, "an unused key was not overwritten");
        }
    }
}

/// Removes what an earlier process left behind when it was killed: pairs that nobody was given.
pub(super) fn remove_leftovers(folder: &Path, now: Now) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let ours = entry.file_name().to_string_lossy().starts_with(FOLDER_PREFIX);
        let changed = entry.metadata().and_then(|metadata| metadata.modified());
        if ours && changed.is_ok_and(|changed| now.since(Now::from(changed)) > LEFTOVER_AGE) {
            // Somebody else's stays.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_pair_is_made_and_nothing_is_left_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let pair = make(folder.path()).await.unwrap();
        assert!(pair.private.expose().starts_with(PEM_BEGIN));
        assert!(pair.private.expose().ends_with("-----END RSA PRIVATE KEY-----\n"));
        assert!(pair.public.to_string().starts_with("ssh-rsa "));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        assert!(!format!("{pair:?}").contains("PRIVATE KEY"));
    }

    #[tokio::test]
    async fn a_folder_that_is_not_there_is_named() {
        let error = make(Path::new("/nowhere")).await.unwrap_err().to_string();
        assert!(error.starts_with("/nowhere: "), "{error}");
    }

    #[test]
    fn only_old_leftovers_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("x2godirector-key-abc")).unwrap();
        fs::create_dir(folder.path().join("other")).unwrap();
        let made = fs::metadata(folder.path().join("x2godirector-key-abc"))
            .unwrap()
            .modified()
            .unwrap();
        let made = Now::from(made);
        remove_leftovers(folder.path(), made.plus(LEFTOVER_AGE)).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
        remove_leftovers(folder.path(), made.plus(2 * LEFTOVER_AGE)).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
