//! From a [`Reply`] to the status and the body that Python X2Go is sent.

use bytes::Bytes;
use http::StatusCode;
use serde_json::{Map, Value as Json, json};
use zeroize::Zeroizing;

use super::profile::profiles;
use crate::model::{HostAddress, TicketText};
use crate::wire::{LoginKey, Reply, SelectedHost};

/// What every refused client is told. It shows no text of ours.
const REFUSAL: &[u8] = b"{}\n";

/// A name that no resolver knows, in place of a host. The client needs the key, and takes an empty name for the
/// user's own machine.
const NO_HOST: &str = "No servers available";

/// Writes a reply: the status and the body, one JSON object, which the client only reads as `text/json`.
///
/// A refusal is 401: the client takes any status but 200 for "not authenticated", forgets its ticket and shows
/// an empty list.
pub fn encode(reply: &Reply) -> (StatusCode, Bytes) {
    match reply {
        Reply::Proven { ticket } => granted(ticket.as_ref(), "", Map::new()),
        Reply::List {
            ticket,
            profiles: offered,
            ..
        } => {
            let mut rest = Map::new();
            rest.insert("profiles".to_owned(), Json::Object(profiles(offered)));
            granted(ticket.as_ref(), "listprofiles", rest)
        }
        Reply::Select { ticket, host } => {
            let mut rest = Map::new();
            rest.insert("selected_session".to_owned(), session(host.as_ref()));
            granted(ticket.as_ref(), "selectsession", rest)
        }
        // These are not asked for at this door.
        Reply::PasswordChange { .. }
        | Reply::EventTaken
        | Reply::ConnectionTest
        | Reply::Refused
        | Reply::EventRefused => (StatusCode::UNAUTHORIZED, Bytes::from_static(REFUSAL)),
    }
}

/// An object that grants; wiped, as it may hold a ticket.
fn granted(ticket: Option<&TicketText>, task: &str, mut object: Map<String, Json>) -> (StatusCode, Bytes) {
    object.insert("auth-status".to_owned(), json!("Access granted"));
    object.insert("task".to_owned(), json!(task));
    let object = Json::Object(object).to_string();
    // A ticket has hexadecimal digits only, so it needs no escapes, and no copy of it is left in the tree.
    let ticket = ticket.map_or_else(Zeroizing::default, |ticket| {
        Zeroizing::new(format!(",\"next-authid\":\"{}\"", ticket.expose()))
    });
    let open = object.strip_suffix('}').unwrap_or(&object);
    let body = [open, ticket.as_str(), "}\n"].concat();
    (
        StatusCode::OK,
        Bytes::from_owner(Zeroizing::new(body.into_bytes())),
    )
}

/// Where to go. The client asks the host for sessions itself, and knows no key but its own.
fn session(host: Option<&SelectedHost>) -> Json {
    let Some(selected) = host else {
        return json!({"server": NO_HOST, "port": 22});
    };
    let server = selected.address.as_ref().map_or(NO_HOST, HostAddress::as_str);
    let mut session = json!({"server": server, "port": selected.port});
    if let LoginKey::Own = selected.key {
        session["authentication_pubkey"] = json!("ACCEPTED");
    }
    session
}
