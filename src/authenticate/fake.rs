//! Accounts in memory for tests, which count what is asked of them.

use std::collections::{HashMap, HashSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::sync::Semaphore;

use super::accounts::{Accounts, Asked};
use crate::directory::{
    AccountState, ChangeAnswer, Entry, Key, PasswordAnswer, PasswordState, Rejection, Unavailable,
};
use crate::model::{Attributes, ClientAddress, Dn, Now, Password, Source, TypedName, UserName};

/// Users by their folded name, each with its password.
pub(crate) struct FakeAccounts {
    source: Source,
    users: Mutex<HashMap<String, (Entry, String)>>,
    /// How long their passwords will do, where that is not [`PasswordState::Valid`].
    pub(crate) states: Mutex<HashMap<String, PasswordState>>,
    /// Names that are there and that no search gives.
    hidden: Mutex<HashSet<String>>,
    /// Searches, binds of users, and checks that cannot succeed.
    pub(crate) finds: AtomicUsize,
    pub(crate) binds: AtomicUsize,
    pub(crate) rejects: AtomicUsize,
    /// While set, nothing is answered but "unavailable".
    pub(crate) down: AtomicBool,
    /// While set, a bind panics.
    pub(crate) broken: AtomicBool,
    /// A bind takes one permit; tests that hold binds back begin with none.
    pub(crate) gate: Semaphore,
}

impl FakeAccounts {
    pub(crate) fn new() -> Self {
        Self::of(Source::Ldap)
    }

    pub(crate) fn of(source: Source) -> Self {
        Self {
            source,
            hidden: Mutex::default(),
            users: Mutex::default(),
            states: Mutex::default(),
            finds: AtomicUsize::new(0),
            binds: AtomicUsize::new(0),
            rejects: AtomicUsize::new(0),
            down: AtomicBool::new(false),
            broken: AtomicBool::new(false),
            gate: Semaphore::new(Semaphore::MAX_PERMITS),
        }
    }

    pub(crate) fn add(&self, user: &str, password: &str) {
        let entry = Entry {
            key: Key::Dn(Dn::new(&format!("uid={user},dc=example,dc=org")).unwrap()),
            user: UserName::new(user).unwrap(),
            state: AccountState::Active,
            password_changed: Some(Now::from_unix_ms(0)),
            password_expires_in: None,
            attributes: Attributes::from([
                ("uidnumber".to_owned(), vec!["1042".to_owned()]),
                ("homedirectory".to_owned(), vec![format!("/home/{user}")]),
            ]),
        };
        let user = (entry, password.to_owned());
        self.users.lock().unwrap().insert(user.0.user.folded(), user);
    }

    /// Gives somebody a further name, under which they are found with their own.
    pub(crate) fn alias(&self, alias: &str, user: &str) {
        let mut users = self.users.lock().unwrap();
        let known = users.get(user).unwrap().clone();
        users.insert(alias.to_owned(), known);
    }

    /// Leaves somebody out of what searches give.
    pub(crate) fn hide(&self, user: &str) {
        self.hidden.lock().unwrap().insert(user.to_owned());
    }

    pub(crate) fn remove(&self, user: &str) {
        self.users.lock().unwrap().remove(user).unwrap();
    }

    pub(crate) fn change(&self, user: &str, change: impl FnOnce(&mut Entry, &mut String)) {
        let mut users = self.users.lock().unwrap();
        let (entry, password) = users.get_mut(user).unwrap();
        change(entry, password);
    }

    fn available(&self) -> Result<(), Unavailable> {
        if self.down.load(Ordering::SeqCst) {
            return Err(Unavailable {
                cause: "ldap1: connection refused".to_owned(),
            });
        }
        Ok(())
    }
}

impl Accounts for FakeAccounts {
    fn source(&self) -> Source {
        self.source
    }

    fn is_reachable(&self) -> bool {
        !self.down.load(Ordering::SeqCst)
    }

    fn find<'a>(&'a self, name: &'a TypedName, _now: Now) -> Asked<'a, Option<Entry>> {
        Box::pin(async {
            self.finds.fetch_add(1, Ordering::SeqCst);
            self.available()?;
            if self.hidden.lock().unwrap().contains(&name.folded()) {
                return Ok(None);
            }
            let users = self.users.lock().unwrap();
            Ok(users.get(&name.folded()).map(|(entry, _)| entry.clone()))
        })
    }

    fn knows<'a>(&'a self, name: &'a TypedName) -> Asked<'a, bool> {
        Box::pin(async {
            self.available()?;
            Ok(self.users.lock().unwrap().contains_key(&name.folded()))
        })
    }

    fn check_password<'a>(
        &'a self,
        entry: &'a Entry,
        password: &'a Password,
        _client: ClientAddress,
    ) -> Asked<'a, PasswordAnswer> {
        Box::pin(async {
            self.binds.fetch_add(1, Ordering::SeqCst);
            self.gate.acquire().await.unwrap().forget();
            assert!(!self.broken.load(Ordering::SeqCst), "a malformed answer");
            self.available()?;
            let users = self.users.lock().unwrap();
            let right = users
                .get(&entry.user.folded())
                .is_some_and(|(_, right)| right == password.expose());
            Ok(if right {
                let states = self.states.lock().unwrap();
                let state = states.get(&entry.user.folded()).copied();
                PasswordAnswer::Accepted(state.unwrap_or(PasswordState::Valid))
            } else {
                PasswordAnswer::Wrong
            })
        })
    }

    fn change_password<'a>(
        &'a self,
        entry: &'a Entry,
        old: &'a Password,
        new: &'a Password,
        client: ClientAddress,
    ) -> Asked<'a, ChangeAnswer> {
        Box::pin(async move {
            match self.check_password(entry, old, client).await? {
                PasswordAnswer::Wrong => return Ok(ChangeAnswer::Wrong),
                PasswordAnswer::Refused(refusal) => return Ok(ChangeAnswer::Refused(refusal)),
                PasswordAnswer::Accepted(PasswordState::MustChangeElsewhere) => {
                    return Ok(ChangeAnswer::Rejected(Rejection::Elsewhere));
                }
                PasswordAnswer::Accepted(_) if new.expose().len() < 4 => {
                    return Ok(ChangeAnswer::Rejected(Rejection::TooShort));
                }
                PasswordAnswer::Accepted(_) => {}
            }
            self.change(&entry.user.folded(), |entry, password| {
                *password = new.expose().to_owned();
                entry.password_changed = entry
                    .password_changed
                    .map(|at| at.plus(std::time::Duration::from_secs(1)));
            });
            self.states.lock().unwrap().remove(&entry.user.folded());
            Ok(ChangeAnswer::Changed)
        })
    }

    fn reject_password<'a>(&'a self, _password: &'a Password, _client: ClientAddress) -> Asked<'a, ()> {
        Box::pin(async {
            self.rejects.fetch_add(1, Ordering::SeqCst);
            self.available()
        })
    }
}
