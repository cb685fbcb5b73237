//! From a [`Reply`] to the status and the body that a UCCS client is sent.

use bytes::Bytes;
use http::StatusCode;
use serde_json::{Map, Value as Json, json};

use crate::model::session_key::Value;
use crate::wire::names::Names;
use crate::wire::{OfferedProfile, Reply};

/// What every refused client is told. It shows words of its own.
const REFUSAL: &[u8] = b"{}\n";

/// Where an RDP server listens that nothing else is said of (`profile` keys of X2Go Client, IANA).
const RDP_PORT: i64 = 3389;

/// The version of the interface that a client asks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Api {
    /// Version 4: what a server starts is its `SessionType`.
    Four,
    /// Version 5: what a server starts is its `Command`.
    Five,
}

impl Api {
    /// The version with that number in a path.
    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "4" => Some(Self::Four),
            "5" => Some(Self::Five),
            _ => None,
        }
    }

    /// What it calls that which is started, and whether the user has to say what that is.
    fn command_keys(self) -> (&'static str, &'static str) {
        match self {
            Self::Four => ("SessionType", "SessionTypeRequired"),
            Self::Five => ("Command", "CommandRequired"),
        }
    }
}

/// Writes a reply: the status and the body, one JSON object.
///
/// Only a list grants anything here. Every refusal is 401, which the client shows as a wrong name or password; any
/// other status it shows as a broken server.
pub fn encode(api: Api, reply: &Reply) -> (StatusCode, Bytes) {
    let Reply::List { profiles, .. } = reply else {
        return (StatusCode::UNAUTHORIZED, Bytes::from_static(REFUSAL));
    };
    let mut names = Names::default();
    let servers: Vec<Json> = profiles
        .iter()
        .filter_map(|profile| server(api, profile, &mut names))
        .collect();
    // The client refuses a list whose default is not the name of one of its servers, and takes none for an empty one.
    let body = json!({"RemoteDesktopServers": servers, "DefaultServer": ""});
    (StatusCode::OK, Bytes::from(format!("{body}\n")))
}

/// A profile as a server; none if it has no host, for nothing could be started then.
fn server(api: Api, profile: &OfferedProfile, names: &mut Names) -> Option<Json> {
    let keys = |name: &str| profile.keys.get(name);
    let text = |name: &str| match keys(name) {
        Some(Value::Text(text)) => Some(text.as_str()),
        _ => None,
    };
    let port = |name: &str| match keys(name) {
        Some(Value::Number(port)) => Some(*port),
        _ => None,
    };
    let (host, ssh_port) = (text("host")?, port("sshport")?);
    let command = text("command").unwrap_or_default();
    let is_rdp = command == "RDP" && keys("directrdp") == Some(&Value::Flag(true));
    let port = if is_rdp {
        port("rdpport").unwrap_or(RDP_PORT)
    } else {
        ssh_port
    };
    let mut server = Map::new();
    let mut put = |key: &str, value: Json| server.insert(key.to_owned(), value);
    put("Name", names.of(profile).into());
    put("URL", format!("http://{host}:{port}/").into());
    put("Username", text("user").unwrap_or_default().into());
    put("Password", "".into());
    if is_rdp {
        put("Protocol", "rdp".into());
        put("WindowsDomain", "".into());
        put("DomainRequired", false.into());
    } else {
        let (command_key, is_required_key) = api.command_keys();
        put("Protocol", "x2go".into());
        put(command_key, command.into());
        put(is_required_key, command.is_empty().into());
    }
    Some(server.into())
}
