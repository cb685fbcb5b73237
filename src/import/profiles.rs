//! `x2gobroker-sessionprofiles.conf`: the session profiles, as X2Go Client got them from x2gobroker.

use std::collections::{BTreeMap, HashSet};

use super::acl::{self, Access};
use super::file::File;
use super::hosts::{self, Hosts};
use super::ini::{Entry, Section};
use super::note::{Note, Notes};
use super::settings::{self, Settings};
use super::unique::UniqueNames;
use super::{received, sent, typed};
use crate::model::session_key::{self, Kind, SessionKey, Value};
use crate::model::{ProfileId, did_you_mean};

/// The word that stands for the user who logged in.
const BROKER_USER: &str = "BROKER_USER";
/// The name that X2Go Client shows for a profile without one.
const NAMELESS: &str = "New Session";
/// Longest text that `conf.d` takes for a session key, in bytes.
const TEXT_BYTES_MAX: usize = 64 * 1024;
/// The keys that are no session keys of their own here: the hosts, the user, and what is read apart.
const READ_APART: &[&str] = &["host", "sshport", "user"];

/// A session profile.
#[derive(Debug, Clone)]
pub(super) struct Profile {
    pub(super) id: ProfileId,
    /// The line its section begins at.
    pub(super) line: usize,
    pub(super) hosts: Hosts,
    /// The name on the hosts, if it is the same for everybody.
    pub(super) session_user: Option<String>,
    /// Every key that X2Go Client got.
    pub(super) keys: BTreeMap<&'static str, Value>,
    pub(super) access: Access,
}

/// All profiles.
#[derive(Debug, Clone, Default)]
pub(super) struct Profiles {
    /// In the order of the file.
    pub(super) profiles: Vec<Profile>,
    /// The keys and values of a profile that sets nothing itself.
    pub(super) defaults: BTreeMap<&'static str, Value>,
}

/// Why the file cannot be imported: what x2gobroker fails over.
pub(super) fn refusals(file: &File) -> Vec<Note> {
    let faults = file.entries().filter_map(|entry| {
        let fault = sent::fault(entry)?;
        Some(file.note(entry.line, fault))
    });
    let mut refusals: Vec<Note> = faults.collect();
    let keys: HashSet<&str> = file.entries().map(|entry| entry.key.as_str()).collect();
    for section in file.sections() {
        let name = section.name.as_str();
        if keys.contains(name) || sent::default_value(name).is_some() {
            let message = format!(
                "x2gobroker overlooks the key `{name}` if a profile has it for an id; rename this one"
            );
            refusals.push(file.note(section.line, message));
        }
    }
    if file.sections().is_empty() {
        refusals.push(Note::on_file(file.name(), "has no session profiles".to_owned()));
    }
    refusals
}

/// Reads every profile of a file without [`refusals`].
pub(super) fn read(file: &File, settings: &Settings, notes: &mut Notes) -> Profiles {
    for entry in file.entries() {
        note_lost_key(file, notes, entry);
    }
    let mut ids = UniqueNames::default();
    let profiles = file.sections().iter().filter_map(|section| {
        let id = profile_id(file, notes, &mut ids, section)?;
        Some(profile(file, section, id, settings, notes))
    });
    let profiles = profiles.collect();
    let nothing = Section {
        name: String::new(),
        line: 0,
        entries: Vec::new(),
    };
    Profiles {
        profiles,
        // What these lines say was noted with the profiles.
        defaults: keys(file, &nothing, &mut Notes::default()),
    }
}

