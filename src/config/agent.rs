//! `[agent]`: how the X2Go servers are asked about sessions.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::section::Section;
use super::value::{FromText, Located};
use crate::agent::Settings;

const TIMEOUT_MIN: Duration = Duration::from_millis(500);
/// A login waits for it.
const TIMEOUT_MAX: Duration = Duration::from_mins(1);
/// Longest path, in bytes (`PATH_MAX` is 4096, and a command line has others beside it).
const PATH_BYTES_MAX: usize = 1024;

/// The name of an account on the hosts.
struct Login(String);

impl FromText for Login {
    /// Takes what useradd(8) makes: 1 to 32 of `a-z 0-9 _ -`, no digit or `-` first, and capitals, which others make.
    fn from_text(text: &str) -> Result<Self, String> {
        let starts_well = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        let known = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
        if starts_well && text.bytes().all(known) && text.len() <= 32 {
            return Ok(Self(text.to_owned()));
        }
        Err(format!("`{text}` is no account; write it like x2gobroker"))
    }
}

/// The path of the program on the hosts.
struct Program(String);

impl FromText for Program {
    fn from_text(text: &str) -> Result<Self, String> {
        if text.starts_with('/') && is_plain(text, b"._/-") {
            return Ok(Self(text.to_owned()));
        }
        Err(format!(
            "`{text}` is no program; write an absolute path of letters, digits and `. _ / -`, \
             like /usr/lib/x2go/x2gobroker-agent"
        ))
    }
}

/// The path of a user's file of keys on the hosts.
struct KeyFile(String);

impl FromText for KeyFile {
    /// What sshd(8) and the agent put in their own places for; a relative path is refused, since the agent says that
    /// it wrote to one and does not.
    fn from_text(text: &str) -> Result<Self, String> {
        let starts_well = text.starts_with('/') || text.starts_with("%h/");
        let tokens_known = text
            .split('%')
            .skip(1)
            .all(|rest| rest.starts_with(['h', 'u', 'U']));
        if starts_well && tokens_known && is_plain(text, b"._/%-") {
            return Ok(Self(text.to_owned()));
        }
        Err(format!(
            "`{text}` is no file of keys; write an absolute path of letters, digits and `. _ / -` with %h for the home \
             folder, %u for the name and %U for the uid, like %h/.x2go/authorized_keys"
        ))
    }
}

/// Whether a text passes through every shell as it is.
fn is_plain(text: &str, beside: &[u8]) -> bool {
    text.len() <= PATH_BYTES_MAX
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || beside.contains(&b))
}

/// Reads the section. `state` is the state file, beside which the key is where nothing else was written.
pub(super) fn read(mut section: Section<'_>, state: &Path) -> Settings {
    let usual = Settings::beside(state.parent().unwrap_or(state));
    let settings = Settings {
        user: section.take("user").map_or(usual.user, |Login(name)| name),
        private_key: file(&mut section, "private_key").unwrap_or(usual.private_key),
        known_hosts: file(&mut section, "known_hosts").unwrap_or(usual.known_hosts),
        command: section
            .take("command")
            .map_or(usual.command, |Program(path)| path),
        key_file: section
            .take("key_file")
            .map_or(usual.key_file, |KeyFile(path)| path),
        timeout: section
            .duration("timeout", TIMEOUT_MIN..=TIMEOUT_MAX)
            .unwrap_or(usual.timeout),
    };
    section.finish();
    settings
}

/// A file that ssh is told of.
fn file(section: &mut Section<'_>, key: &'static str) -> Option<PathBuf> {
    let written = section.take::<Located<PathBuf>>(key)?;
    let text = written.value.to_str();
    if text.is_none_or(|text| text.contains(['"', '\\', '$'])) {
        let message = format!("`{key}` has a character that ssh would not read as it is");
        section.problems().error(&written.place, message);
    }
    Some(written.value)
}
