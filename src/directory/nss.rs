//! This host's own users and groups, as its name service switch gives them (`nsswitch.conf(5)`): local files, SSSD,
//! nslcd, winbind. Asked through the PAM worker, since a name service may hang.

use std::collections::HashMap;

use crate::model::{Attributes, GroupName, Membership, Now, TypedName, UserName};
use crate::pam_worker::{Client, HostUser, Unreachable};

use super::account;
use super::entry::{Entry, Key, Unavailable};

/// The users and groups of this host.
#[derive(Debug, Clone)]
pub struct Host {
    client: Client,
    min_uid: u32,
}

impl Host {
    /// The users from this numeric id up; those below are no people.
    pub fn new(client: Client, min_uid: u32) -> Self {
        Self { client, min_uid }
    }

    /// The entry of the user of that name. The host decides what is another spelling of a name. None also for a
    /// user below the lowest id, of which the admin is told: to a client that is the same as no user.
    ///
    /// # Errors
    /// The worker could not find out in time.
    pub async fn find(&self, name: &TypedName, now: Now) -> Result<Option<Entry>, Unavailable> {
        let Some(user) = self.user(name.as_str()).await? else {
            return Ok(None);
        };
        Ok(entry(&user, self.min_uid, now))
    }

    /// Whether the host has a user of that name, whatever the id.
    ///
    /// # Errors
    /// The worker could not find out in time.
    pub async fn knows(&self, name: &TypedName) -> Result<bool, Unavailable> {
        Ok(self.user(name.as_str()).await?.is_some())
    }

    /// All groups of the user, the primary one included.
    ///
    /// # Errors
    /// They could not be read in full, or belong to another user by now.
    pub async fn memberships(&self, entry: &Entry) -> Result<Vec<Membership>, Unavailable> {
        let user = self.user(entry.user.as_str()).await?;
        let user = user.filter(|user| entry.key == Key::Uid(user.uid));
        let user = user.ok_or_else(|| Unavailable {
            cause: format!("user {} of this host went away or changed meanwhile", entry.user),
        })?;
        memberships(&user)
    }

    async fn user(&self, name: &str) -> Result<Option<HostUser>, Unavailable> {
        Ok(self.client.user(name.trim()).await?)
    }
}

impl From<Unreachable> for Unavailable {
    fn from(error: Unreachable) -> Self {
        Self {
            cause: format!("PAM worker: {}", error.cause),
        }
    }
}

/// The entry of a user of this host; none for one below `min_uid` or with a name that is none, of which the admin
/// is told. Its attributes have the names of RFC 2307, so that rules and profiles need not know the source.
///
/// Whether the account has ended and when its password was changed is known from shadow(5), in days, where there is
/// such an entry and the worker may read it. The rest is for PAM to judge when a password is shown.
pub fn entry(user: &HostUser, min_uid: u32, now: Now) -> Option<Entry> {
    if user.uid < min_uid {
        tracing::info!(
            user = user.name,
            uid = user.uid,
            min_uid,
            "this user of the host is below min_uid in [directory.nss]; it cannot log in"
        );
        return None;
    }
    let Ok(name) = UserName::new(&user.name) else {
        tracing::warn!(
            user = user.name,
            "this user of the host has no usable name; it cannot log in"
        );
        return None;
    };
    let day = |day: Option<u32>| day.map(|day| day.to_string());
    let attributes = [
        ("uid", Some(user.name.clone())),
        ("uidnumber", Some(user.uid.to_string())),
        ("gidnumber", Some(user.gid.to_string())),
        ("homedirectory", Some(user.home.clone())),
        ("gecos", user.gecos.clone()),
        (account::SHADOW_LAST_CHANGE, day(user.dates.password_changed)),
        (account::SHADOW_EXPIRE, day(user.dates.expires)),
    ];
    let attributes: Attributes = attributes
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), vec![value?])))
        .collect();
    Some(Entry {
        key: Key::Uid(user.uid),
        user: name,
        state: account::state(&attributes, now),
        password_changed: account::password_changed(&attributes),
        password_expires_in: None,
        attributes,
    })
}

