//! The names of profiles for clients that know a profile by its name.

use std::collections::BTreeSet;

use super::OfferedProfile;
use crate::model::session_key::Value;

/// Names that are given already.
#[derive(Debug, Default)]
pub(super) struct Names(BTreeSet<String>);

impl Names {
    /// The name of this profile, or its id if it has none, with a number behind it if another one is called so.
    pub(super) fn of(&mut self, profile: &OfferedProfile) -> String {
        let wanted = match profile.keys.get("name") {
            Some(Value::Text(name)) if !name.is_empty() => name,
            _ => profile.id.as_str(),
        };
        let numbered = (2_usize..).map(|number| format!("{wanted} ({number})"));
        let name = std::iter::once(wanted.to_owned())
            .chain(numbered)
            .find(|name| !self.0.contains(name))
            .unwrap_or_default();
        self.0.insert(name.clone());
        name
    }
}
