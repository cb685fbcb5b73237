//! `[server]`: where to listen, with which certificate, and within which limits.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::diagnostic::Diagnostic;
use super::named_file;
use super::section::Section;
use super::value::{FromText, Located, duration_text};
use crate::http::{KeyPair, Settings};
use crate::model::Network;

const LISTEN: &str = "[::]:8443";
const STATE: &str = "/var/lib/x2godirector/state.db";
/// What the state's address begins with.
const STATE_SCHEME: &str = "sqlite://";
const CONNECTIONS: u32 = 512;
const CONNECTIONS_PER_SOURCE: u32 = 32;
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
    /// The file that holds the state.
    pub(super) state: PathBuf,
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
pub(super) fn read(mut section: Section<'_>, longest_step: Duration) -> Option<Server> {
    let listen = section.take("listen").map_or_else(default_listen, Some);
    let state = section
        .take::<State>("state")
        .map_or_else(|| PathBuf::from(STATE), |state| state.0);
    let key_pair = key_pair(&mut section, &state);
    let (proxy_protocol_from, forwarded_for_from) = trusted(&mut section);
    let timeouts = TIMEOUT_MIN..=TIMEOUT_MAX;
    let connections = section.count("connections", 1..=100_000).unwrap_or(CONNECTIONS);
    let connections_per_source = section
        .count("connections_per_source", 1..=100_000)
        .unwrap_or(CONNECTIONS_PER_SOURCE);
    let handshake_timeout = section
        .duration("handshake_timeout", timeouts.clone())
        .unwrap_or(HANDSHAKE_TIMEOUT);
    let header_timeout = section
        .duration("header_timeout", timeouts.clone())
        .unwrap_or(HEADER_TIMEOUT);
    let request_timeout = section
        .duration("request_timeout", longest_step..=TIMEOUT_MAX)
        .unwrap_or_else(|| (longest_step + REQUEST_TIMEOUT_MARGIN).max(REQUEST_TIMEOUT_MIN));
    let drain_timeout = section
        .duration("drain_timeout", timeouts)
        .unwrap_or(DRAIN_TIMEOUT);
    let listen = distinct(listen?, &section)?;
    section.finish();
    let settings = Settings {
        listen,
        key_pair: key_pair?,
        proxy_protocol_from,
        forwarded_for_from,
        connections: usize::try_from(connections).unwrap_or(usize::MAX),
        connections_per_source: usize::try_from(connections_per_source).unwrap_or(usize::MAX),
        handshake_timeout,
        header_timeout,
        request_timeout,
        drain_timeout,
    };
    Some(Server { settings, state })
}
