//! `[directory]`: where users and groups are. `[directory.ldap]`: the servers, the account that searches, and how
//! users and groups are laid out. `[directory.nss]`: which users of this host.

use std::path::PathBuf;
use std::time::Duration;

use super::diagnostic::Diagnostic;
use super::ldap_text::{DnTemplate, ServerUrl};
use super::named_file;
use super::section::Section;
use super::source::Place;
use super::value::{FromText, Located};
use crate::authenticate::Method;
use crate::directory::{Filter, Schema, Server, ServiceAccount, Settings, Transport, UserLookup};
use crate::model::{AttributeName, Dn, did_you_mean};

const START_TLS: bool = false;
const NESTED_GROUPS: bool = true;
const SYNC: bool = true;
/// Both are long, because a server that everybody asks at once is only slow. A silent one is noticed by its probes.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
const OPERATION_TIMEOUT: Duration = Duration::from_secs(10);
const SEARCH_CONNECTIONS: usize = 8;
const BIND_CONNECTIONS: usize = 16;
const CONNECTIONS_MAX: i64 = 256;
const TIMEOUT_MIN: Duration = Duration::from_millis(50);
const TIMEOUT_MAX: Duration = Duration::from_mins(1);
/// Most servers; each may cost a login its timeouts.
const SERVERS_MAX: usize = 8;
const SCHEMAS: [(&str, Schema); 3] = [
    ("rfc2307", Schema::Rfc2307),
    ("rfc2307bis", Schema::Rfc2307bis),
    ("active-directory", Schema::ActiveDirectory),
];

/// What `[directory]` says.
pub(super) struct Directory {
    /// `source`
    pub(super) source: UserSource,
    /// `[directory.ldap]`; none if something without a default is missing or wrong, or if it does not belong there.
    pub(super) ldap: Option<Settings>,
    /// `[directory.nss]`
    pub(super) nss: Nss,
    /// The longest that one step of the directory may take.
    pub(super) longest_step: Duration,
}

/// `source` of `[directory]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum UserSource {
    /// The LDAP directory.
    Ldap,
    /// This host's own users and groups.
    Nss,
}

impl UserSource {
    /// How its passwords are checked where nothing is written.
    pub(super) fn usual_methods(self) -> &'static [Method] {
        match self {
            Self::Ldap => &[Method::Ldap],
            Self::Nss => &[Method::Pam],
        }
    }
}

impl FromText for UserSource {
    fn from_text(text: &str) -> Result<Self, String> {
        match text {
            "ldap" => Ok(Self::Ldap),
            "nss" => Ok(Self::Nss),
            _ => Err(format!("there is no source `{text}`; there are `ldap` and `nss`")),
        }
    }
}

/// What `[directory.nss]` says.
pub(super) struct Nss {
    /// Where it stands, if it does.
    pub(super) place: Option<Place>,
    /// The lowest user id that may log in.
    pub(super) min_uid: Option<u32>,
}

impl FromText for Schema {
    fn from_text(text: &str) -> Result<Self, String> {
        let known = SCHEMAS.iter().find(|(name, _)| *name == text);
        known.map(|(_, schema)| *schema).ok_or_else(|| {
            let meant = did_you_mean(text, SCHEMAS.iter().map(|(name, _)| *name))
                .map(|name| format!(" (did you mean `{name}`?)"))
                .unwrap_or_default();
            format!(
                "there is no schema `{text}`; there are `rfc2307`, `rfc2307bis` and `active-directory`{meant}"
            )
        })
    }
}

/// Takes `source` of `[directory]`, on which depends what belongs into other sections.
pub(super) fn source(section: &mut Section<'_>) -> UserSource {
    section.take("source").unwrap_or(UserSource::Ldap)
}

/// Reads the rest of `[directory]`.
pub(super) fn read(mut section: Section<'_>, source: UserSource) -> Directory {
    let problems = section.problems();
    let nss = read_nss(&mut section);
    let has_ldap = section.has("ldap");
    let ldap = section.section("ldap");
    section.finish();
    let (settings, longest_step) = match source {
        UserSource::Ldap => read_ldap(ldap),
        UserSource::Nss => {
            if has_ldap {
                let message = "[directory.ldap] says nothing beside source = \"nss\"";
                let hint = "leave it out, or write source = \"ldap\"".to_owned();
                problems.add(Diagnostic::error(ldap.header(), message).hint(hint));
            }
            (None, Duration::ZERO)
        }
    };
    Directory {
        source,
        ldap: settings,
        nss,
        longest_step,
    }
}

fn read_nss(section: &mut Section<'_>) -> Nss {
    let is_there = section.has("nss");
    let mut nss = section.section("nss");
    let place = is_there.then(|| nss.header().clone());
    // The highest number stands for nobody (chown(2)).
    let min_uid = nss.number("min_uid", 0..=i64::from(u32::MAX) - 1);
    nss.finish();
    Nss { place, min_uid }
}

