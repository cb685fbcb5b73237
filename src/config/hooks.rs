//! `[hooks]`: programs of the site that have a say, for the daemon and for the worker that runs them.

use std::path::PathBuf;
use std::time::Duration;

use super::diagnostic::Diagnostic;
use super::section::Section;
use super::value::{FromText, Located};
use crate::hooks::{OnFailure, Program, Programs, Settings};

const SOCKET: &str = "/run/x2godirector/hooks.sock";
const DAEMON_USER: &str = "x2godirector";
const USER: &str = "x2godirector-hooks";
const AT_ONCE: usize = 16;
/// Each is a process.
const AT_ONCE_MAX: i64 = 256;
const TIMEOUT: Duration = Duration::from_secs(2);
const TIMEOUT_MIN: Duration = Duration::from_millis(100);
/// Nobody waits longer for a list.
const TIMEOUT_MAX: Duration = Duration::from_secs(30);

impl FromText for OnFailure {
    fn from_text(text: &str) -> Result<Self, String> {
        match text {
            "refuse" => Ok(Self::Refuse),
            "ignore" => Ok(Self::Ignore),
            _ => Err(format!(
                "`{text}` is not what a failure can do: there are `refuse` and `ignore`"
            )),
        }
    }
}

/// Reads the section.
pub(super) fn read(mut section: Section<'_>) -> Settings {
    let programs = Programs {
        pre_auth: program(&mut section, "pre_auth"),
        post_auth: program(&mut section, "post_auth"),
        select: program(&mut section, "select"),
    };
    let settings = Settings {
        socket: section.take("socket").unwrap_or_else(|| PathBuf::from(SOCKET)),
        daemon_user: section
            .take("daemon_user")
            .unwrap_or_else(|| DAEMON_USER.to_owned()),
        user: section.take("user").unwrap_or_else(|| USER.to_owned()),
        at_once: section.number("at_once", 1..=AT_ONCE_MAX).unwrap_or(AT_ONCE),
        programs,
    };
    section.finish();
    settings
}

fn program(hooks: &mut Section<'_>, moment: &'static str) -> Option<Program> {
    if !hooks.has(moment) {
        return None;
    }
    let mut section = hooks.section(moment);
    let file = section.require::<Located<PathBuf>>("program", "\"/usr/local/lib/x2godirector/decide\"");
    if let Some(Located { value, place }) = &file
        && !value.is_absolute()
    {
        let message = format!(
            "`program` must be an absolute path, and {} is not",
            value.display()
        );
        section.problems().add(Diagnostic::error(place, message));
    }
    let program = Program {
        arguments: section.take("arguments").unwrap_or_default(),
        timeout: section
            .duration("timeout", TIMEOUT_MIN..=TIMEOUT_MAX)
            .unwrap_or(TIMEOUT),
        on_failure: section.take("on_failure").unwrap_or(OnFailure::Refuse),
        file: file?.value,
    };
    section.finish();
    Some(program)
}
