//! A line as it is read back.

use serde::{Deserialize, Serialize};

use super::RecordedPerson;

/// A decision or an action of an admin. A line of an earlier version may have less, one of a later version more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the fields of `Decision` and `Action`, as texts")]
pub struct Entry {
    pub decision: String,
    pub task: String,
    pub outcome: String,
    #[serde(default)]
    pub time: Option<String>,
    #[serde(default)]
    pub configuration: Option<String>,
    #[serde(default)]
    pub door: Option<String>,
    #[serde(default)]
    pub client: Option<String>,
    #[serde(default)]
    pub by_uid: Option<u32>,
    #[serde(default)]
    pub about: Option<String>,
    #[serde(default)]
    pub account: Option<String>,
    #[serde(default)]
    pub typed: Option<String>,
    #[serde(default)]
    pub profiles: Vec<String>,
    #[serde(default)]
    pub profiles_left_out: usize,
    #[serde(default)]
    pub host: Option<String>,
    #[serde(default)]
    pub hosts: Vec<String>,
    #[serde(default)]
    pub no_host: Option<String>,
    #[serde(default)]
    pub no_key: Option<String>,
    #[serde(default)]
    pub event: Option<String>,
    #[serde(default)]
    pub cause: Option<String>,
    #[serde(default)]
    pub person: Option<RecordedPerson>,
}

impl Entry {
    /// Whether a list with exactly these profiles, sorted, was written like this.
    pub fn has_listed(&self, profiles: &[String]) -> bool {
        profiles.len() == self.profiles.len() + self.profiles_left_out && profiles.starts_with(&self.profiles)
    }

    /// Whether it is about this user: by the account's name, by what was typed, or by whom an admin named, in any case.
    pub fn is_about(&self, user: &str) -> bool {
        let user = user.trim().to_lowercase();
        let name = |account: &str| {
            account
                .split_once(':')
                .map_or(account, |(_, name)| name)
                .to_lowercase()
        };
        let is = |text: &Option<String>| text.as_deref().is_some_and(|text| name(text) == user);
        is(&self.account)
            || is(&self.about)
            || self
                .typed
                .as_ref()
                .is_some_and(|typed| typed.trim().to_lowercase() == user)
    }
}
