//! `[authentication.pam]`: the PAM worker, for the daemon and for the worker itself.

use std::path::PathBuf;
use std::time::Duration;

use super::section::Section;
use super::value::FromText;
use crate::pam_worker::{Service, WorkerSettings};

const SOCKET: &str = "/run/x2godirector/pam.sock";
const DAEMON_USER: &str = "x2godirector";
const SERVICE: &str = "x2godirector";
const WORKERS: usize = 16;
/// Fewer could not be shared out between those who fail and those who do not.
const WORKERS_MIN: i64 = 4;
/// Each is a process.
const WORKERS_MAX: i64 = 256;
const QUEUE: usize = 128;
const QUEUE_MAX: i64 = 4096;
const TIMEOUT: Duration = Duration::from_secs(30);
const TIMEOUT_MIN: Duration = Duration::from_secs(1);
/// Nobody waits longer at a login form, even with a second factor on a telephone.
const TIMEOUT_MAX: Duration = Duration::from_mins(2);

/// The name of a PAM service.
struct ServiceName(String);

impl FromText for ServiceName {
    /// libpam makes a path of it, in lower case.
    fn from_text(text: &str) -> Result<Self, String> {
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-.".contains(c);
        if text.starts_with(|c: char| c.is_ascii_lowercase()) && text.len() <= 64 && text.chars().all(allowed)
        {
            return Ok(Self(text.to_owned()));
        }
        Err(format!(
            "`{text}` is not the name of a PAM service; write the name of a file in /etc/pam.d, in lower case"
        ))
    }
}

/// Reads the section.
pub(super) fn read(mut section: Section<'_>) -> WorkerSettings {
    let path = |section: &mut Section<'_>, key| section.take::<PathBuf>(key);
    let settings = WorkerSettings {
        socket: path(&mut section, "socket").unwrap_or_else(|| PathBuf::from(SOCKET)),
        daemon_user: section
            .take("daemon_user")
            .unwrap_or_else(|| DAEMON_USER.to_owned()),
        service: Service {
            name: section
                .take("service")
                .map_or_else(|| SERVICE.to_owned(), |ServiceName(name)| name),
            folder: path(&mut section, "service_folder"),
            new_privileges: section.take("new_privileges").unwrap_or(false),
        },
        workers: section
            .number("workers", WORKERS_MIN..=WORKERS_MAX)
            .unwrap_or(WORKERS),
        queue: section.number("queue", 1..=QUEUE_MAX).unwrap_or(QUEUE),
        timeout: section
            .duration("timeout", TIMEOUT_MIN..=TIMEOUT_MAX)
            .unwrap_or(TIMEOUT),
    };
    section.finish();
    settings
}
