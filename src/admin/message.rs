//! What goes over the socket: one request and one reply for each connection, each a line of JSON.
//!
//! ```text
//! {"version":1,"body":"status"}
//! {"version":1,"body":{"answer":{"status":{"version":"0.1.0", …}}}}
//! ```

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::drained::{DrainedHost, HostWish, Undrained};
use super::question::Question;
use super::report::{
    Cleared, HostCredentialAdded, HostCredentialReport, HostCredentialRevoked, HostReport, LogLevel,
    ReloadReport, Revoked, Sessions, Status, Throttled, Tickets,
};
use crate::socket::{self, BadMessage};

/// The version of these messages. A daemon and a command line of different versions do not guess.
pub(super) const VERSION: u32 = 1;
/// Longest request, in bytes: the line of a decision fits, which has 48 KiB at most and is quoted here.
pub(super) const REQUEST_BYTES_MAX: usize = 128 << 10;
/// Longest reply, in bytes: the tickets of 10,000 accounts fit.
pub(super) const REPLY_BYTES_MAX: usize = 16 << 20;

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Request {
    /// Read the configuration again.
    Reload,
    /// How the daemon is.
    Status,
    /// The hosts of all farms.
    Hosts,
    /// The sessions that the broker knows of.
    Sessions {
        /// Only those of this user, by the name on the hosts or the canonical one, in any case.
        user: Option<String>,
    },
    /// The hosts that are drained.
    Drained,
    /// Let nothing new start on hosts.
    Drain {
        /// Which.
        hosts: HostWish,
        /// When that ends by itself (RFC 3339), if it does.
        until: Option<String>,
    },
    /// Let sessions start on hosts again.
    Undrain(HostWish),
    /// Who has tickets.
    Tickets,
    /// End all tickets of a user.
    RevokeTickets {
        /// The canonical name, in any case.
        user: String,
    },
    /// What the throttle counts.
    Throttle,
    /// Forget failures that the throttle counted.
    ClearThrottle(Clearing),
    /// Which hosts have a credential.
    HostCredentials,
    /// Make a credential for a host; an earlier one ends.
    AddHostCredential {
        /// `HOST` or `FARM/HOST`.
        host: String,
    },
    /// End the credential of a host.
    RevokeHostCredential {
        /// `HOST` or `FARM/HOST`.
        host: String,
    },
    /// What somebody would be offered, and why.
    Explain(Box<Question>),
    /// Change what is logged until the next restart; without a filter only say what it is.
    LogLevel {
        /// The new filter.
        filter: Option<String>,
    },
}

/// Whose failures are forgotten.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Clearing {
    /// Everybody's.
    All,
    /// Those of a user, by the canonical name or the one that was typed, in any case.
    User(String),
    /// Those from a client: an address, or a network as the throttle lists it.
    Client(String),
}

/// What is answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// To [`Request::Reload`].
    Reload(ReloadReport),
    /// To [`Request::Status`].
    Status(Box<Status>),
    /// To [`Request::Hosts`].
    Hosts(Vec<HostReport>),
    /// To [`Request::Sessions`].
    Sessions(Sessions),
    /// To [`Request::Drained`] and [`Request::Drain`].
    Drained(Vec<DrainedHost>),
    /// To [`Request::Undrain`].
    Undrained(Undrained),
    /// To [`Request::Tickets`].
    Tickets(Tickets),
    /// To [`Request::RevokeTickets`].
    Revoked(Revoked),
    /// To [`Request::Throttle`].
    Throttle(Throttled),
    /// To [`Request::ClearThrottle`].
    Cleared(Cleared),
    /// To [`Request::HostCredentials`].
    HostCredentials(Vec<HostCredentialReport>),
    /// To [`Request::AddHostCredential`].
    HostCredentialAdded(HostCredentialAdded),
    /// To [`Request::RevokeHostCredential`].
    HostCredentialRevoked(HostCredentialRevoked),
    /// To [`Request::Explain`]: text, or JSON as text.
    Explained(String),
    /// To [`Request::LogLevel`].
    LogLevel(LogLevel),
}

/// An answer, or why there is none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reply {
    /// What was asked for.
    Answer(Answer),
    /// Why not, in the admin's words.
    Refused(String),
}

/// The line of a message, with its end.
pub(super) fn encode<T: Serialize>(body: T) -> Result<Vec<u8>, serde_json::Error> {
    socket::encode(VERSION, body)
}

/// The message of a line.
///
/// # Errors
/// It is of another version, or none.
pub(super) fn decode<T: DeserializeOwned>(line: &[u8]) -> Result<T, BadMessage> {
    socket::decode(VERSION, line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_one_line_and_read_back() {
        for request in [
            Request::Reload,
            Request::RevokeTickets {
                user: "a\nb\"".to_owned(),
            },
            Request::LogLevel { filter: None },
        ] {
            let line = encode(&request).unwrap();
            assert_eq!(line.iter().filter(|byte| **byte == b'\n').count(), 1);
            assert_eq!(decode::<Request>(&line), Ok(request));
        }
        assert_eq!(
            encode(Request::Status).unwrap(),
            b"{\"version\":1,\"body\":\"status\"}\n"
        );
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(line in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            let _ = decode::<Request>(&line);
            let _ = decode::<Reply>(&line);
        }
    }
}
