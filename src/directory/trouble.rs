//! Why one server did not answer one operation, and whether another server should be asked.

use std::time::Duration;

use super::settings::{Server, Transport};

/// What went wrong with one operation at one server. The texts are causes in the admin's words.
#[derive(Debug, Clone)]
pub(super) enum Trouble {
    /// The connection failed or could not be made. Another server may answer, and so may the same one over a
    /// fresh connection.
    Lost(String),
    /// No answer came within the deadline, or the server was given up while waiting. Another server may answer.
    Silent(String),
    /// The server says that it cannot answer now (RFC 4511 codes 51 and 52 and the like). Another server may.
    Busy(String),
    /// The server answered, and the answer is no use. Another server would say the same.
    Final(String),
}

impl Trouble {
    /// The cause.
    pub fn cause(self) -> String {
        match self {
            Self::Lost(cause) | Self::Silent(cause) | Self::Busy(cause) | Self::Final(cause) => cause,
        }
    }

    /// A deadline that passed.
    pub fn silent(server: &Server, operation: &str, limit: Duration) -> Self {
        Self::Silent(format!("{server}: {operation}: no answer within {limit:?}"))
    }
}

/// The server as a URL, for messages. StartTLS has no scheme of its own, so it is said beside it.
impl std::fmt::Display for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (scheme, note) = match self.transport {
            Transport::Tls => ("ldaps", ""),
            Transport::StartTls => ("ldap", " (StartTLS)"),
            Transport::Plain => ("ldap", ""),
        };
        let (open, close) = if self.host.contains(':') {
            ("[", "]")
        } else {
            ("", "")
        };
        write!(f, "{scheme}://{open}{}{close}:{}{note}", self.host, self.port)
    }
}
