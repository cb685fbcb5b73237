//! `x2gobroker.conf`: the few settings that have an equivalent, and a note for each of the others.

use super::file::File;
use super::ini::{Entry, Ini, Section};
use super::note::Notes;
use super::typed;

/// The section with the settings of the whole broker.
const GLOBAL: &str = "global";
/// The section of the backend that reads session profiles from a file.
const BACKEND: &str = "broker_inifile";
/// Longest lifetime of a ticket that `conf.d` takes, in seconds: 31 days.
const TICKET_SECONDS_MAX: i64 = 31 * 24 * 3600;

/// What `x2gobroker.conf` says that profiles and `conf.d` need.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Settings {
    /// Where they were read, if they were.
    pub(super) file: Option<String>,
    /// Whether profiles that do not say otherwise log in by themselves.
    pub(super) autologin: bool,
    /// How long a login counts, in seconds, if that was written.
    pub(super) ticket_seconds: Option<i64>,
    /// Whether a login counts only from its own address, if that was written.
    pub(super) bind_ticket_to_client: Option<bool>,
}

/// What becomes of a setting.
enum Fate {
    /// It is carried over.
    Carried,
    /// What to know about it.
    Note(&'static str),
    /// What to know about it, unless it says this, which is so anyway.
    NoteUnless(&'static str, &'static str),
}

use Fate::{Carried, Note, NoteUnless};

const OPEN: &str = "without credentials nobody is let in; every user logs in with name and password";
const PRESET: &str = "there is no ticket that clients know beforehand; start them without `--auth-id`";
const DIRECTORY: &str = "users and groups come from the LDAP servers that you write into 10-directory.toml";
const DOORS: &str = "which front ends x2gobroker serves is not carried over";
const SCRIPTS: &str = "scripts are not run; say what they decide by rules and profiles";
const KEYS: &str = "where x2gobroker put its keys on the hosts is not carried over";
const AGENT: &str = "how x2gobroker asks its agent is not carried over; say `agent` in each [farm.NAME]";
const LOAD: &str = "x2gobroker's load checker is not carried over; hosts are chosen by sessions and `weight` in [farm.NAME.hosts.HOST]";
const PROBE: &str = "every host is tried before a client is sent to it; this cannot be turned off";
const PRIMARY: &str = "primary groups count here; to leave out groups that only are primary ones, set `group_filter` in 10-directory.toml";

/// The settings of `[global]`.
fn global(key: &str) -> Option<Fate> {
    Some(match key {
        "auth-timeout" | "verify-ip" | "default-session-autologin" => Carried,
        "check-credentials" | "require-password" => NoteUnless("true", OPEN),
        "require-cookie" => NoteUnless("false", PRESET),
        "my-cookie" | "my-cookie-file" => Note(PRESET),
        "use-static-cookie" => NoteUnless(
            "false",
            "tickets change now and then, and the one before stays good for requests under way",
        ),
        "cookie-directory" => Note("tickets are kept in the database that `state` in [server] names"),
        "pre_auth_scripts" | "post_auth_scripts" | "select_session_scripts" => NoteUnless("", SCRIPTS),
        "enable-plain-output" => NoteUnless("true", DOORS),
        "enable-json-output" | "enable-uccs-output" | "my-uccs-url-base" => Note(DOORS),
        "default-auth-mech" | "default-user-db" | "default-group-db" => Note(DIRECTORY),
        "ignore-primary-group-memberships" => NoteUnless("false", PRIMARY),
        "default-authorized-keys" | "default-sshproxy-authorized-keys" => Note(KEYS),
        "default-agent-query-mode" => NoteUnless("none", AGENT),
        "default-agent-hostkey-policy" => Note(AGENT),
        "default-portscan-x2goservers" => NoteUnless("true", PROBE),
        "default-use-load-checker" => NoteUnless("false", LOAD),
        "load-checker-intervals" => Note(LOAD),
        _ => return None,
    })
}

/// The settings of `[broker_inifile]`.
fn backend(key: &str) -> Option<Fate> {
    Some(match key {
        "enable" => NoteUnless(
            "true",
            "x2gobroker offers these profiles to nobody; here they are offered as the rules say",
        ),
        "session-profiles" => {
            Note("x2gobroker 0.0.4.3 does not read this; the file given to the import was read")
        }
        "auth-mech" | "user-db" | "group-db" => NoteUnless("", DIRECTORY),
        "agent-query-mode" => NoteUnless("none", AGENT),
        "agent-hostkey-policy" => Note(AGENT),
        "use-load-checker" => NoteUnless("false", LOAD),
        _ => return None,
    })
}

/// The settings for the broker in a session profile, `broker-…`.
pub(super) fn note_profile_entry(file: &File, notes: &mut Notes, entry: &Entry) {
    let fate = match entry.key.as_str() {
        "broker-session-autologin" => Carried,
        "broker-agent-query-mode" => NoteUnless("none", AGENT),
        "broker-agent-hostkey-policy" => Note(AGENT),
        "broker-authorized-keys" | "broker-sshproxy-authorized-keys" => NoteUnless("", KEYS),
        "broker-portscan-x2goservers" => NoteUnless("true", PROBE),
        "broker-use-load-checker" => NoteUnless("false", LOAD),
        _ => Note("x2gobroker does not know this key"),
    };
    note_fate(file, notes, entry, &fate);
}

/// Whether the file is `x2gobroker.conf` and not one with session profiles.
pub(super) fn are_in(ini: &Ini) -> bool {
    let of_the_broker = |section: &Section| {
        section.name == GLOBAL || section.name.starts_with("broker_") || section.name.starts_with("authmech_")
    };
    ini.sections.iter().any(of_the_broker)
}

/// Reads the settings; every line is carried over, says what is so anyway, or is noted.
pub(super) fn read(file: &File, notes: &mut Notes) -> Settings {
    for entry in file.defaults() {
        note_entry(file, notes, GLOBAL, entry);
    }
    for section in file.sections() {
        for entry in &section.entries {
            note_entry(file, notes, &section.name, entry);
        }
    }
    let global = file.sections().iter().find(|section| section.name == GLOBAL);
    let find = |key| global.and_then(|section| file.find(section, key));
    let mut flag = |key: &'static str| {
        let entry = find(key)?;
        let flag = typed::flag(&entry.value);
        if flag.is_none() {
            let message = format!("`{key}` must be true or false, for x2gobroker too; it was left out");
            notes.add(file.note(entry.line, message));
        }
        flag
    };
    let autologin = flag("default-session-autologin").unwrap_or(false);
    let bind_ticket_to_client = flag("verify-ip");
    Settings {
        file: Some(file.name().to_owned()),
        autologin,
        ticket_seconds: find("auth-timeout").and_then(|entry| ticket_seconds(file, notes, entry)),
        bind_ticket_to_client,
    }
}

