//! The files for `conf.d`, as an admin would have written them.

use std::collections::{BTreeMap, BTreeSet};

use super::ConfFile;
use super::acl::{Access, Conditions};
use super::file::File;
use super::hosts::Hosts;
use super::profiles::{Profile, Profiles};
use super::settings::Settings;
use super::toml_text::{comment, key, list_line, string, template};
use super::unique::UniqueNames;
use crate::model::session_key::Value;
use crate::model::{HostAddress, HostName};

/// The port that hosts have where none is written.
const SSH_PORT: u16 = 22;

/// Everything, in the order in which it is read.
pub(super) fn write(file: &File, settings: &Settings, site: &Profiles) -> Vec<ConfFile> {
    let farms = Farms::new(&site.profiles);
    [
        ("00-server.toml", server(settings)),
        ("10-directory.toml", directory()),
        ("20-farms.toml", farms.text(&site.profiles)),
        ("30-profiles.toml", profiles(file, site, &farms)),
        ("40-rules.toml", rules(file, &site.profiles)),
    ]
    .into_iter()
    .map(|(name, text)| ConfFile { name, text })
    .collect()
}

fn server(settings: &Settings) -> String {
    let mut text = String::from(
        "# Where the broker listens, and how long a login counts.\n\
         \n\
         [server]\n\
         # listen = [\"[::]:8443\"]\n\
         # certificate = \"/etc/x2godirector/tls/fullchain.pem\"\n\
         # private_key = \"/etc/x2godirector/tls/key.pem\"\n\
         \n\
         [authentication]\n",
    );
    if let Some(file) = &settings.file {
        text.push_str(&comment(&format!(
            "From {file}; what is not written here is as it is by default."
        )));
    }
    if let Some(seconds) = settings.ticket_seconds {
        text.push_str(&format!("ticket_lifetime = \"{}\"\n", duration(seconds)));
    }
    if let Some(bound) = settings.bind_ticket_to_client {
        text.push_str(&format!("bind_ticket_to_client = {bound}\n"));
    }
    text
}

/// The seconds in the largest unit that divides them.
fn duration(seconds: i64) -> String {
    match (seconds % 3600, seconds % 60) {
        (0, _) => format!("{}h", seconds / 3600),
        (_, 0) => format!("{}m", seconds / 60),
        _ => format!("{seconds}s"),
    }
}

fn directory() -> String {
    "# Where users and groups are. x2gobroker left this to PAM and the system's name services, so nothing could be\n\
     # carried over: write your own servers, base and schema.\n\
     \n\
     [directory.ldap]\n\
     urls = [\"ldaps://ldap.example.org\"]\n\
     base_dn = \"dc=example,dc=org\"\n\
     # \"rfc2307\": groups name their members by user name (memberUid);\n\
     # \"rfc2307bis\": by distinguished name (member, uniqueMember).\n\
     schema = \"rfc2307\"\n\
     # ca_file = \"/etc/x2godirector/tls/directory-ca.pem\"\n\
     # bind_dn = \"cn=broker,dc=example,dc=org\"\n\
     # bind_password_file = \"/etc/x2godirector/secrets/ldap\"\n"
        .to_owned()
}

/// The farms: one for each set of hosts.
struct Farms<'a> {
    /// In the order of the profiles that use them first.
    farms: Vec<(String, &'a Hosts)>,
    /// For each profile, the position of its farm.
    of_profile: Vec<usize>,
}

impl<'a> Farms<'a> {
    fn new(profiles: &'a [Profile]) -> Self {
        let mut known = BTreeMap::new();
        let mut names = UniqueNames::default();
        let mut farms = Vec::new();
        let mut of_profile = Vec::new();
        for profile in profiles {
            let set: BTreeSet<_> = profile.hosts.hosts.iter().collect();
            let at = *known.entry((set, profile.hosts.port)).or_insert_with(|| {
                farms.push((names.take(farm_name(profile)), &profile.hosts));
                farms.len() - 1
            });
            of_profile.push(at);
        }
        Self { farms, of_profile }
    }

