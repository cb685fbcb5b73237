//! What x2gobroker sends for a key of a session profile: its built-in defaults, the types they give to keys, and
//! what it makes of a value (x2gobroker 0.0.4.3, `defaults.py`, `config.py` and `get_profile_for_user`).

use super::ini::Entry;
use super::typed;

/// How x2gobroker reads a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Flag,
    Number,
    List,
}

use Kind::{Flag, List, Number, Text};

/// The value that removes a key that `[DEFAULT]` or x2gobroker itself would set.
const NOT_SET: &str = "not-set";

/// The keys that every profile has, with their values where the file gives none.
const DEFAULTS: &[(&str, Kind, &str)] = &[
    ("acl-any-order", Text, "deny-allow"),
    ("acl-clients-allow", List, ""),
    ("acl-clients-deny", List, ""),
    ("acl-clients-order", Text, ""),
    ("acl-groups-allow", List, ""),
    ("acl-groups-deny", List, ""),
    ("acl-groups-order", Text, ""),
    ("acl-users-allow", List, ""),
    ("acl-users-deny", List, ""),
    ("acl-users-order", Text, ""),
    ("applications", List, "TERMINAL,WWWBROWSER,MAILCLIENT,OFFICE"),
    ("command", Text, "TERMINAL"),
    ("defsndport", Flag, "true"),
    ("directrdp", Flag, "false"),
    ("dpi", Number, "96"),
    ("export", Text, ""),
    ("fstunnel", Flag, "true"),
    ("fullscreen", Flag, "false"),
    ("height", Number, "600"),
    ("host", List, "localhost"),
    ("iconvfrom", Text, "UTF-8"),
    ("iconvto", Text, "UTF-8"),
    ("kdrive", Flag, "false"),
    ("layout", Text, ""),
    ("multidisp", Flag, "false"),
    ("pack", Text, "16m-jpeg"),
    ("print", Flag, "true"),
    ("quality", Number, "9"),
    ("rootless", Flag, "true"),
    ("setdpi", Number, "0"),
    ("sndport", Number, "4713"),
    ("sound", Flag, "true"),
    ("soundsystem", Text, "pulse"),
    ("soundtunnel", Flag, "true"),
    ("speed", Number, "2"),
    ("sshport", Number, "22"),
    ("sshproxyport", Number, "22"),
    ("type", Text, "auto"),
    ("useexports", Flag, "true"),
    ("useiconv", Flag, "false"),
    ("usekbd", Flag, "true"),
    ("user", Text, "BROKER_USER"),
    ("variant", Text, ""),
    ("width", Number, "800"),
    ("xinerama", Flag, "true"),
];

/// The commands that x2gobroker sends in capitals and with `rootless` off.
const DESKTOPS: &[&str] = &[
    "CINNAMON", "GNOME", "ICEWM", "KDE", "LXDE", "MATE", "OPENBOX", "TRINITY", "UNITY", "XDMCP", "XFCE",
];

/// The keys that every profile has.
pub(super) fn default_keys() -> impl Iterator<Item = &'static str> {
    DEFAULTS.iter().map(|(key, _, _)| *key)
}

/// The value that a key has where the file gives it none.
pub(super) fn default_value(key: &str) -> Option<&'static str> {
    let mut defaults = DEFAULTS.iter();
    defaults.find_map(|(known, _, value)| (*known == key).then_some(*value))
}

fn kind(key: &str) -> Kind {
    let mut defaults = DEFAULTS.iter();
    defaults
        .find_map(|(known, kind, _)| (*known == key).then_some(*kind))
        .unwrap_or(Text)
}

/// Why x2gobroker cannot read an entry of a profile; with one such entry it answers no request at all.
pub(super) fn fault(entry: &Entry) -> Option<String> {
    let (readable, demand) = match kind(&entry.key) {
        Text => return None,
        Flag => (
            typed::flag(&entry.value).is_some(),
            "yes, no, true, false, on, off, 1 or 0",
        ),
        // Without a port x2gobroker cannot tell where a host is.
        Number if entry.key == "sshport" => (port(&entry.value).is_some(), "a number from 1 to 65535"),
        Number => (
            typed::number(&entry.value).is_some() || entry.value == NOT_SET,
            "a whole number or `not-set`",
        ),
        List => (
            typed::list(&entry.value).is_some(),
            "texts between commas, or a list like ['a', 'b']",
        ),
    };
    (!readable).then(|| format!("`{}` must be {demand}; x2gobroker fails over this too", entry.key))
}

/// A number that a port can have.
pub(super) fn port(text: &str) -> Option<u16> {
    let number = typed::number(text)?;
    u16::try_from(number).ok().filter(|port| *port != 0)
}

/// The text behind `key=` in x2gobroker's reply; none if it leaves the key out.
pub(super) fn value(key: &str, raw: &str) -> Option<String> {
    if raw == NOT_SET {
        return None;
    }
    match kind(key) {
        Text if key == "command" && is_desktop(raw) => Some(raw.to_uppercase()),
        Text => Some(raw.to_owned()),
        Flag => typed::flag(raw).map(|flag| if flag { "1" } else { "0" }.to_owned()),
        Number => typed::number(raw).map(|number| number.to_string()),
        List => typed::list(raw).map(|items| items.join(",")),
    }
}

/// Whether a command is the name of a desktop, and not of a program.
pub(super) fn is_desktop(command: &str) -> bool {
    DESKTOPS.contains(&command.to_uppercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault_of(key: &str, value: &str) -> Option<String> {
        fault(&Entry {
            key: key.to_owned(),
            value: value.to_owned(),
            line: 1,
        })
    }

    #[test]
    fn values_become_what_x2gobroker_sends() {
        assert_eq!(value("fullscreen", "Yes").as_deref(), Some("1"));
        assert_eq!(value("usebrokerpass", "Yes").as_deref(), Some("Yes"));
        assert_eq!(value("width", "0800").as_deref(), Some("800"));
        assert_eq!(value("dpi", "not-set"), None);
        assert_eq!(value("command", "xfce").as_deref(), Some("XFCE"));
        assert_eq!(value("command", "xterm").as_deref(), Some("xterm"));
    }

    #[test]
    fn what_x2gobroker_cannot_read_is_told() {
        assert_eq!(
            fault_of("fullscreen", "maybe").unwrap(),
            "`fullscreen` must be yes, no, true, false, on, off, 1 or 0; x2gobroker fails over this too"
        );
        assert!(fault_of("fullscreen", "not-set").is_some());
        assert!(fault_of("width", "not-set").is_none());
        assert!(fault_of("width", "wide").is_some());
        assert!(fault_of("sshport", "not-set").is_some());
        assert!(fault_of("sshport", "70000").is_some());
        assert!(fault_of("acl-users-allow", "[alice]").is_some());
        assert!(fault_of("usebrokerpass", "maybe").is_none());
    }
}