fn read_ldap(mut section: Section<'_>) -> (Option<Settings>, Duration) {
    let timeouts = TIMEOUT_MIN..=TIMEOUT_MAX;
    let connect_timeout = section
        .duration("connect_timeout", timeouts.clone())
        .unwrap_or(CONNECT_TIMEOUT);
    let operation_timeout = section
        .duration("operation_timeout", timeouts)
        .unwrap_or(OPERATION_TIMEOUT);
    let servers = servers(&mut section);
    let ca_file = ca_file(&mut section, &servers);
    let service = service_account(&mut section);
    let base = section.require::<Dn>("base_dn", "\"dc=example,dc=org\"");
    let schema = section.take("schema").unwrap_or(Schema::Rfc2307bis);
    let user_lookup = user_lookup(&mut section, base.as_ref(), schema);
    let group_base = section.take::<Dn>("group_base").or_else(|| base.clone());
    let group_filter = section
        .take::<Filter>("group_filter")
        .unwrap_or_else(|| Filter::default_for_groups(schema));
    let user_attribute = section
        .take::<AttributeName>("user_attribute")
        .map_or(schema.default_user_attribute().to_owned(), |name| {
            name.as_str().to_owned()
        });
    let attributes = section
        .take::<Vec<AttributeName>>("attributes")
        .unwrap_or_default();
    let sync = section.take("sync").unwrap_or(SYNC);
    let nested_groups = section.take("nested_groups").unwrap_or(NESTED_GROUPS);
    let mut connections = |key, default| section.number(key, 1..=CONNECTIONS_MAX).unwrap_or(default);
    let search_connections = connections("search_connections", SEARCH_CONNECTIONS);
    let bind_connections = connections("bind_connections", BIND_CONNECTIONS);
    section.finish();
    let settings = user_lookup
        .zip(group_base)
        .zip(base)
        .map(|((user_lookup, group_base), base)| Settings {
            servers,
            ca_file,
            service,
            schema,
            nested_groups,
            user_lookup,
            user_attribute,
            base,
            group_base,
            group_filter,
            sync,
            attributes: attributes.iter().map(|name| name.as_str().to_owned()).collect(),
            connect_timeout,
            operation_timeout,
            search_connections,
            bind_connections,
        });
    (settings, connect_timeout + operation_timeout)
}

/// The servers of `urls`, with the protection that `start_tls` adds.
fn servers(section: &mut Section<'_>) -> Vec<Server> {
    let problems = section.problems();
    let start_tls = section.take("start_tls").unwrap_or(START_TLS);
    let urls = section.require::<Located<Vec<Located<ServerUrl>>>>("urls", "[\"ldaps://ldap.example.org\"]");
    let Some(urls) = urls else {
        return Vec::new();
    };
    if urls.value.is_empty() {
        problems.error(&urls.place, "`urls` is empty");
    }
    if urls.value.len() > SERVERS_MAX {
        problems.error(&urls.place, format!("`urls` has more than {SERVERS_MAX} servers"));
    }
    let mut servers: Vec<Server> = Vec::new();
    for Located { value: url, place } in urls.value {
        let problem = |message: &str, hint: &str| {
            problems.add(Diagnostic::error(&place, message).hint(hint.to_owned()));
        };
        let transport = match (url.tls, start_tls) {
            (true, false) => Transport::Tls,
            (false, true) => Transport::StartTls,
            (false, false) => Transport::Plain,
            (true, true) => {
                problem(
                    "an ldaps:// server with start_tls = true would be asked for TLS twice",
                    "write ldap:// or start_tls = false",
                );
                Transport::Tls
            }
        };
        if transport == Transport::Plain && !url.is_loopback() {
            problem(
                "passwords would cross the network in the clear",
                "write ldaps:// or start_tls = true",
            );
        }
        let server = Server {
            host: url.host,
            port: url.port,
            transport,
        };
        if servers.contains(&server) {
            problems.error(&place, "this server stands there twice");
        }
        servers.push(server);
    }
    servers
}

/// The file with the authorities that sign these servers' certificates.
fn ca_file(section: &mut Section<'_>, servers: &[Server]) -> Option<PathBuf> {
    let problems = section.problems();
    let written = section.take::<Located<PathBuf>>("ca_file");
    if written
        .as_ref()
        .is_none_or(|file| named_file::is_readable(file, problems))
    {
        let path = written.as_ref().map(|file| file.value.as_path());
        let place = written.as_ref().map_or(section.header(), |file| &file.place);
        if let Err(why) = Settings::check_authorities(servers, path) {
            problems.error(place, why.to_string());
        }
    }
    written.map(|file| file.value)
}

/// The account that searches: both keys or neither.
fn service_account(section: &mut Section<'_>) -> Option<ServiceAccount> {
    match (section.has("bind_dn"), section.has("bind_password_file")) {
        (true, false) => section.miss(
            "bind_password_file",
            "\"/etc/x2godirector/secrets/ldap\", beside bind_dn",
        ),
        (false, true) => section.miss(
            "bind_dn",
            "\"cn=broker,dc=example,dc=org\", beside bind_password_file",
        ),
        _ => {}
    }
    let dn = section.take("bind_dn");
    let file = section.take::<Located<PathBuf>>("bind_password_file");
    let password = file.and_then(|file| named_file::password(&file, section.problems()));
    let (dn, password) = dn.zip(password)?;
    Some(ServiceAccount { dn, password })
}

/// How a user's entry is found: by a template, or by a search.
fn user_lookup(section: &mut Section<'_>, base: Option<&Dn>, schema: Schema) -> Option<UserLookup> {
    let template = section.take::<Located<DnTemplate>>("user_dn_template");
    if let Some(Located { place, .. }) = &template
        && let Some(other) = ["user_base", "user_filter"]
            .into_iter()
            .find(|key| section.has(key))
    {
        let message = format!("user_dn_template leaves nothing for `{other}` to say");
        let hint = format!("leave out user_dn_template or {other}");
        section
            .problems()
            .add(Diagnostic::error(place, message).hint(hint));
    }
    let search_base = section.take::<Dn>("user_base").or_else(|| base.cloned());
    let filter = section
        .take::<Filter>("user_filter")
        .unwrap_or_else(|| Filter::default_for_users(schema));
    match template {
        Some(template) => Some(UserLookup::Template(template.value.0)),
        None => Some(UserLookup::Search {
            base: search_base?,
            filter,
        }),
    }
}
