//! This host's own users and groups, as its name service switch gives them (`nsswitch.conf(5)`): local files, SSSD,
//! nslcd, winbind. Asked through the PAM worker, since a name service may hang.

use std::collections::HashMap;

use crate::model::{Attributes, GroupName, Membership, TypedName, UserName};
use crate::pam_worker::{Client, HostUser, Unreachable};

use super::entry::{AccountState, Entry, Key, Unavailable};

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
    pub async fn find(&self, name: &TypedName) -> Result<Option<Entry>, Unavailable> {
        let Some(user) = self.user(name.as_str()).await? else {
            return Ok(None);
        };
        Ok(entry(&user, self.min_uid))
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
/// The state is always active and the last change of the password unknown: that is for the account step of PAM to
/// judge when the password is shown.
pub fn entry(user: &HostUser, min_uid: u32) -> Option<Entry> {
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
    let attributes = [
        ("uid", Some(user.name.clone())),
        ("uidnumber", Some(user.uid.to_string())),
        ("gidnumber", Some(user.gid.to_string())),
        ("homedirectory", Some(user.home.clone())),
        ("gecos", user.gecos.clone()),
    ];
    let attributes: Attributes = attributes
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), vec![value?])))
        .collect();
    Some(Entry {
        key: Key::Uid(user.uid),
        user: name,
        state: AccountState::Active,
        password_changed: None,
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
    use crate::pam_worker::HostGroup;

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
        }
    }

    #[test]
    fn a_user_is_an_entry_from_the_lowest_id_up() {
        let entry = super::entry(&user(1000, &[]), 1000).unwrap();
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
        assert!(super::entry(&user(999, &[]), 1000).is_none());
        assert!(super::entry(&user(0, &[]), 1000).is_none());
        assert!(super::entry(&user(0, &[]), 0).is_some());
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
