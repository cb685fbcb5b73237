//! From a [`Reply`] to the status and the body that X2Go Client is sent.

use std::sync::LazyLock;

use bytes::Bytes;
use http::StatusCode;
use zeroize::Zeroizing;

use super::{ini, words};
use crate::model::TicketText;
use crate::wire::{ClientConfig, LoginKey, OfferedProfile, Reply, SelectedHost};

/// What every refused client is told. No client shows it; it must not have the words that grant.
const REFUSAL: &[u8] = b"The request was refused.\n";

/// Bytes of padding in the reply to a connection test: X2Go Client shows how fast they came.
const PADDING_BYTES: usize = 64 * 1024;

/// The port that stands where there is no host.
const SSH_PORT: u16 = 22;

/// The reply to every connection test. Its padding is full stops, which spell no word.
static CONNECTION_TEST: LazyLock<Bytes> = LazyLock::new(|| {
    let padding = ".".repeat(PADDING_BYTES);
    granted(None, &format!("{padding}\n"))
});

/// Writes a reply: the status and the body, which is ASCII with line feeds only. A carriage return would hide
/// the markers from the client.
///
/// A refusal is 200 without the words that grant: any other status makes current clients quit or hang. An
/// event is refused with 403, as they open a dialog for each refused with 200 and ignore an error.
pub fn encode(reply: &Reply) -> (StatusCode, Bytes) {
    let body = match reply {
        Reply::List {
            ticket,
            profiles,
            client,
        } => granted(ticket.as_ref(), &list(profiles, *client)),
        Reply::Proven { ticket } => granted(ticket.as_ref(), ""),
        Reply::Select { ticket, host } => granted(ticket.as_ref(), &selection(host.as_ref())),
        Reply::PasswordChange { changed } => granted(None, &password_change(*changed)),
        Reply::EventTaken => granted(None, ""),
        Reply::ConnectionTest => CONNECTION_TEST.clone(),
        Reply::Refused => Bytes::from_static(REFUSAL),
        Reply::EventRefused => return (StatusCode::FORBIDDEN, Bytes::from_static(REFUSAL)),
    };
    (StatusCode::OK, body)
}

/// The body of a reply that grants. Ticket and grant come first, as clients need something before
/// `SERVER:`. The body is made in one piece and wiped, as it may hold a ticket and a key.
fn granted(ticket: Option<&TicketText>, rest: &str) -> Bytes {
    let body = match ticket {
        Some(ticket) => [words::TICKET, ticket.expose(), "\n", words::GRANTED, "\n", rest].concat(),
        None => [words::GRANTED, "\n", rest].concat(),
    };
    Bytes::from_owner(Zeroizing::new(body.into_bytes()))
}

/// The profiles, and behind them how the client shall behave. That block is always sent and complete:
/// clients count on it for all of its values. Its `syncinterval` is 0, which all versions take.
fn list(profiles: &[OfferedProfile], client: ClientConfig) -> String {
    let mut out = [words::PROFILES_BEGIN, "\n"].concat();
    for profile in profiles {
        ini::section(&mut out, &profile.id, &profile.keys);
    }
    let ClientConfig { events, live_event_s } = client;
    out.push_str(&format!(
        "{}\n{}\nevents={events}\nliveevent={live_event_s}\nsyncinterval=0\n{}\n",
        words::PROFILES_END,
        words::CONFIG_BEGIN,
        words::CONFIG_END,
    ));
    out
}

/// Where to go: the host for a new session, the key that opens it, and the sessions that can be resumed instead. They
/// stand last, for the client takes everything behind their word for sessions, and are left out where there are none:
/// it ends over the bare word, and opens a dialog over an empty line.
fn selection(host: Option<&SelectedHost>) -> Zeroizing<String> {
    let server = server(host);
    let key = host.and_then(|host| match &host.key {
        LoginKey::Made(key) => Some(key.expose()),
        LoginKey::None | LoginKey::Own => None,
    });
    let sessions = host.map_or(&[][..], |host| &host.sessions);
    let mut parts = vec![server.as_str()];
    parts.extend(key);
    for (index, session) in sessions.iter().enumerate() {
        let word = if index == 0 { words::SESSIONS } else { "" };
        parts.extend([word, session.expose(), "\n"]);
    }
    Zeroizing::new(parts.concat())
}

/// The line that a reply to a selection must have, always with a port: without one the client dials the port
/// of the selection before, and it is also the port of the hosts where sessions are resumed. DNS names have no case, so
/// the address goes in lower case, or a host called `SERVER` would be split like the word before it.
fn server(host: Option<&SelectedHost>) -> String {
    let port = host.map_or(SSH_PORT, |host| host.port);
    let address = host.and_then(|host| host.address.as_ref());
    let address = address.map_or_else(
        // X2Go Client 4.1.2.3 and later know this sentence and show their own for it.
        || "No servers available".to_owned(),
        |address| address.as_str().to_ascii_lowercase(),
    );
    format!("{}{address}:{port}\n", words::SERVER)
}

/// The line that X2Go Client 4.1.2.4 needs and older ones ignore.
fn password_change(changed: bool) -> String {
    let outcome = if changed { "OK" } else { "FAIL" };
    format!("{} {outcome}\n", words::PASSWORD_CHANGED)
}
