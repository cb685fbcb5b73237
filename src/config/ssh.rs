//! `[ssh]`: the door for X2Go Client over SSH.

use std::path::PathBuf;

use super::diagnostic::{Diagnostic, Problems};
use super::section::Section;
use super::socket_path::SocketPath;
use super::source::Place;
use super::tree::{Entry, Kind};
use super::value::FromValue;
use crate::ssh::{DEFAULT_SOCKET, Forced, Settings};

impl FromValue for Forced {
    /// True, false, or a list of groups. One that there is not has nobody in it.
    fn from_value(entry: &Entry, problems: &Problems) -> Option<Self> {
        if matches!(entry.kind, Kind::List(_)) {
            let groups = Vec::<String>::from_value(entry, problems)?;
            if groups.is_empty() {
                problems.add(entry.error("is empty").hint("write forced = false".to_owned()));
            }
            return Some(Self::Groups(groups));
        }
        Some(match bool::from_value(entry, problems)? {
            true => Self::Everybody,
            false => Self::Nobody,
        })
    }
}

/// Reads the section; none if the door is shut. `unproven` is where the method `"none"` stands, if it does: there are
/// no accounts then that a user of this machine could be.
pub(super) fn read(mut section: Section<'_>, unproven: Option<&Place>) -> Option<Settings> {
    let place = section.place_of("enabled").cloned();
    let enabled = section.take("enabled").unwrap_or(false);
    let socket = section.take("socket").map(|SocketPath(path)| path);
    let settings = Settings {
        socket: socket.unwrap_or_else(|| PathBuf::from(DEFAULT_SOCKET)),
        forced: section.take("forced").unwrap_or(Forced::Nobody),
    };
    if let (true, Some(place), Some(_)) = (enabled, place, unproven) {
        let message = "the SSH door knows users by their accounts, and authentication \"none\" has none";
        let hint = "write enabled = false, or choose another method".to_owned();
        section
            .problems()
            .add(Diagnostic::error(&place, message).hint(hint));
    }
    section.finish();
    enabled.then_some(settings)
}
