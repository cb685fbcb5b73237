//! `[server]`: where to listen, with which certificate, and within which limits.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::diagnostic::Diagnostic;
use super::named_file;
use super::section::Section;
use super::socket_path::SocketPath;
use super::value::{FromText, Located};
use crate::admin::{DEFAULT_GROUP, Settings as AdminSettings};
use crate::http::{KeyPair, Settings};
use crate::model::Network;

const LISTEN: SocketAddr = SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), 8443);
const STATE: &str = "/var/lib/x2godirector/state.db";
/// What the state's address begins with.
const STATE_SCHEME: &str = "sqlite://";
const CONNECTIONS: usize = 512;
const CONNECTIONS_PER_SOURCE: usize = 32;
/// More than a machine has ports for.
const CONNECTIONS_MAX: i64 = 100_000;
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);
/// The least time for a whole request where none is configured.
const REQUEST_TIMEOUT_MIN: Duration = Duration::from_secs(10);
/// What a request has beyond its longest step.
const REQUEST_TIMEOUT_MARGIN: Duration = Duration::from_secs(5);
/// A limit on the limits: nothing of a login takes longer.
const TIMEOUT_MAX: Duration = Duration::from_mins(5);
const TIMEOUT_MIN: Duration = Duration::from_millis(100);

/// What `[server]` says.
pub(super) struct Server {
    pub(super) settings: Settings,
    /// Longest time for a request.
    pub(super) request_timeout: Duration,
    /// The file that holds the state.
    pub(super) state: PathBuf,
    /// The admin socket.
    pub(super) admin: AdminSettings,
    /// Where metrics are to be had.
    pub(super) metrics_listen: Option<SocketAddr>,
}

/// The name of a group of this machine.
struct SystemGroup(String);

impl FromText for SystemGroup {
    /// Takes what groupadd(8) makes: 1 to 32 of `a-z 0-9 _ -`, no digit or `-` first, and capitals, which others make.
    fn from_text(text: &str) -> Result<Self, String> {
        let starts_well = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        let all_allowed = text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
        if starts_well && all_allowed && text.len() <= 32 {
            Ok(Self(text.to_owned()))
        } else {
            Err(format!(
                "`{text}` is no group of this machine; write it like {}",
                DEFAULT_GROUP
            ))
        }
    }
}

/// The file of `sqlite:///var/lib/…`.
struct State(PathBuf);

impl FromText for State {
    fn from_text(text: &str) -> Result<Self, String> {
        match text.strip_prefix(STATE_SCHEME).map(PathBuf::from) {
            Some(path) if path.is_absolute() && path.file_name().is_some() => Ok(Self(path)),
            _ => Err(format!(
                "`{text}` is not a state database; write it like {STATE_SCHEME}{STATE}"
            )),
        }
    }
}

/// Reads the section. `longest_step` is the longest that one step of a request may take.
pub(super) fn read(mut section: Section<'_>, longest_step: Duration) -> Server {
    let state = section
        .take("state")
        .map_or_else(|| PathBuf::from(STATE), |State(path)| path);
    let timeouts = TIMEOUT_MIN..=TIMEOUT_MAX;
    let mut timeout = |key, default| section.duration(key, timeouts.clone()).unwrap_or(default);
    let handshake_timeout = timeout("handshake_timeout", HANDSHAKE_TIMEOUT);
    let header_timeout = timeout("header_timeout", HEADER_TIMEOUT);
    let drain_timeout = timeout("drain_timeout", DRAIN_TIMEOUT);
    let request_timeout = section
        .duration("request_timeout", longest_step..=TIMEOUT_MAX)
        .unwrap_or_else(|| (longest_step + REQUEST_TIMEOUT_MARGIN).max(REQUEST_TIMEOUT_MIN));
    let (proxy_protocol_from, forwarded_for_from) = trusted_networks(&mut section);
    let admin = AdminSettings {
        socket: section.take("admin_socket").map(|SocketPath(path)| path),
        group: section
            .take("admin_group")
            .map_or_else(|| DEFAULT_GROUP.to_owned(), |SystemGroup(name)| name),
    };
    let metrics_listen = section.take("metrics_listen");
    let settings = Settings {
        listen: listen(&mut section),
        key_pair: key_pair(&mut section, &state),
        proxy_protocol_from,
        forwarded_for_from,
        connections: section
            .number("connections", 1..=CONNECTIONS_MAX)
            .unwrap_or(CONNECTIONS),
        connections_per_source: section
            .number("connections_per_source", 1..=CONNECTIONS_MAX)
            .unwrap_or(CONNECTIONS_PER_SOURCE),
        handshake_timeout,
        header_timeout,
        drain_timeout,
    };
    section.finish();
    Server {
        settings,
        request_timeout,
        state,
        admin,
        metrics_listen,
    }
}

