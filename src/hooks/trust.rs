//! Whether a program is one that only an admin can have put there.

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Write permission for the group and for others (inode(7)).
const WRITABLE_BY_OTHERS: u32 = 0o022;
/// Links followed in one path; the kernel follows 40 (path_resolution(7)).
const LINKS_MAX: usize = 40;
/// Permission to execute, for whomever.
const EXECUTABLE: u32 = 0o111;

/// Why a program is not run.
#[derive(Debug, thiserror::Error)]
pub enum Distrust {
    /// Its path is not absolute.
    #[error("{0} is no absolute path")]
    Relative(PathBuf),
    /// It is not there, or not to be looked at.
    #[error("{path}: {source}", path = .path.display())]
    Unreadable {
        /// The program, or a folder above it.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Somebody else than root could change it.
    #[error("{path} can be changed by others than root; make it root's and run: chmod go-w {path}", path = .0.display())]
    Changeable(PathBuf),
    /// It is no program.
    #[error("{path} is no file that can be executed", path = .0.display())]
    NoProgram(PathBuf),
}

/// Accepts an executable file that belongs to root, like every folder above it, and that nobody else can write to; the
/// same of every link on the way and of what is behind it.
///
/// # Errors
/// Says which part of the path is not so.
pub(super) fn trusted(file: &Path) -> Result<(), Distrust> {
    if !file.is_absolute() {
        return Err(Distrust::Relative(file.to_owned()));
    }
    let mut path = file.to_owned();
    for _ in 0..LINKS_MAX {
        match first_link(&path)? {
            Some(behind) => path = behind,
            None => {
                let found = fs::metadata(&path).map_err(unreadable(&path))?;
                if !found.is_file() || found.permissions().mode() & EXECUTABLE == 0 {
                    return Err(Distrust::NoProgram(file.to_owned()));
                }
                return Ok(());
            }
        }
    }
    Err(Distrust::Unreadable {
        path: file.to_owned(),
        source: io::Error::other("too many symbolic links"),
    })
}

/// Looks at a path from the root down, as far as its first link; gives where the whole path leads with that link
/// followed, or none if there is none.
fn first_link(path: &Path) -> Result<Option<PathBuf>, Distrust> {
    let mut above: Vec<&Path> = path.ancestors().collect();
    above.reverse();
    for part in above {
        let found = fs::symlink_metadata(part).map_err(unreadable(part))?;
        let writable = !found.is_symlink() && found.permissions().mode() & WRITABLE_BY_OTHERS != 0;
        if found.uid() != 0 || writable {
            return Err(Distrust::Changeable(part.to_owned()));
        }
        if found.is_symlink() {
            let target = fs::read_link(part).map_err(unreadable(part))?;
            let rest = path.strip_prefix(part).unwrap_or(Path::new(""));
            let folder = part.parent().unwrap_or(Path::new("/"));
            let behind = folder.join(target);
            return Ok(Some(if rest.as_os_str().is_empty() {
                behind
            } else {
                behind.join(rest)
            }));
        }
    }
    Ok(None)
}

fn unreadable(path: &Path) -> impl FnOnce(io::Error) -> Distrust {
    let path = path.to_owned();
    move |source| Distrust::Unreadable { path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_of_the_system_is_trusted_and_what_others_can_change_is_not() {
        assert!(trusted(Path::new("/usr/bin/env")).is_ok());
        assert!(matches!(
            trusted(Path::new("bin/env")),
            Err(Distrust::Relative(_))
        ));
        assert!(matches!(
            trusted(Path::new("/usr/bin")),
            Err(Distrust::NoProgram(_))
        ));
        assert!(matches!(
            trusted(Path::new("/usr/bin/no-such-program")),
            Err(Distrust::Unreadable { .. })
        ));
        // /tmp is everybody's, and so is what lies below.
        let folder = tempfile::tempdir_in("/tmp").unwrap();
        let program = folder.path().join("program");
        fs::write(&program, "#!/bin/sh\n").unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        assert!(matches!(trusted(&program), Err(Distrust::Changeable(_))));
        // Nor is what such a file is a link to, or what leads through such a link to where all is well.
        let link = folder.path().join("link");
        std::os::unix::fs::symlink("/usr/bin/env", &link).unwrap();
        let outer = tempfile::tempdir_in("/usr/local/lib").unwrap();
        let leads = outer.path().join("program");
        std::os::unix::fs::symlink(&link, &leads).unwrap();
        assert!(matches!(trusted(&leads), Err(Distrust::Changeable(_))));
    }
}
