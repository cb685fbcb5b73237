//! Whether PAM can be asked: the service file with what it includes, and the worker. Not for what the modules say of
//! anybody, which only a password tells.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use super::client::Client;
use super::settings::WorkerSettings;
use crate::model::{Check, Outcome};

/// Where libpam looks for a service, in this order (pam.conf(5)).
const FOLDERS: [&str; 2] = ["/etc/pam.d", "/usr/lib/pam.d"];
/// Longest service file that is read, in bytes.
const FILE_BYTES_MAX: u64 = 64 << 10;
/// Most files of one service.
const FILES_MAX: usize = 64;

/// Looks at the service file, and asks the worker whether it is there.
pub async fn examine(settings: &WorkerSettings, client: &Client) -> Vec<Check> {
    let mut checks = service(settings);
    checks.push(worker(settings, client).await);
    checks
}

async fn worker(settings: &WorkerSettings, client: &Client) -> Check {
    match client.ping().await {
        Ok(()) => Check::good(format!("the PAM worker answers at {}", settings.socket.display())),
        Err(unreachable) => Check::bad(
            format!("the PAM worker does not answer: {}", unreachable.cause),
            Some(format!(
                "start `x2godirector pam-worker` (`systemctl start x2godirector-pam.socket`); it answers only the user {} (daemon_user), root and its own user",
                settings.daemon_user
            )),
        ),
    }
}

/// Reads the service file and all that it includes.
fn service(settings: &WorkerSettings) -> Vec<Check> {
    let service = &settings.service;
    let folders = match &service.folder {
        Some(folder) => vec![folder.clone()],
        None => FOLDERS.map(PathBuf::from).to_vec(),
    };
    let Some(first) = folders.first().map(|folder| folder.join(&service.name)) else {
        return Vec::new();
    };
    let mut seen = BTreeSet::from([service.name.clone()]);
    let mut to_read = vec![service.name.clone()];
    let mut checks = Vec::new();
    while let Some(name) = to_read.pop() {
        match read(&folders, &name) {
            Ok(text) => {
                let new = included(&text).filter(|name| seen.insert((*name).to_owned()));
                to_read.extend(new.map(str::to_owned));
            }
            Err(error) if name == service.name => checks.push(missing(&first, &error)),
            Err(error) => checks.push(Check::bad(
                format!("{} includes {name}, which cannot be read: {error}", first.display()),
                Some(
                    "make that file, or take its line out; PAM refuses everybody at a service that is not whole"
                        .to_owned(),
                ),
            )),
        }
        if seen.len() > FILES_MAX {
            checks.push(Check::bad(
                format!("{} includes more than {FILES_MAX} files", first.display()),
                None,
            ));
            break;
        }
    }
    if checks.iter().all(|check| check.outcome != Outcome::Bad) {
        let what = format!(
            "the PAM service {} is there, with all that it includes",
            service.name
        );
        checks.push(Check::good(what));
    }
    checks
}

/// What to do about the service file itself, without which libpam takes `other`, which refuses everybody.
fn missing(file: &Path, error: &io::Error) -> Check {
    let there = file.display();
    let advice = if error.kind() == io::ErrorKind::NotFound {
        format!("install -m 0644 pam.d/x2godirector {there}")
    } else {
        format!("chmod 0644 {there}")
    };
    Check::bad(
        format!("the PAM service {there} cannot be read: {error}"),
        Some(advice),
    )
}

/// The file of that name, from the first folder that has it.
fn read(folders: &[PathBuf], name: &str) -> io::Result<String> {
    let mut outcome = Err(io::ErrorKind::NotFound.into());
    for folder in folders {
        // A name that begins with a slash is the whole path (pam.conf(5)).
        outcome = File::open(folder.join(name)).and_then(|file| {
            let mut bytes = Vec::new();
            file.take(FILE_BYTES_MAX).read_to_end(&mut bytes)?;
            Ok(String::from_utf8_lossy(&bytes).into_owned())
        });
        if !matches!(&outcome, Err(error) if error.kind() == io::ErrorKind::NotFound) {
            break;
        }
    }
    outcome
}

/// The files that a service file names: `@include FILE` (of Debian's libpam), and `include` and `substack` as the
/// control of a line (pam.conf(5)).
fn included(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter_map(|line| {
        let mut words = line.split('#').next()?.split_whitespace();
        match (words.next()?, words.next()?) {
            ("@include", file) => Some(file),
            (_, "include" | "substack") => words.next(),
            _ => None,
        }
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use proptest::prelude::*;

    use super::*;

    fn examined(files: &[(&str, &str)]) -> Vec<Check> {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(folder.path().join(name), text).unwrap();
        }
        service(&WorkerSettings {
            socket: PathBuf::new(),
            daemon_user: String::new(),
            service: super::super::Service {
                name: "x2godirector".to_owned(),
                folder: Some(folder.path().to_owned()),
                new_privileges: false,
            },
            workers: 4,
            queue: 1,
            timeout: std::time::Duration::from_secs(1),
        })
    }

    #[test]
    fn every_way_to_include_a_file_is_known() {
        let text = "# @include no\n@include common-auth # why\nauth include a\n-account\tsubstack\tb\n\
                    auth required pam_unix.so include\n@include\n";
        assert_eq!(included(text).collect::<Vec<_>>(), ["common-auth", "a", "b"]);
    }

    #[test]
    fn a_service_is_followed_to_its_end() {
        let good = examined(&[
            ("x2godirector", "@include a\n"),
            ("a", "auth include b\n@include x2godirector\n"),
            ("b", ""),
        ]);
        assert_eq!(good.len(), 1);
        assert_eq!(good[0].outcome, Outcome::Good);
        let bad = examined(&[("x2godirector", "@include a\n"), ("a", "auth include b\n")]);
        assert_eq!(bad.len(), 1);
        assert_eq!(bad[0].outcome, Outcome::Bad);
        assert!(bad[0].what.contains("includes b, which"), "{}", bad[0].what);
        let missing = examined(&[]);
        assert!(missing[0].advice.as_ref().unwrap().starts_with("install "));
    }

    #[test]
    fn a_service_without_end_is_not_read() {
        let many: String = (0..=FILES_MAX).map(|at| format!("@include f{at}\n")).collect();
        let checks = examined(&[("x2godirector", &many)]);
        assert!(
            checks
                .iter()
                .any(|check| check.what.contains("more than 64 files"))
        );
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[@a-z #\\n\\\\\u{0}-\u{2ff}]{0,200}") {
            for name in included(&text) {
                prop_assert!(!name.is_empty() && text.contains(name));
            }
        }
    }
}
