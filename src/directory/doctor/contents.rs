//! Whether users and groups are where the configuration looks for them, can be read, and are found fast.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::directory::entry::{AccountState, Entry, Unavailable};
use crate::directory::filter;
use crate::directory::group::Groups;
use crate::directory::search::{Extent, Query};
use crate::directory::servers::Servers;
use crate::directory::settings::{Settings, UserLookup};
use crate::directory::user::Users;
use crate::model::{Check, Dn, Now, TypedName};

use super::Questions;
use super::root::Root;

/// A search of an index takes milliseconds. One that takes longer makes every login slow, and the server with it.
const SLOW: Duration = Duration::from_millis(500);
/// `noSuchObject` (RFC 4511 appendix A.2).
const NO_SUCH_OBJECT: u32 = 32;

/// Looks at the bases, at one user, and at that user's groups; says also whether there is the user.
pub(super) async fn checks(
    servers: &Arc<Servers>,
    settings: &Settings,
    root: &Root,
    questions: &Questions<'_>,
    now: Now,
) -> (Vec<Check>, bool) {
    let mut checks = Vec::new();
    if let UserLookup::Search { base: users, .. } = &settings.user_lookup {
        checks.push(base(servers, "user_base", users, root).await);
    }
    checks.push(base(servers, "group_base", &settings.group_base, root).await);
    let users = Users::new(settings);
    checks.extend(speed(servers, settings, &users).await);
    let entry = match user(servers, settings, &users, questions, now).await {
        Ok(entry) => {
            checks.push(found(&entry));
            entry
        }
        Err(check) => {
            checks.push(check);
            return (checks, false);
        }
    };
    let groups = Groups::new(settings, Arc::clone(servers));
    checks.push(memberships(&groups, &entry).await);
    checks.extend(names(&groups, questions.groups).await);
    (checks, true)
}

/// Whether a base is there.
async fn base(servers: &Servers, key: &str, base: &Dn, root: &Root) -> Check {
    let query = Query {
        purpose: "base",
        base: base.as_str().to_owned(),
        extent: Extent::Base,
        filter: "(objectClass=*)".to_owned(),
        attributes: vec!["1.1".to_owned()],
        values: None,
    };
    match servers.search(query).await {
        Ok(answer) if answer.code == 0 && !answer.found.is_empty() => {
            Check::good(format!("{key} {base} is there"))
        }
        Ok(answer) if answer.code == 0 || answer.code == NO_SUCH_OBJECT => Check::bad(
            format!("{key} {base} does not exist, or bind_dn may not see it"),
            root.top().map(|top| format!("{key} = \"{top}\"")),
        ),
        Ok(answer) => Check::bad(answer.incomplete(key).cause, None),
        Err(unavailable) => Check::bad(unavailable.cause, None),
    }
}

/// Whether the search for a name that does not exist is fast, which nothing but an index makes it.
async fn speed(servers: &Servers, settings: &Settings, users: &Users) -> Option<Check> {
    let nobody = TypedName::new(&format!("{:032x}", rand::random::<u128>())).ok()?;
    let began = Instant::now();
    servers.search(users.query(&nobody)).await.ok()?;
    slow("the search for a user", &settings.user_attribute, began.elapsed())
}

/// A hint at a search that takes long.
fn slow(what: &str, attribute: &str, took: Duration) -> Option<Check> {
    (took > SLOW).then(|| {
        Check::doubtful(
            format!("{what} took {} ms", took.as_millis()),
            format!("have the server index {attribute}, or look at its load"),
        )
    })
}

/// The entry of that user, or of anybody.
async fn user(
    servers: &Servers,
    settings: &Settings,
    users: &Users,
    questions: &Questions<'_>,
    now: Now,
) -> Result<Entry, Check> {
    let unavailable = |unavailable: Unavailable| Check::bad(unavailable.cause, None);
    let name = match questions.user {
        Some(name) => name.clone(),
        None => anybody(servers, settings).await?,
    };
    let answer = servers.search(users.query(&name)).await.map_err(unavailable)?;
    if let Some(entry) = users.entry(answer, now).map_err(unavailable)? {
        return Ok(entry);
    }
    // A name that the directory has in any other form is never looked for elsewhere.
    let follows = questions.others_follow && {
        let any = servers
            .search(users.any_query(&name))
            .await
            .map_err(unavailable)?;
        !users.is_any(any).map_err(unavailable)?
    };
    let name = name.as_str();
    Err(if follows {
        Check::good(format!("no user is called {name}, so that this host is asked"))
    } else {
        Check::bad(
            format!("no user is called {name}, or several are"),
            Some("look at user_base, user_filter and user_attribute".to_owned()),
        )
    })
}

