//! Whether a user of this host can be looked up as a login does it: through the worker, with all groups.

use crate::directory::entry::Unavailable;
use crate::directory::nss;
use crate::model::{Check, Now, TypedName};
use crate::pam_worker::Client;

/// Looks that user up. Each question has the worker's deadline.
pub async fn examine(client: &Client, min_uid: u32, name: &TypedName, now: Now) -> Vec<Check> {
    let typed = name.as_str();
    let user = match client.user(typed.trim()).await {
        Ok(Some(user)) => user,
        Ok(None) => {
            let advice = format!("`getent passwd {typed}` shows what the name service switch finds");
            return vec![Check::bad(
                format!("this host has no user called {typed}"),
                Some(advice),
            )];
        }
        Err(unreachable) => return vec![Check::bad(Unavailable::from(unreachable).cause, None)],
    };
    if user.uid < min_uid {
        // Nobody is advised to let root in.
        let advice = (user.uid > 0).then(|| {
            format!(
                "accounts below are those of services as a rule; for people:\n[directory.nss]\nmin_uid = {}",
                user.uid
            )
        });
        return vec![Check::bad(
            format!("the uid of {typed} is {}, which is below min_uid", user.uid),
            advice,
        )];
    }
    let Some(entry) = nss::entry(&user, min_uid, now) else {
        return vec![Check::bad(
            format!("{typed} has a name on this host that nobody can log in with"),
            None,
        )];
    };
    let groups = match nss::memberships(&user) {
        Ok(groups) => Check::good(format!("groups are found: {} is in {}", entry.user, groups.len())),
        Err(unavailable) => Check::bad(unavailable.cause, None),
    };
    vec![super::contents::found(&entry), groups]
}
