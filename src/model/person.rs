//! What the rules see of somebody.

use std::collections::BTreeMap;

use super::{Account, Membership, Source, UserName};

/// Attributes of a directory entry, by attribute name in lower case.
pub type Attributes = BTreeMap<String, Vec<String>>;

/// Somebody as the rules see them: the account, its groups in full, and what templates may need. A `Person`
/// says nothing about whether anybody proved to be them; see [`Authenticated`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// The account.
    pub account: Account,
    /// The numeric user id, as the source gives it.
    pub uid: Option<String>,
    /// The home directory on the X2Go hosts.
    pub home: Option<String>,
    /// Every group, nested ones included. Partial knowledge is never put here.
    pub groups: Vec<Membership>,
    /// The attributes that the configuration asks for.
    pub attributes: Attributes,
}

impl Person {
    /// Somebody of that name who need not exist, for what-if questions: with the uid 1000 and the home
    /// `/home/USER`.
    pub fn supposed(user: UserName, groups: Vec<Membership>, attributes: Attributes) -> Self {
        Self {
            uid: Some("1000".to_owned()),
            home: Some(format!("/home/{user}")),
            groups,
            attributes,
            account: Account {
                source: Source::Ldap,
                user,
            },
        }
    }
}

/// A person whose password or ticket was checked in this request. Only `identity::Identity` implements it
/// (a test in `tests/` holds that), so what takes an `Authenticated` cannot be called for anybody else.
pub trait Authenticated {
    /// Who they are.
    fn person(&self) -> &Person;
}