/// The name of somebody who satisfies the filter.
async fn anybody(servers: &Servers, settings: &Settings) -> Result<TypedName, Check> {
    let UserLookup::Search { base, filter } = &settings.user_lookup else {
        return Err(Check::doubtful(
            "user_dn_template names entries without a search, so there is nobody to try",
            "x2godirector doctor --user NAME",
        ));
    };
    let attribute = &settings.user_attribute;
    let query = Query {
        purpose: "user search",
        base: base.as_str().to_owned(),
        extent: Extent::One,
        filter: filter::both(filter.as_str(), &format!("({attribute}=*)")),
        attributes: vec![attribute.clone()],
        values: None,
    };
    let answer = servers.search(query).await;
    let answer = answer.map_err(|unavailable| Check::bad(unavailable.cause, None))?;
    let names = answer
        .found
        .iter()
        .filter_map(|found| found.attributes.get(&attribute.to_lowercase()));
    names
        .flatten()
        .find_map(|name| TypedName::new(name).ok())
        .ok_or_else(|| {
            Check::bad(
                format!(
                    "no entry below {base} satisfies {} and has a {attribute}",
                    filter.as_str()
                ),
                Some(
                    "look at user_base, user_filter and user_attribute, and at what bind_dn may read"
                        .to_owned(),
                ),
            )
        })
}

/// A user who could be read.
pub(super) fn found(entry: &Entry) -> Check {
    let state = match entry.state {
        AccountState::Active => "",
        AccountState::Locked => " (locked)",
        AccountState::Disabled => " (disabled)",
        AccountState::Expired => " (expired)",
    };
    Check::good(format!("users are found, such as {}{state}", entry.user))
}

/// Whether the groups of this user can be read.
async fn memberships(groups: &Groups, entry: &Entry) -> Check {
    let began = Instant::now();
    match groups.of(entry).await {
        Ok(memberships) => {
            // The groups are asked for by the hundred.
            let hundreds = u32::try_from(memberships.len() / 100).unwrap_or(u32::MAX);
            let took = began.elapsed() / hundreds.saturating_add(1);
            slow("the search for groups", "what holds their members", took).unwrap_or_else(|| {
                let count = memberships.len();
                Check::good(format!("groups are found: {} is in {count}", entry.user))
            })
        }
        Err(unavailable) => Check::bad(unavailable.cause, None),
    }
}

/// Which of these names are not one group.
async fn names(groups: &Groups, names: &[String]) -> Vec<Check> {
    let holders = match groups.holders(names.to_vec()).await {
        Ok(holders) => holders,
        Err(unavailable) => return vec![Check::bad(unavailable.cause, None)],
    };
    let mut wrong: Vec<Check> = names
        .iter()
        .filter_map(|name| {
            let dns = holders.get(name)?;
            let mut shown: Vec<&str> = dns.iter().map(Dn::as_str).collect();
            shown.sort_unstable();
            match shown.as_slice() {
                [_] => None,
                [] => Some(Check::doubtful(
                    format!("rules name the group `{name}`, which does not exist"),
                    "look at its name, at group_base and at group_filter",
                )),
                several => Some(Check::doubtful(
                    format!("rules name the group `{name}`, and several are called so: it grants nothing"),
                    format!(
                        "write the one you mean: groups = [\"{}\"]",
                        several.join("\"] or [\"")
                    ),
                )),
            }
        })
        .collect();
    if wrong.is_empty() && !names.is_empty() {
        wrong.push(Check::good("every group that rules name is one group"));
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_that_takes_long_names_what_to_index() {
        assert_eq!(slow("the search for a user", "uid", SLOW), None);
        let check = slow("the search for a user", "uid", Duration::from_millis(1_250)).unwrap();
        assert_eq!(check.what, "the search for a user took 1250 ms");
        assert_eq!(
            check.advice.as_deref(),
            Some("have the server index uid, or look at its load")
        );
    }
}
