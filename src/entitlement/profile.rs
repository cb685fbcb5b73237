//! Session profiles as the admin wrote them.

use std::collections::BTreeMap;

use super::Template;
use crate::model::session_key::Value;
use crate::model::{FarmName, ProfileId};

/// One session profile, its defaults filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// Its id.
    pub id: ProfileId,
    /// The farm it starts on.
    pub farm: FarmName,
    /// The user's name on the hosts of the farm.
    pub session_user: Template,
    /// The session keys.
    pub keys: BTreeMap<&'static str, ProfileValue>,
}

/// The value of a session key before it is rendered for a person.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ProfileValue {
    /// A text, which may name things of the person.
    Text(Template),
    /// A flag.
    Flag(bool),
    /// A number.
    Number(i64),
}

impl ProfileValue {
    /// The value as conf.d has it, a text with its variables unread.
    pub fn as_written(&self) -> Value {
        match self {
            Self::Text(template) => Value::Text(template.as_str().to_owned()),
            Self::Flag(flag) => Value::Flag(*flag),
            Self::Number(number) => Value::Number(*number),
        }
    }
}