    fn name(&self, profile: usize) -> &str {
        let farm = self.of_profile.get(profile).and_then(|at| self.farms.get(*at));
        farm.map_or("", |(name, _)| name)
    }

    fn text(&self, profiles: &[Profile]) -> String {
        let mut text = String::from("# The X2Go servers. Profiles with the same hosts share a farm.\n");
        for (at, (name, hosts)) in self.farms.iter().enumerate() {
            let users = profiles
                .iter()
                .zip(&self.of_profile)
                .filter(|(_, farm)| **farm == at);
            let users: Vec<&str> = users.map(|(profile, _)| profile.id.as_str()).collect();
            text.push('\n');
            text.push_str(&comment(&format!("for {}", users.join(", "))));
            let headers = hosts.hosts.iter().map(|host| {
                let header = format!("[farm.{}.hosts.{}]\n", key(name), key(host.name.as_str()));
                header + &host_lines(&host.name, host.address.as_ref(), hosts.port)
            });
            text.push_str(&headers.collect::<Vec<_>>().join("\n"));
        }
        text
    }
}

/// A farm of one host is called after the host, any other after the profile that comes first.
fn farm_name(profile: &Profile) -> &str {
    match profile.hosts.hosts.as_slice() {
        [host] => {
            let name = host.name.as_str();
            let short = name.split('.').next().unwrap_or(name);
            let numeric = name.bytes().all(|b| b.is_ascii_digit() || b == b'.');
            if numeric || short.is_empty() { name } else { short }
        }
        _ => profile.id.as_str(),
    }
}

fn host_lines(name: &HostName, address: Option<&HostAddress>, port: u16) -> String {
    let mut text = String::new();
    match address {
        Some(address) => text.push_str(&format!("address = {}\n", string(address.as_str()))),
        None => text.push_str(&comment(&format!("address = {}", string(name.as_str())))),
    }
    if port != SSH_PORT {
        text.push_str(&format!("port = {port}\n"));
    }
    text
}

fn profiles(file: &File, site: &Profiles, farms: &Farms<'_>) -> String {
    let shared = shared_keys(site);
    let mut text = String::from("# The session profiles.\n");
    if !shared.is_empty() {
        text.push_str("\n# What every profile has that does not say otherwise.\n[profile_defaults]\n");
        for (name, value) in &shared {
            text.push_str(&key_line(name, value));
        }
    }
    for (at, profile) in site.profiles.iter().enumerate() {
        text.push('\n');
        text.push_str(&comment(&format!("{}:{}", file.name(), profile.line)));
        text.push_str(&format!("[profile.{}]\n", key(profile.id.as_str())));
        let own = |name: &&str| shared.get(*name) != profile.keys.get(*name);
        for name in ["name", "command"].iter().filter(|name| own(name)) {
            if let Some(value) = profile.keys.get(name) {
                text.push_str(&key_line(name, value));
            }
            if *name == "name" {
                text.push_str(&format!("farm = {}\n", string(farms.name(at))));
            }
        }
        if let Some(user) = &profile.session_user {
            text.push_str(&format!("session_user = {}\n", template(user)));
        }
        for (name, value) in &profile.keys {
            if !matches!(*name, "name" | "command") && own(name) {
                text.push_str(&key_line(name, value));
            }
        }
    }
    text
}

/// The keys for `[profile_defaults]`: what x2gobroker gives to every profile, as far as some profile has it so
/// and every one has the key, since a profile cannot take a key away.
fn shared_keys(site: &Profiles) -> BTreeMap<&'static str, Value> {
    let shared = |name: &str, value: &Value| {
        let has = |profile: &Profile| profile.keys.contains_key(name);
        name != "name"
            && site.profiles.iter().all(has)
            && site
                .profiles
                .iter()
                .any(|profile| profile.keys.get(name) == Some(value))
    };
    let defaults = site.defaults.iter().filter(|(name, value)| shared(name, value));
    defaults.map(|(name, value)| (*name, value.clone())).collect()
}