fn profile_id(file: &File, notes: &mut Notes, ids: &mut UniqueNames, section: &Section) -> Option<ProfileId> {
    let wanted = if ProfileId::new(&section.name).is_ok_and(|id| !id.is_notice()) {
        section.name.clone()
    } else {
        // A name that means something to X2Go Client is no better with other letters replaced.
        match ProfileId::new(&super::unique::legal(&section.name)) {
            Ok(id) if !id.is_notice() => id.as_str().to_owned(),
            _ => format!("profile-{}", section.name),
        }
    };
    let id = ProfileId::new(&ids.take(&wanted)).ok()?;
    if id.as_str() != section.name {
        let message = format!(
            "the profile is now called `{id}`: ids have letters, digits, `.`, `_` and `-`, and differ in more \
             than case"
        );
        notes.add(file.note(section.line, message));
    }
    Some(id)
}

fn profile(file: &File, section: &Section, id: ProfileId, settings: &Settings, notes: &mut Notes) -> Profile {
    let mut keys = keys(file, section, notes);
    if autologin(file, section, settings, notes) {
        keys.insert("autologin", Value::Flag(true));
    }
    name(file, section, &mut keys, notes);
    let access = acl::read(file, section, notes);
    if let Access::Nobody { why, .. } = access {
        let message = format!(
            "nobody is offered [{}], here as in x2gobroker: {why}",
            section.name
        );
        notes.add(file.note(section.line, message));
    }
    Profile {
        hosts: profile_hosts(file, section, notes),
        session_user: session_user(file, section, notes),
        id,
        line: section.line,
        keys,
        access,
    }
}

/// The text that counts for a key, and the line it stands at.
fn raw<'a>(file: &'a File, section: &'a Section, key: &str) -> Option<(&'a str, Option<usize>)> {
    match file.find(section, key) {
        Some(entry) => Some((entry.value.as_str(), Some(entry.line))),
        None => sent::default_value(key).map(|value| (value, None)),
    }
}

/// Every session key that X2Go Client gets.
fn keys(file: &File, section: &Section, notes: &mut Notes) -> BTreeMap<&'static str, Value> {
    let mut keys = BTreeMap::new();
    for key in session_key::KEYS {
        let Some((raw, line)) = raw(file, section, key.name) else {
            continue;
        };
        let Some(sent) = sent::value(key.name, raw) else {
            continue;
        };
        match value(key, &sent) {
            Ok((value, remark)) => {
                if let Some(remark) = remark {
                    file.remark(notes, line, format!("`{}`: {remark}", key.name));
                }
                keys.insert(key.name, value);
            }
            Err(why) => file.remark(notes, line, format!("{why}; it was left out")),
        }
    }
    let command = raw(file, section, "command");
    if command.is_some_and(|(command, _)| sent::is_desktop(command)) {
        keys.insert("rootless", Value::Flag(false));
    }
    keys
}

/// The value as X2Go Client understood it, and what to say where that is not what the file seems to say.
fn value(key: &SessionKey, sent: &str) -> Result<(Value, Option<String>), String> {
    let seen = received::text(sent);
    let mut remark = None;
    let value = match key.kind {
        Kind::Flag => {
            let flag = received::flag(&seen);
            if !matches!(seen.to_lowercase().as_str(), "0" | "1" | "true" | "false") {
                remark = Some(format!(
                    "X2Go Client takes `{sent}` for {flag}, and {flag} was written"
                ));
            }
            Value::Flag(flag)
        }
        Kind::Number { .. } => {
            let number = received::number_of(&seen);
            if number.to_string() != seen {
                remark = Some(format!("X2Go Client takes `{sent}` for {number}"));
            }
            Value::Number(number)
        }
        Kind::Text { .. } | Kind::OneOf(_) | Kind::PackMethod => {
            if seen != sent && !sent.starts_with('"') {
                remark = Some(format!(
                    "X2Go Client takes commas, semicolons, backslashes and line ends for syntax and understood \
                     `{seen}`, which was written; write the text that is meant"
                ));
            }
            if seen.len() > TEXT_BYTES_MAX {
                return Err(format!("`{}` is longer than {TEXT_BYTES_MAX} bytes", key.name));
            }
            Value::Text(seen)
        }
    };
    session_key::check(key, &value)?;
    Ok((value, remark))
}

