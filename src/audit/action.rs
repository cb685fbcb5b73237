//! The record of something that was done by an admin, or by the daemon of itself.

use serde::Serialize;

use super::Outcome;
use super::line::line;
use crate::model::{ConfigurationHash, DecisionId, Now};

/// What an admin did or had done by a signal, or what the daemon had to do.
#[derive(Debug, Serialize)]
pub struct Action {
    /// The id of the line.
    #[serde(serialize_with = "display")]
    pub decision: DecisionId,
    /// When it was done.
    #[serde(serialize_with = "display")]
    pub time: Now,
    /// The configuration in use when it was done.
    #[serde(serialize_with = "display")]
    pub configuration: ConfigurationHash,
    /// What was done: `reload`, `revoke tickets`, `clear throttle`, `log level`, `remove key`, `host sessions`.
    pub task: &'static str,
    /// `admin` for the admin socket, `signal` for SIGHUP, `keys` for a key whose time is over, `agent` for what a host
    /// told of sessions.
    pub door: &'static str,
    /// The user id of who asked, at the admin socket.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by_uid: Option<u32>,
    /// What it was about, such as the user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub about: Option<String>,
    /// Whether it was done.
    pub outcome: Outcome,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
}

impl Action {
    /// The line for the audit log, without its end.
    ///
    /// # Errors
    /// Never for what an action is made of.
    pub fn line(&self) -> serde_json::Result<String> {
        line(self)
    }
}

fn display<T: ToString, S: serde::Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&value.to_string())
}
