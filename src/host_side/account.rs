//! About whom the broker is asked at all.

use nix::unistd::User;

use crate::model::SessionUser;

/// The lowest uid of people (`UID_MIN`, login.defs(5)). The accounts below are the system's: no session is theirs.
const UID_MIN: u32 = 1000;

/// The account of that name, if it may be asked about: a name as accounts have it, which this host knows, and nobody of
/// the system. Blocks on the name service.
pub fn may_be_asked_about(name: &str) -> Option<SessionUser> {
    let user = well_formed(name)?;
    let uid = User::from_name(user.as_str()).ok()??.uid;
    (uid.as_raw() >= UID_MIN).then_some(user)
}

/// A name of `[a-z_][a-z0-9_.-]*`.
fn well_formed(name: &str) -> Option<SessionUser> {
    let begins = name.starts_with(|first: char| first.is_ascii_lowercase() || first == '_');
    let goes_on = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_.-".contains(&byte);
    if !begins || !name.bytes().all(goes_on) {
        return None;
    }
    SessionUser::new(name).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_accounts_are_asked_about() {
        for good in ["alice", "_apt", "a.b-c_9"] {
            assert!(well_formed(good).is_some(), "{good}");
        }
        for bad in [
            "",
            "Alice",
            "1a",
            "-a",
            ".a",
            "a b",
            "a@b",
            "ä",
            "a/b",
            "a\n",
            "a$",
            &"a".repeat(256),
        ] {
            assert!(well_formed(bad).is_none(), "{bad}");
        }
        for of_the_system in ["root", "daemon", "nobody-of-that-name"] {
            assert_eq!(may_be_asked_about(of_the_system), None);
        }
    }
}
