//! What a client is answered.

use std::collections::BTreeMap;

use super::SessionLine;
use crate::model::session_key::Value;
use crate::model::{HostAddress, PrivateKey, ProfileId, TicketText};

/// A reply, before a front end writes it in its own way.
#[derive(Debug)]
pub enum Reply {
    /// They are who they say they are.
    Proven {
        /// A new ticket, if one was issued.
        ticket: Option<TicketText>,
    },
    /// The profiles.
    List {
        /// A new ticket, if one was issued.
        ticket: Option<TicketText>,
        /// The offered profiles.
        profiles: Vec<OfferedProfile>,
        /// How the client shall behave.
        client: ClientConfig,
    },
    /// Where to go.
    Select {
        /// A new ticket, if one was issued.
        ticket: Option<TicketText>,
        /// The host; none if no host is free.
        host: Option<SelectedHost>,
    },
    /// What became of a new password.
    PasswordChange {
        /// Whether it holds now.
        changed: bool,
    },
    /// The event was taken.
    EventTaken,
    /// The broker can be reached.
    ConnectionTest,
    /// No. The client is told nothing else.
    Refused,
    /// No, to an event: X2Go Client opens a dialog for every event refused in the ordinary way.
    EventRefused,
}

/// One profile of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfferedProfile {
    /// Its id, which comes back when it is selected.
    pub id: ProfileId,
    /// Its keys as the client shall see them.
    pub keys: BTreeMap<&'static str, Value>,
}

/// Where the client shall go.
#[derive(Debug, Clone)]
pub struct SelectedHost {
    /// What it dials for a new session; none if no host takes one.
    pub address: Option<HostAddress>,
    /// The SSH port, there and where a session is resumed.
    pub port: u16,
    /// What lets it in without a password.
    pub key: LoginKey,
    /// The sessions that can be resumed instead.
    pub sessions: Vec<SessionLine>,
}

/// What lets a client in at a host without a password.
#[derive(Debug, Clone)]
pub enum LoginKey {
    /// Nothing: it logs in with what it has.
    None,
    /// The secret half of a key pair that was made for it.
    Made(PrivateKey),
    /// A key of its own: the public half that it sent was placed.
    Own,
}

/// The client-config block: always sent, since the client starts with undefined values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientConfig {
    /// Whether the client shall report events.
    pub events: bool,
    /// Seconds between two ALIVE events; 0 for none.
    pub live_event_s: u32,
}
