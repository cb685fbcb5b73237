//! Authentication `"none"`: every name is taken for what it says. For sites whose clients start with
//! `--broker-noauth`, where the network is what is trusted.

use super::accounts::{Accounts, Asked};
use crate::directory::{AccountState, ChangeAnswer, Entry, Key, PasswordAnswer, Refusal};
use crate::model::{Attributes, ClientAddress, Now, Password, Source, TypedName, UserName};

/// A source that has everybody and checks nothing.
pub struct Unproven;

/// The entry that a name gets: the name alone, in lower case, so that all its spellings are one account. None if
/// nothing is left of it.
pub fn unproven_entry(name: &TypedName) -> Option<Entry> {
    Some(Entry {
        key: Key::Unproven,
        user: UserName::new(&name.folded()).ok()?,
        state: AccountState::Active,
        password_changed: None,
        password_expires_in: None,
        attributes: Attributes::new(),
    })
}

impl Accounts for Unproven {
    fn source(&self) -> Source {
        Source::Unproven
    }

    fn is_reachable(&self) -> bool {
        true
    }

    fn find<'a>(&'a self, name: &'a TypedName, _now: Now) -> Asked<'a, Option<Entry>> {
        Box::pin(async { Ok(unproven_entry(name)) })
    }

    fn knows<'a>(&'a self, _name: &'a TypedName) -> Asked<'a, bool> {
        Box::pin(async { Ok(true) })
    }

    fn check_password<'a>(
        &'a self,
        _entry: &'a Entry,
        _password: &'a Password,
        _client: ClientAddress,
    ) -> Asked<'a, PasswordAnswer> {
        Box::pin(async { Ok(PasswordAnswer::Refused(Refusal::Unsaid)) })
    }

    fn change_password<'a>(
        &'a self,
        _entry: &'a Entry,
        _old: &'a Password,
        _new: &'a Password,
        _client: ClientAddress,
    ) -> Asked<'a, ChangeAnswer> {
        Box::pin(async { Ok(ChangeAnswer::Refused(Refusal::Unsaid)) })
    }

    fn reject_password<'a>(&'a self, _password: &'a Password, _client: ClientAddress) -> Asked<'a, ()> {
        Box::pin(async { Ok(()) })
    }
}
