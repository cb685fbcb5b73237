//! A user of this host and its groups, through the name service switch.

use std::collections::BTreeSet;
use std::ffi::CString;

use nix::errno::Errno;
use nix::unistd::{Gid, Group, User, getgrouplist};

use super::answers::{HostGroup, HostUser};
use super::ffi;
use super::limits::{GROUPS_MAX, TEXT_BYTES_MAX};
use crate::model::TypedName;

/// The user of that name (getpwnam(3)) with every group, the primary one included (getgrouplist(3)); none if
/// the host says that there is none.
///
/// # Errors
/// In the admin's words: a name service failed, or something of the answer could not be read in full.
pub fn user(name: &TypedName) -> Result<Option<HostUser>, String> {
    let failed = |call: &str, error: Errno| format!("{call} for `{}`: {}", name.as_str(), error.desc());
    let Some(user) = User::from_name(name.as_str()).map_err(|error| failed("getpwnam", error))? else {
        return Ok(None);
    };
    let home = user.dir.to_string_lossy();
    let gecos = user.gecos.to_string_lossy();
    for (what, text) in [("name", user.name.as_str()), ("home directory", &home)] {
        check(&format!("the {what} of `{}`", name.as_str()), text)?;
    }
    let c_name = CString::new(user.name.as_str()).map_err(|_| "a NUL in a name".to_owned())?;
    let gids = getgrouplist(&c_name, user.gid).map_err(|error| failed("getgrouplist", error))?;
    // A group that is both primary and supplementary may be listed twice.
    let gids: BTreeSet<u32> = gids.into_iter().chain([user.gid]).map(Gid::as_raw).collect();
    if gids.len() > GROUPS_MAX {
        return Err(format!("`{}` is in more than {GROUPS_MAX} groups", user.name));
    }
    let groups = gids.into_iter().map(group).collect::<Result<_, _>>()?;
    Ok(Some(HostUser {
        uid: user.uid.as_raw(),
        gid: user.gid.as_raw(),
        home: home.into_owned(),
        gecos: Some(
            gecos
                .chars()
                .take(TEXT_BYTES_MAX / char::MAX.len_utf8())
                .collect(),
        )
        .filter(|gecos: &String| !gecos.is_empty()),
        groups,
        dates: ffi::dates(&c_name),
        name: user.name,
    }))
}

/// The group of that id. One without a name is an error: a rule that names it could not be kept.
fn group(gid: u32) -> Result<HostGroup, String> {
    let group = Group::from_gid(Gid::from_raw(gid))
        .map_err(|error| format!("getgrgid for {gid}: {}", error.desc()))?
        .ok_or_else(|| format!("the group {gid} has no name on this host"))?;
    check(&format!("the name of group {gid}"), &group.name)?;
    Ok(HostGroup {
        name: group.name,
        gid,
    })
}

/// Checks that a text came in full: not empty, short enough for a message, and in UTF-8 to begin with.
fn check(what: &str, text: &str) -> Result<(), String> {
    if text.is_empty() || text.len() > TEXT_BYTES_MAX {
        return Err(format!("{what} is empty or longer than {TEXT_BYTES_MAX} bytes"));
    }
    if text.contains(char::REPLACEMENT_CHARACTER) {
        return Err(format!("{what} is not UTF-8"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look_up(name: &str) -> Result<Option<HostUser>, String> {
        user(&TypedName::new(name).unwrap())
    }

    #[test]
    fn a_user_comes_with_the_primary_group_and_no_group_twice() {
        let root = look_up("root").unwrap().unwrap();
        assert_eq!(
            (root.name.as_str(), root.uid, root.home.as_str()),
            ("root", 0, "/root")
        );
        let primary = root.groups.iter().filter(|group| group.gid == root.gid);
        assert_eq!(
            primary.map(|group| group.name.as_str()).collect::<Vec<_>>(),
            ["root"]
        );
    }

    #[test]
    fn nobody_is_found_under_a_name_that_is_none() {
        assert_eq!(look_up("no such user here"), Ok(None));
    }

    #[test]
    fn what_did_not_come_in_full_is_an_error() {
        assert!(check("it", "").is_err());
        assert!(check("it", "M\u{fffd}ller").is_err());
        assert!(check("it", &"x".repeat(TEXT_BYTES_MAX + 1)).is_err());
        assert!(group(4_000_000_000).is_err());
    }
}
