//! The files that the configuration names: certificates, keys, passwords and pictures. What they hold is never printed.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::diagnostic::{Diagnostic, Problems};
use super::value::Located;
use crate::model::{Password, Secret};

/// Largest file that is read, in bytes; the certificates of all public authorities have some 200,000.
const FILE_BYTES_MAX: u64 = 4 << 20;
/// The permission of everybody else to read a file.
const OTHERS_READ: u32 = 0o004;

/// Whether a file can be read. What it must hold, the room that uses it says.
pub(super) fn is_readable(file: &Located<PathBuf>, problems: &Problems) -> bool {
    read(file, problems).is_some()
}

/// The password that a file holds, without the line end that an editor puts after it.
pub(super) fn password(file: &Located<PathBuf>, problems: &Problems) -> Option<Secret> {
    let bytes = read(file, problems)?;
    let path = file.value.display();
    let Ok(mut text) = String::from_utf8(bytes) else {
        problems.error(&file.place, format!("{path} is not in UTF-8"));
        return None;
    };
    let kept = text.trim_end_matches(['\n', '\r']).len();
    text.truncate(kept);
    let secret = Secret::new(text);
    if let Err(why) = Password::new(secret.clone()) {
        problems.error(&file.place, format!("{path} is no password file: {why}"));
        return None;
    }
    check_not_public(file, problems);
    Some(secret)
}

/// Notes that a file with a secret can be read by every user of the machine.
pub(super) fn check_not_public(file: &Located<PathBuf>, problems: &Problems) {
    let public = fs::metadata(&file.value).is_ok_and(|metadata| metadata.mode() & OTHERS_READ != 0);
    if public {
        let path = file.value.display();
        let message = format!("every user of this machine can read {path}");
        let hint = format!("chmod o-rwx {path}");
        problems.add(Diagnostic::error(&file.place, message).hint(hint));
    }
}

/// What a file holds; if it cannot be read, that is noted.
pub(super) fn read(file: &Located<PathBuf>, problems: &Problems) -> Option<Vec<u8>> {
    let path = file.value.display();
    let why = match read_bounded(&file.value) {
        Ok(bytes) => return Some(bytes),
        Err(error) => error,
    };
    let hint = (why.kind() == io::ErrorKind::PermissionDenied)
        .then(|| "run this as root or as the system user x2godirector".to_owned());
    let message = match why.kind() {
        io::ErrorKind::NotFound => format!("there is no file {path}"),
        _ => format!("{path} cannot be read: {why}"),
    };
    problems.add(Diagnostic::error(&file.place, message).hint(hint));
    None
}

/// The bytes of a regular file within the bound.
pub(super) fn read_bounded(path: &Path) -> io::Result<Vec<u8>> {
    // Asked before the file is opened: opening a pipe would wait for somebody to write into it.
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    let mut bytes = Vec::new();
    File::open(path)?
        .take(FILE_BYTES_MAX + 1)
        .read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > FILE_BYTES_MAX {
        return Err(io::Error::other(format!(
            "it has more than {FILE_BYTES_MAX} bytes"
        )));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::config::source::{Place, Source};

    fn written(folder: &Path, bytes: &[u8], mode: u32) -> Located<PathBuf> {
        let value = folder.join("file");
        fs::write(&value, bytes).unwrap();
        fs::set_permissions(&value, fs::Permissions::from_mode(mode)).unwrap();
        let place = Place::whole(&Source::folder(0, Path::new("conf.d")));
        Located { value, place }
    }

    /// What is made of a password file with these bytes and this mode.
    fn secret(bytes: &[u8], mode: u32) -> Result<String, String> {
        let folder = tempfile::tempdir().unwrap();
        outcome(&written(folder.path(), bytes, mode))
    }

    fn outcome(file: &Located<PathBuf>) -> Result<String, String> {
        let problems = Problems::default();
        let secret = password(file, &problems);
        match problems.into_sorted().first() {
            Some(problem) => Err(problem.to_string()),
            None => Ok(secret.unwrap().expose().to_owned()),
        }
    }

    #[test]
    fn the_line_end_is_no_part_of_a_password() {
        for bytes in ["p w\n", "p w", "p w\r\n"] {
            assert_eq!(secret(bytes.as_bytes(), 0o640), Ok("p w".to_owned()));
        }
    }

    #[test]
    fn a_password_that_everybody_can_read_is_refused() {
        let message = secret(b"hunter2", 0o644).unwrap_err();
        assert!(
            message.contains("every user of this machine can read"),
            "{message}"
        );
        assert!(message.contains("hint: chmod o-rwx /"), "{message}");
        assert!(!message.contains("hunter2"));
    }

    #[test]
    fn what_holds_no_password_is_refused_without_showing_it() {
        let long = "x".repeat(600);
        let bad = [
            &b""[..],
            b"\n",
            b"hunter2\nhunter3\n",
            b"hunter2\0",
            b"\xff hunter2",
            long.as_bytes(),
        ];
        for bytes in bad {
            let message = secret(bytes, 0o600).unwrap_err();
            assert!(
                !message.contains("hunter") && !message.contains("xxx"),
                "{message}"
            );
        }
        let folder = tempfile::tempdir().unwrap();
        let mut file = written(folder.path(), b"hunter2", 0o600);
        file.value = folder.path().to_owned();
        assert!(outcome(&file).unwrap_err().contains("no regular file"));
        file.value = folder.path().join("x");
        assert!(outcome(&file).unwrap_err().contains("there is no file"));
    }
}
