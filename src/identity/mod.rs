//! Who they are to the rules: the proven account with all its groups and attributes.
//!
//! Nothing is decided here, and nothing is proven: that is `authenticate`'s.

mod groups;

pub use groups::{Asked, Groups, GroupsOfSources};

use crate::authenticate::Verified;
use crate::directory::{Entry, Unavailable};
use crate::model::{Account, Authenticated, Membership, Person};

/// Somebody who proved in this request who they are, with every group. It is made from a [`Verified`] and by
/// nothing else.
#[derive(Debug)]
pub struct Identity {
    person: Person,
}

impl Identity {
    /// Reads the groups of somebody proven, now.
    ///
    /// # Errors
    /// The groups could not be read in full. A part of them is never taken for all: a deny rule could be among
    /// those that are missing.
    pub async fn read(verified: &Verified, groups: &dyn Groups) -> Result<Self, Unavailable> {
        let memberships = groups.memberships(verified.entry()).await?;
        Ok(Self {
            person: person(verified.account().clone(), verified.entry(), memberships),
        })
    }
}

impl Authenticated for Identity {
    fn person(&self) -> &Person {
        &self.person
    }
}

/// An account as the rules see it, from its entry and its groups. For `explain`, which asks about users who are
/// not there.
pub fn person(account: Account, entry: &Entry, groups: Vec<Membership>) -> Person {
    // RFC 2307 section 3: all are single-valued. In an Active Directory `homeDirectory` is a share of Windows.
    let first = |name: &str| {
        entry
            .attributes
            .get(name)
            .and_then(|values| values.first())
            .cloned()
    };
    Person {
        account,
        uid: first("uidnumber"),
        home: first("unixhomedirectory")
            .or_else(|| first("homedirectory"))
            .filter(|home| home.starts_with('/')),
        groups,
        attributes: entry.attributes.clone(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::authenticate::fake::FakeAccounts;
    use crate::authenticate::{Attempt, Login, Method, PasswordChecks, Proven, Settings};
    use crate::model::{ClientAddress, Door, GroupName, Now, Password, Secret, TypedName};
    use crate::observe::Stages;
    use crate::store::Embedded;

    struct FakeGroups(Result<Vec<Membership>, Unavailable>);

    impl Groups for FakeGroups {
        fn memberships<'a>(&'a self, _entry: &'a Entry) -> Asked<'a> {
            Box::pin(async { self.0.clone() })
        }
    }

    async fn alice() -> Verified {
        let folder = tempfile::tempdir().unwrap();
        let accounts = FakeAccounts::new();
        accounts.add("alice", "apple");
        let login = Login::new(
            Arc::new(accounts),
            Arc::new(PasswordChecks::new()),
            Arc::new(Embedded::open(&folder.path().join("state.db")).unwrap()),
            Settings {
                methods: vec![Method::Ldap],
                ticket_lifetime: Duration::from_secs(60),
                ticket_idle: Duration::from_secs(60),
                bind_ticket_to_client: true,
                throttle: Arc::default(),
            },
        );
        login
            .password_or_ticket(&Attempt {
                user: &TypedName::new("ALICE").unwrap(),
                password: Some(&Password::new(Secret::new("apple".to_owned())).unwrap()),
                ticket: None,
                door: Door::Plain,
                client: ClientAddress::new("10.1.2.3".parse().unwrap()),
                now: Now::from_unix_ms(0),
                stages: &Stages::default(),
                gate: None,
            })
            .await
            .and_then(Proven::verified)
            .unwrap()
    }

    #[tokio::test]
    async fn an_identity_is_the_account_with_its_groups_and_attributes() {
        let staff = Membership {
            name: GroupName::new("staff").unwrap(),
            dn: None,
            via: Vec::new(),
            unique: true,
        };
        let groups = FakeGroups(Ok(vec![staff.clone()]));
        let identity = Identity::read(&alice().await, &groups).await.unwrap();
        let person = identity.person();
        assert_eq!(person.account.to_string(), "ldap:alice");
        assert_eq!(person.groups, [staff]);
        assert_eq!(person.uid.as_deref(), Some("1042"));
        assert_eq!(person.home.as_deref(), Some("/home/alice"));
        assert!(person.attributes.contains_key("uidnumber"));
    }

    #[tokio::test]
    async fn a_home_is_a_path_of_unix() {
        let verified = alice().await;
        let home = |pairs: &[(&str, &str)]| {
            let mut entry = verified.entry().clone();
            entry.attributes = pairs
                .iter()
                .map(|(name, value)| ((*name).to_owned(), vec![(*value).to_owned()]))
                .collect();
            person(verified.account().clone(), &entry, Vec::new()).home
        };
        let windows = ("homedirectory", r"\\files\alice");
        assert_eq!(home(&[windows]), None);
        assert_eq!(
            home(&[windows, ("unixhomedirectory", "/home/alice")]).as_deref(),
            Some("/home/alice")
        );
    }

    #[tokio::test]
    async fn groups_that_cannot_be_read_are_no_empty_list() {
        let unavailable = Unavailable {
            cause: "ldap1: timed out".to_owned(),
        };
        let groups = FakeGroups(Err(unavailable.clone()));
        assert_eq!(
            Identity::read(&alice().await, &groups).await.unwrap_err(),
            unavailable
        );
    }
}