fn ticket_seconds(file: &File, notes: &mut Notes, entry: &Entry) -> Option<i64> {
    let seconds = typed::number(&entry.value);
    let kept = seconds.map(|seconds| seconds.clamp(1, TICKET_SECONDS_MAX));
    if kept.is_none() || kept != seconds {
        let message = "`auth-timeout` must be from 1 to 2678400 seconds (31 days)";
        notes.add(file.note(entry.line, message));
    }
    kept
}

fn note_entry(file: &File, notes: &mut Notes, section: &str, entry: &Entry) {
    let fate = match section {
        GLOBAL => global(&entry.key),
        BACKEND => backend(&entry.key),
        "broker_zeroconf" if entry.key == "enable" => Some(NoteUnless(
            "false",
            "the profile that x2gobroker makes up for its own machine is not carried over; write one if it is used",
        )),
        "broker_zeroconf" | "broker_ldap" | "broker_base" => Some(Note(
            "only the profiles in x2gobroker-sessionprofiles.conf are carried over",
        )),
        _ if section.starts_with("authmech_") => Some(Note(DIRECTORY)),
        _ => None,
    };
    let unknown = Note("x2gobroker does not know this setting");
    note_fate(file, notes, entry, fate.as_ref().unwrap_or(&unknown));
}

fn note_fate(file: &File, notes: &mut Notes, entry: &Entry, fate: &Fate) {
    let says = |word: &str| match (typed::flag(word), typed::flag(&entry.value)) {
        (Some(wanted), Some(said)) => wanted == said,
        _ => entry.value.eq_ignore_ascii_case(word),
    };
    let message = match fate {
        Carried => return,
        NoteUnless(word, _) if says(word) => return,
        Note(message) | NoteUnless(_, message) => message,
    };
    notes.add(file.note(entry.line, format!("`{}`: {message}", entry.key)));
}
