//! What a login needs of the place where accounts live.

use std::future::Future;
use std::pin::Pin;

use crate::directory::{ChangeAnswer, Directory, Entry, PasswordAnswer, Unavailable};
use crate::model::{ClientAddress, Now, Password, Source, TypedName};

/// What an account source answers, some time later. Each answer comes within the source's own deadline.
pub type Asked<'a, T> = Pin<Box<dyn Future<Output = Result<T, Unavailable>> + Send + 'a>>;

/// A place where accounts live and passwords are checked.
pub trait Accounts: Send + Sync {
    /// The source that the accounts belong to.
    fn source(&self) -> Source;
    /// Whether it can be asked now, as far as is known without asking.
    fn is_reachable(&self) -> bool;
    /// The entry that the typed name means; none if the source has no such user.
    fn find<'a>(&'a self, name: &'a TypedName, now: Now) -> Asked<'a, Option<Entry>>;
    /// Whether the source has anything of that name, even if it is none that [`Accounts::find`] gives: such a name
    /// belongs to this source, and no other is asked for it.
    fn knows<'a>(&'a self, name: &'a TypedName) -> Asked<'a, bool>;
    /// Shows the password to the source, once. `client` is where the user sits.
    fn check_password<'a>(
        &'a self,
        entry: &'a Entry,
        password: &'a Password,
        client: ClientAddress,
    ) -> Asked<'a, PasswordAnswer>;
    /// Changes the password, as the user and by the source's own policy: shows the old one to the source, once, and
    /// nothing is changed unless that is right. `client` is where the user sits.
    fn change_password<'a>(
        &'a self,
        entry: &'a Entry,
        old: &'a Password,
        new: &'a Password,
        client: ClientAddress,
    ) -> Asked<'a, ChangeAnswer>;
    /// Takes the time of a check that cannot succeed, for a name that does not exist.
    fn reject_password<'a>(&'a self, password: &'a Password, client: ClientAddress) -> Asked<'a, ()>;
}

impl Accounts for Directory {
    fn source(&self) -> Source {
        Source::Ldap
    }

    fn is_reachable(&self) -> bool {
        self.healthy()
    }

    fn find<'a>(&'a self, name: &'a TypedName, now: Now) -> Asked<'a, Option<Entry>> {
        Box::pin(Self::find(self, name, now))
    }

    fn knows<'a>(&'a self, name: &'a TypedName) -> Asked<'a, bool> {
        Box::pin(Self::knows(self, name))
    }

    fn check_password<'a>(
        &'a self,
        entry: &'a Entry,
        password: &'a Password,
        _client: ClientAddress,
    ) -> Asked<'a, PasswordAnswer> {
        Box::pin(Self::check_password(self, entry, password))
    }

    fn change_password<'a>(
        &'a self,
        entry: &'a Entry,
        old: &'a Password,
        new: &'a Password,
        _client: ClientAddress,
    ) -> Asked<'a, ChangeAnswer> {
        Box::pin(Self::change_password(self, entry, old, new))
    }

    fn reject_password<'a>(&'a self, password: &'a Password, _client: ClientAddress) -> Asked<'a, ()> {
        Box::pin(Self::reject_password(self, password))
    }
}