/// The groups of a user of this host. They have no DNs, and none is in another.
///
/// # Errors
/// One of them has a name that cannot be compared with a rule's. Without it, a deny rule might not hold.
pub fn memberships(user: &HostUser) -> Result<Vec<Membership>, Unavailable> {
    let mut by_name: HashMap<GroupName, u32> = HashMap::new();
    let mut groups = Vec::new();
    for group in &user.groups {
        let name = GroupName::new(&group.name).map_err(|invalid| Unavailable {
            cause: format!("group {} of user {}: {invalid}", group.gid, user.name),
        })?;
        let first = *by_name.entry(name.clone()).or_insert(group.gid);
        groups.push((name, group.gid, first));
    }
    // Two groups that differ only in case, or come from two services, are one name for two things.
    let shared: Vec<GroupName> = groups
        .iter()
        .filter(|(_, gid, first)| gid != first)
        .map(|(name, ..)| name.clone())
        .collect();
    let memberships = groups.into_iter().map(|(name, ..)| Membership {
        unique: !shared.contains(&name),
        name,
        dn: None,
        via: Vec::new(),
    });
    Ok(memberships.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::AccountState;
    use crate::pam_worker::{Dates, HostGroup};

    /// 2026-03-02 09:00 UTC, day 20514.
    fn morning() -> Now {
        Now::from_unix_ms(1_772_442_000_000)
    }

    fn user(uid: u32, groups: &[(&str, u32)]) -> HostUser {
        HostUser {
            name: "alice".to_owned(),
            uid,
            gid: 1000,
            home: "/home/alice".to_owned(),
            gecos: None,
            groups: groups
                .iter()
                .map(|(name, gid)| HostGroup {
                    name: (*name).to_owned(),
                    gid: *gid,
                })
                .collect(),
            dates: Dates::default(),
        }
    }

    #[test]
    fn a_user_is_an_entry_from_the_lowest_id_up() {
        let entry = super::entry(&user(1000, &[]), 1000, morning()).unwrap();
        assert_eq!(entry.key, Key::Uid(1000));
        assert_eq!(entry.user.as_str(), "alice");
        for (name, value) in [
            ("uid", "alice"),
            ("uidnumber", "1000"),
            ("gidnumber", "1000"),
            ("homedirectory", "/home/alice"),
        ] {
            assert_eq!(entry.attributes[name], [value]);
        }
        assert_eq!(
            (entry.state, entry.password_changed),
            (AccountState::Active, None)
        );
        assert!(super::entry(&user(999, &[]), 1000, morning()).is_none());
        assert!(super::entry(&user(0, &[]), 1000, morning()).is_none());
        assert!(super::entry(&user(0, &[]), 0, morning()).is_some());
    }

    #[test]
    fn the_dates_of_an_account_count() {
        let with = |password_changed, expires| {
            let mut user = user(1000, &[]);
            user.dates = Dates {
                password_changed: Some(password_changed),
                expires: Some(expires),
            };
            super::entry(&user, 1000, morning()).unwrap()
        };
        let day = with(20_514, 20_515);
        assert_eq!(day.state, AccountState::Active);
        assert_ne!(day.password_changed, with(20_513, 20_515).password_changed);
        assert_eq!(with(0, 20_514).state, AccountState::Expired);
    }

    #[test]
    fn groups_are_all_or_an_error() {
        let all = memberships(&user(1000, &[("alice", 1000), ("staff", 50)])).unwrap();
        let names: Vec<_> = all.iter().map(|group| group.name.as_str()).collect();
        assert_eq!(names, ["alice", "staff"]);
        assert!(all.iter().all(|group| group.unique && group.dn.is_none()));
        assert!(memberships(&user(1000, &[("staff", 50), ("bad\nname", 51)])).is_err());
    }

    #[test]
    fn two_groups_of_one_name_are_not_unique() {
        let all = memberships(&user(1000, &[("staff", 50), ("other", 51), ("Staff", 5000)])).unwrap();
        let unique: Vec<_> = all.iter().map(|group| group.unique).collect();
        assert_eq!(unique, [false, true, false]);
    }
}
