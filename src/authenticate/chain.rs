//! Where an account is looked for: in one source or, if that one has nothing of the name, in a second.
//!
//! A name belongs to the first source that has it in any form. That somebody is filtered out there, closed there
//! or has another password there never makes them somebody of the second source.

use std::sync::Arc;

use super::accounts::Accounts;
use crate::directory::{Entry, Unavailable};
use crate::model::{Account, Now, Source, TypedName};

/// The sources of accounts in their order.
pub struct Chain {
    first: Arc<dyn Accounts>,
    second: Option<Second>,
}

/// A source that is asked for names that the first one does not have.
struct Second {
    accounts: Arc<dyn Accounts>,
    when_unreachable: bool,
}

/// What was found of a name.
pub(super) struct Found {
    /// The source that the name belongs to; for a name that nobody has, the one that takes the time of a check.
    pub(super) accounts: Arc<dyn Accounts>,
    /// The entry; none if there is none that may log in.
    pub(super) entry: Option<Entry>,
    /// Why the first source could not be asked. Without an entry it is then unknown whether there is one.
    pub(super) unasked: Option<Unavailable>,
}

impl Found {
    /// An entry of this source.
    pub(super) fn in_source(accounts: &Arc<dyn Accounts>, entry: Entry) -> Self {
        Self {
            accounts: Arc::clone(accounts),
            entry: Some(entry),
            unasked: None,
        }
    }

    /// The account of the entry: the same name in two sources is two accounts.
    pub(super) fn account(&self, entry: &Entry) -> Account {
        Account {
            source: self.accounts.source(),
            user: entry.user.clone(),
        }
    }
}

/// What the first source says of a name.
enum Claim {
    /// It is its own; none if the account may not log in.
    Own(Option<Entry>),
    /// It has nothing of that name.
    Foreign,
    /// It could not be asked.
    Unanswered(Unavailable),
}

impl Chain {
    /// Looks in one source.
    pub fn of(first: Arc<dyn Accounts>) -> Self {
        Self { first, second: None }
    }

    /// Looks in a second source for names of which the first has nothing and, only if `when_unreachable`, for all
    /// names while the first cannot be asked.
    pub fn then(self, accounts: Arc<dyn Accounts>, when_unreachable: bool) -> Self {
        Self {
            second: Some(Second {
                accounts,
                when_unreachable,
            }),
            ..self
        }
    }

    /// Whether somebody could be let in now, as far as is known without asking. While the first source is
    /// unreachable and the second is not asked for that, nobody is.
    pub(super) fn is_ready(&self) -> bool {
        self.first.is_reachable()
            || self
                .second
                .as_ref()
                .is_some_and(|second| second.when_unreachable && second.accounts.is_reachable())
    }

    /// All sources that a login may ask.
    pub(super) fn sources(&self) -> Vec<Source> {
        let second = self.second.as_ref().map(|second| second.accounts.source());
        [self.first.source()].into_iter().chain(second).collect()
    }

    /// Looks for a name.
    ///
    /// # Errors
    /// A source could not be asked whose word is needed.
    pub(super) async fn find(&self, name: &TypedName, now: Now) -> Result<Found, Unavailable> {
        let Some(second) = &self.second else {
            let entry = self.first.find(name, now).await?;
            return Ok(self.in_first(entry));
        };
        let unasked = match self.claim(name, now).await {
            Claim::Own(entry) => return Ok(self.in_first(entry)),
            Claim::Foreign => None,
            Claim::Unanswered(unavailable) => Some(second.pass(unavailable)?),
        };
        let entry = second.accounts.find(name, now).await?;
        if let Some(entry) = &entry
            && unasked.is_none()
            && self
                .knows_otherwise(entry, name)
                .await
                .or_else(|unavailable| second.pass(unavailable).map(|_| false))?
        {
            return Ok(self.in_first(None));
        }
        Ok(Found {
            accounts: Arc::clone(&second.accounts),
            entry,
            unasked,
        })
    }

    fn in_first(&self, entry: Option<Entry>) -> Found {
        Found {
            accounts: Arc::clone(&self.first),
            entry,
            unasked: None,
        }
    }

    async fn claim(&self, name: &TypedName, now: Now) -> Claim {
        match self.first.find(name, now).await {
            Ok(Some(entry)) => Claim::Own(Some(entry)),
            Ok(None) => match self.first.knows(name).await {
                Ok(true) => Claim::Own(None),
                Ok(false) => Claim::Foreign,
                Err(unavailable) => Claim::Unanswered(unavailable),
            },
            Err(unavailable) => Claim::Unanswered(unavailable),
        }
    }

    /// Whether the first source has the name by which the second knows an entry, if that is not the typed one.
    /// Some sources take several spellings for one account (`alice` and `alice@example.org`).
    async fn knows_otherwise(&self, entry: &Entry, typed: &TypedName) -> Result<bool, Unavailable> {
        if entry.user.folded() == typed.folded() {
            return Ok(false);
        }
        match TypedName::new(entry.user.as_str()) {
            Ok(name) => self.first.knows(&name).await,
            Err(_) => Ok(true),
        }
    }
}

impl<A: Accounts + 'static> From<Arc<A>> for Chain {
    fn from(accounts: Arc<A>) -> Self {
        Self::of(accounts)
    }
}

impl Second {
    /// Whether this one is asked although the first could not be.
    fn pass(&self, unavailable: Unavailable) -> Result<Unavailable, Unavailable> {
        if self.when_unreachable {
            Ok(unavailable)
        } else {
            Err(unavailable)
        }
    }
}
