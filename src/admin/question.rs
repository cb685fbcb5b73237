//! What `explain` asks the daemon.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// A question about what somebody would be offered. Names stand in it as they were typed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// Whom it is about.
    pub about: About,
    /// The client's address, where it is not that of the decision.
    pub from: Option<IpAddr>,
    /// When (RFC 3339), where it is neither now nor when the decision was made.
    pub at: Option<String>,
    /// The groups to suppose, bare names or DNs; without them the directory is asked for somebody's.
    pub groups: Option<Vec<String>>,
    /// Groups to suppose beside those that there are.
    pub add_groups: Vec<String>,
    /// Groups to suppose away.
    pub remove_groups: Vec<String>,
    /// Attributes, by name and value, to suppose in place of those that there are.
    pub attributes: Vec<(String, String)>,
    /// The one profile that it is about.
    pub profile: Option<String>,
    /// Whether the answer shall be JSON.
    pub json: bool,
}

/// Whom a question is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum About {
    /// The user of that name.
    User(String),
    /// The person, place and time of a decision, by its line in the audit log.
    Decision(String),
}
