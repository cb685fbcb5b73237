//! What somebody may start.

use std::collections::BTreeMap;

use super::draft::Draft;
use super::{Profile, Rule};
use crate::model::session_key::Value;
use crate::model::{Account, FarmName, Offered, ProfileId, SessionKind, SessionUser};

/// A profile that the rules gave somebody who proved to be who they are, on one request. Only
/// [`Policy`](super::Policy) makes one, and only for an [`Authenticated`](crate::model::Authenticated).
#[must_use]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    account: Account,
    profile_id: ProfileId,
    farm: FarmName,
    session_user: SessionUser,
    keys: BTreeMap<&'static str, Value>,
    rules: Vec<String>,
}

impl Offer {
    pub(super) fn new(account: &Account, profile: &Profile, rules: &[&Rule], draft: Draft<'_>) -> Self {
        Self {
            account: account.clone(),
            profile_id: profile.id.clone(),
            farm: profile.farm.clone(),
            session_user: draft.session_user,
            keys: draft
                .keys
                .into_iter()
                .map(|(key, drafted)| (key, drafted.value))
                .collect(),
            rules: rules.iter().map(|rule| rule.name.clone()).collect(),
        }
    }

    /// The profile.
    pub fn profile_id(&self) -> &ProfileId {
        &self.profile_id
    }

    /// The session keys, rendered. A text has no control characters; what else a reply must not hold is for
    /// the writer of the reply to see to.
    pub fn keys(&self) -> &BTreeMap<&'static str, Value> {
        &self.keys
    }

    /// What runs in the sessions that it starts; none if it starts none and shows those of others.
    pub fn session_kind(&self) -> Option<SessionKind> {
        SessionKind::of_profile(&self.keys)
    }

    /// Whether the client shall be let in without a second password: the key `autologin`.
    pub fn logs_in_once(&self) -> bool {
        matches!(self.keys.get("autologin"), Some(Value::Flag(true)))
    }

    /// The names of the allow rules that gave it, in the order in which they set keys.
    pub fn rules(&self) -> &[String] {
        &self.rules
    }
}

impl Offered for Offer {
    fn account(&self) -> &Account {
        &self.account
    }

    fn farm(&self) -> &FarmName {
        &self.farm
    }

    fn session_user(&self) -> &SessionUser {
        &self.session_user
    }

    fn begins_session(&self) -> bool {
        self.session_kind().is_some()
    }
}