/// The addresses to listen on: at least one, none twice.
fn listen(section: &mut Section<'_>) -> Vec<SocketAddr> {
    let problems = section.problems();
    let Some(written) = section.take::<Located<Vec<Located<SocketAddr>>>>("listen") else {
        return vec![LISTEN];
    };
    if written.value.is_empty() {
        problems.error(&written.place, "`listen` is empty");
    }
    let mut addresses = Vec::new();
    for Located { value, place } in written.value {
        if addresses.contains(&value) {
            problems.error(&place, format!("`{value}` stands there twice"));
        }
        addresses.push(value);
    }
    addresses
}

/// The certificate and its key: both or neither. What would stop the server from serving them is noted.
fn key_pair(section: &mut Section<'_>, state: &Path) -> KeyPair {
    let problems = section.problems();
    match (section.has("certificate"), section.has("private_key")) {
        (true, false) => section.miss(
            "private_key",
            "\"/etc/x2godirector/tls/key.pem\", beside the certificate",
        ),
        (false, true) => section.miss(
            "certificate",
            "\"/etc/x2godirector/tls/fullchain.pem\", beside the key",
        ),
        _ => {}
    }
    let [certificate, private_key] = ["certificate", "private_key"].map(|key| {
        let file = section.take::<Located<PathBuf>>(key)?;
        named_file::is_readable(&file, problems).then_some(file)
    });
    let (Some(certificate), Some(private_key)) = (certificate, private_key) else {
        return KeyPair::SelfSigned {
            folder: state.parent().unwrap_or(state).to_owned(),
        };
    };
    named_file::check_not_public(&private_key, problems);
    let key_pair = KeyPair::Files {
        certificate: certificate.value,
        private_key: private_key.value.clone(),
    };
    if let Err(why) = key_pair.check() {
        let of_key = why.file() == Some(&private_key.value);
        let place = if of_key {
            &private_key.place
        } else {
            &certificate.place
        };
        problems.error(place, why.to_string());
    }
    key_pair
}

/// The networks whose word about a client's address is believed, by the two ways of giving it. A network in
/// both lists would leave open which one counts.
fn trusted_networks(section: &mut Section<'_>) -> (Vec<Network>, Vec<Network>) {
    let mut networks = |key| section.take::<Vec<Located<Network>>>(key).unwrap_or_default();
    let proxies = networks("proxy_protocol_from");
    let forwarders = networks("forwarded_for_from");
    for forwarder in &forwarders {
        if let Some(proxy) = proxies
            .iter()
            .find(|proxy| proxy.value.overlaps(&forwarder.value))
        {
            let message = format!(
                "`{}` overlaps `{}` of proxy_protocol_from at {}",
                forwarder.value, proxy.value, proxy.place
            );
            let hint = "what connects from there either sends a PROXY header or X-Forwarded-For".to_owned();
            section
                .problems()
                .add(Diagnostic::error(&forwarder.place, message).hint(hint));
        }
    }
    let values =
        |networks: Vec<Located<Network>>| networks.into_iter().map(|network| network.value).collect();
    (values(proxies), values(forwarders))
}