fn key_line(name: &str, value: &Value) -> String {
    let value = match value {
        Value::Text(text) => template(text),
        Value::Flag(flag) => flag.to_string(),
        Value::Number(number) => number.to_string(),
    };
    format!("{name} = {value}\n")
}

fn rules(file: &File, profiles: &[Profile]) -> String {
    let mut text = String::from(
        "# Who gets which profiles: whoever matches all conditions of a rule gets its profiles, and an exception\n\
         # only keeps its own rule from matching.\n",
    );
    let mut names = UniqueNames::default();
    let mut written: Vec<&Access> = Vec::new();
    for profile in profiles {
        let conditions = match &profile.access {
            Access::Allowed(conditions) => conditions,
            Access::Nobody { why, meant } => {
                text.push('\n');
                text.push_str(&comment(&format!("{}:{}", file.name(), profile.line)));
                text.push_str(&nobody(profile, why, meant));
                continue;
            }
        };
        if written.contains(&&profile.access) {
            continue;
        }
        written.push(&profile.access);
        let same: Vec<&Profile> = profiles
            .iter()
            .filter(|other| other.access == profile.access)
            .collect();
        for condition in conditions {
            let name = names.take(&rule_name(condition, &same, conditions.len() > 1));
            text.push('\n');
            let lines: Vec<String> = same.iter().map(|profile| profile.line.to_string()).collect();
            text.push_str(&comment(&format!("{}:{}", file.name(), lines.join(", "))));
            text.push_str(&rule(&name, condition, &same));
        }
    }
    text
}

/// What stands where nobody gets a profile, with the rules that were probably meant.
fn nobody(profile: &Profile, why: &str, meant: &[Conditions]) -> String {
    let mut text = comment(&format!("Nobody gets {}: {why}.", profile.id));
    if !meant.is_empty() {
        text.push_str("# If the lists that allow should count first, this is what is meant:\n");
    }
    for conditions in meant {
        let name = rule_name(conditions, &[profile], meant.len() > 1);
        for line in rule(&name, conditions, &[profile]).lines() {
            text.push_str(&comment(line));
        }
    }
    text
}

/// A rule for one profile is called after it, one for several after whom it is for.
fn rule_name(condition: &Conditions, profiles: &[&Profile], of_two: bool) -> String {
    let first = profiles.first().map_or("", |profile| profile.id.as_str());
    let kind = if condition.groups.is_empty() {
        "users"
    } else {
        "groups"
    };
    match (profiles.len(), condition.groups.first()) {
        (1, _) if of_two => format!("{first}-{kind}"),
        (1, _) => first.to_owned(),
        (_, Some(group)) => group.clone(),
        _ if condition.is_for_everyone() => "everyone".to_owned(),
        _ => format!("{first}-and-others"),
    }
}

fn rule(name: &str, conditions: &Conditions, profiles: &[&Profile]) -> String {
    let mut text = format!("[rule.{}]\n", key(name));
    if conditions.is_for_everyone() {
        text.push_str("everyone = true\n");
    }
    for (name, items) in [
        ("groups", &conditions.groups),
        ("users", &conditions.users),
        ("except_groups", &conditions.except_groups),
        ("except_users", &conditions.except_users),
    ] {
        if !items.is_empty() {
            text.push_str(&list_line(name, items));
        }
    }
    for (name, items) in [
        ("clients", &conditions.clients),
        ("except_clients", &conditions.except_clients),
    ] {
        if !items.is_empty() {
            text.push_str(&list_line(name, items));
        }
    }
    let ids: Vec<&str> = profiles.iter().map(|profile| profile.id.as_str()).collect();
    text.push_str(&list_line("profiles", &ids));
    text
}
