//! Which sessions a profile starts, so that it is offered to resume those and no others.

use std::collections::BTreeMap;

use super::session_key::Value;
use super::{SessionId, SessionUser};

/// What X2Go Client starts where a profile has no command.
const USUAL_COMMAND: &str = "KDE";

/// What runs in the sessions of a profile. The id of a session says it: `bob-51-1700000000_stDXFCE_dp24` is a desktop (`D`)
/// that was begun with the command `XFCE` (x2gostartagent(8)). Profiles that start the same are of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionKind {
    /// `_stDXFCE_dp`.
    tag: String,
}

impl SessionKind {
    /// The kind of the sessions that a profile with these keys starts, put together as X2Go Client and x2gostartagent do
    /// it. None for a profile that shows a session of somebody else (`command = "SHADOW"`), which begins none.
    pub fn of_profile(keys: &BTreeMap<&'static str, Value>) -> Option<Self> {
        let flag = |key| matches!(keys.get(key), Some(Value::Flag(true)));
        let command = match keys.get("command") {
            Some(Value::Text(command)) => command.as_str(),
            _ => USUAL_COMMAND,
        };
        if command == "SHADOW" {
            return None;
        }
        let published = flag("published");
        // A remote desktop that does not fill the screen is a window among others.
        let rootless = match command {
            "RDP" => !flag("fullscreen"),
            _ => flag("rootless"),
        };
        let letter = match (flag("kdrive"), rootless || published) {
            (true, true) => 'A',
            (true, false) => 'K',
            (false, true) => 'R',
            (false, false) => 'D',
        };
        let name = if published {
            "PUBLISHED".to_owned()
        } else {
            name_in_id(command)
        };
        Some(Self {
            tag: format!("_st{letter}{name}_dp"),
        })
    }

    /// Whether a session of `user` is of this kind.
    pub fn has(&self, session: &SessionId, user: &SessionUser) -> bool {
        let tagged = behind_numbers(session, user);
        let depth = tagged.and_then(|tagged| tagged.strip_prefix(self.tag.as_str()));
        depth.is_some_and(|depth| depth.starts_with(|c: char| c.is_ascii_digit()))
    }
}

/// What follows the user, the display and the second when it began in the id of a session.
fn behind_numbers<'s>(session: &'s SessionId, user: &SessionUser) -> Option<&'s str> {
    let behind_number = |text: &'s str| text.trim_start_matches(|c: char| c.is_ascii_digit());
    let display = session.as_str().strip_prefix(user.as_str())?.strip_prefix('-')?;
    let began = behind_number(display).strip_prefix('-')?;
    Some(behind_number(began))
}

/// How a command stands in the id of its sessions: the first word of what follows the last `/`, with `PP` for `:`, and
/// without what is no letter, digit or one of `. _ - @`.
fn name_in_id(command: &str) -> String {
    let file = command.rsplit('/').next().unwrap_or_default();
    let word = file.split_whitespace().next().unwrap_or_default();
    let known = |c: &char| c.is_ascii_alphanumeric() || "._-@".contains(*c);
    word.replace(':', "PP").chars().filter(known).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(keys: &[(&'static str, Value)]) -> SessionKind {
        SessionKind::of_profile(&keys.iter().cloned().collect()).unwrap()
    }

    fn command(command: &str) -> (&'static str, Value) {
        ("command", Value::Text(command.to_owned()))
    }

    fn has(kind: &SessionKind, id: &str, user: &str) -> bool {
        kind.has(&SessionId::new(id).unwrap(), &SessionUser::new(user).unwrap())
    }

    #[test]
    fn a_profile_has_the_sessions_that_it_starts() {
        let flag = |key| (key, Value::Flag(true));
        for (keys, id) in [
            (vec![command("XFCE")], "bob-51-1700000000_stDXFCE_dp24"),
            (vec![], "bob-51-1700000000_stDKDE_dp24"),
            (
                vec![command("xterm"), flag("rootless")],
                "bob-51-1700000000_stRxterm_dp24",
            ),
            (
                vec![command("/opt/a b/gimp-2.10 -n")],
                "bob-51-1700000000_stDgimp-2.10_dp32",
            ),
            (vec![command("a:b(c)")], "bob-51-1700000000_stDaPPbc_dp24"),
            (
                vec![command("MATE"), flag("published")],
                "bob-51-1700000000_stRPUBLISHED_dp24",
            ),
            (
                vec![command("MATE"), flag("kdrive")],
                "bob-51-1700000000_stKMATE_dp24",
            ),
            (
                vec![flag("published"), flag("kdrive")],
                "bob-51-1700000000_stAPUBLISHED_dp24",
            ),
            (vec![command("RDP")], "bob-51-1700000000_stRRDP_dp24"),
            (
                vec![command("RDP"), flag("fullscreen")],
                "bob-51-1700000000_stDRDP_dp24",
            ),
            (
                vec![command("XDMCP")],
                "bob-51-1700000000_stDXDMCP_dp24_xdm.example.org",
            ),
        ] {
            let kind = kind(&keys);
            assert!(has(&kind, id, "bob"), "{keys:?}");
            for other in ["alice", "bo", "bob-51"] {
                assert!(!has(&kind, id, other), "{other}");
            }
        }
    }

    #[test]
    fn a_session_of_something_else_is_not_its() {
        let xfce = kind(&[command("XFCE")]);
        for id in [
            "bob-51-1700000000_stDMATE_dp24",
            "bob-51-1700000000_stRXFCE_dp24",
            "bob-51-1700000000_stDXFCE2_dp24",
            "bob-51-1700000000_stDXFCE_dp",
            "bob-51-1700000000",
            "bob-x-1700000000_stDXFCE_dp24",
            "bob_stDXFCE_dp24",
        ] {
            assert!(!has(&xfce, id, "bob"), "{id}");
        }
        // The name of a user may look like the end of an id.
        assert!(has(
            &xfce,
            "bob_stDMATE_dp24-51-1700000000_stDXFCE_dp24",
            "bob_stDMATE_dp24"
        ));
    }

    #[test]
    fn a_profile_that_shows_other_peoples_sessions_has_none() {
        assert_eq!(SessionKind::of_profile(&[command("SHADOW")].into()), None);
    }
}