/// Notes a key that no profile can have.
fn note_lost_key(file: &File, notes: &mut Notes, entry: &Entry) {
    let key = entry.key.as_str();
    if key.starts_with("broker-") {
        return settings::note_profile_entry(file, notes, entry);
    }
    let acl = key.starts_with("acl-");
    if session_key::find(key).is_some()
        || READ_APART.contains(&key)
        || (acl && sent::default_value(key).is_some())
    {
        return;
    }
    let message = match session_key::reserved(key) {
        Some(why) if !acl => format!("`{key}` is not carried over: {why}"),
        _ => {
            let known = session_key::KEYS.iter().map(|key| key.name);
            let known = known.chain(sent::default_keys());
            let hint = did_you_mean(key, known).map(|meant| format!(" (did you mean `{meant}`?)"));
            let hint = hint.unwrap_or_default();
            format!("`{key}` means nothing to x2gobroker and X2Go Client{hint}; it is not carried over")
        }
    };
    notes.add(file.note(entry.line, message));
}

/// Makes sure that there is a name to show.
fn name(file: &File, section: &Section, keys: &mut BTreeMap<&'static str, Value>, notes: &mut Notes) {
    let blank = match keys.get("name") {
        Some(Value::Text(name)) => name.trim().is_empty(),
        _ => true,
    };
    if !blank {
        return;
    }
    let written = file.find(section, "name").map(|entry| entry.value.trim());
    let name = match written {
        None => NAMELESS,
        Some("") => section.name.as_str(),
        Some(text) => text,
    };
    let name = name.replace(char::is_control, " ");
    let message = format!("X2Go Client had no name to show for this profile; it is now `{name}`");
    notes.add(file.note(section.line, message));
    keys.insert("name", Value::Text(name));
}

/// Whether the broker logs the user in on the host.
fn autologin(file: &File, section: &Section, settings: &Settings, notes: &mut Notes) -> bool {
    let own = file.find(section, "broker-session-autologin");
    let Some(entry) = own.filter(|entry| !entry.value.is_empty()) else {
        return settings.autologin;
    };
    let on = matches!(entry.value.to_lowercase().as_str(), "1" | "true");
    if !on && typed::flag(&entry.value) != Some(false) {
        let message =
            "`broker-session-autologin` is on for x2gobroker only with `true` or `1`; it was left off";
        notes.add(file.note(entry.line, message));
    }
    on
}

fn profile_hosts(file: &File, section: &Section, notes: &mut Notes) -> Hosts {
    let (list, line) = raw(file, section, "host").unwrap_or_default();
    let items = typed::list(list).unwrap_or_default();
    let port = raw(file, section, "sshport").and_then(|(text, _)| sent::port(text));
    let line = line.or(Some(section.line));
    hosts::read(file, notes, &items, line, port.unwrap_or(22))
}

/// The name on the hosts where it is not that of the user who logged in.
fn session_user(file: &File, section: &Section, notes: &mut Notes) -> Option<String> {
    let (text, line) = raw(file, section, "user")?;
    let user = sent::value("user", text)
        .map(|sent| received::text(&sent))
        .unwrap_or_default();
    if user == BROKER_USER {
        return None;
    }
    if is_account_name(&user) {
        return Some(user);
    }
    let message = if user.is_empty() {
        "`user` is empty, and X2Go Client asked for the name on the server; now it is told the name of the login"
            .to_owned()
    } else {
        format!("`{user}` is no name that an account on a server can have; the name of the login is used")
    };
    file.remark(notes, line, message);
    None
}

/// Whether X2Go's programs on the server take the name, and it cannot be taken for a number of an account.
fn is_account_name(name: &str) -> bool {
    let first = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    name.len() <= 255
        && name.bytes().next().is_some_and(first)
        && name.bytes().all(|b| first(b) || b".@-".contains(&b))
        && !name.bytes().all(|b| b.is_ascii_digit())
}
