//! All groups of a person by `tokenGroups` (\[MS-ADTS\] 3.1.1.4.5.19): the server gives the security identifiers of
//! every security group somebody is in, by whatever path, with the primary group and the domain-local ones.
//!
//! Who is in which group is asked at every login. Which group has which identifier is kept ([`Kept`]), so that the
//! next person of the same groups costs no search: a group that is renamed or moved counts as what it was for up to
//! a minute.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::directory::entry::{Entry, Unavailable};
use crate::directory::filter;
use crate::directory::kept::Kept;
use crate::directory::nesting::{GROUPS_MAX, Group, PURPOSE, unusable};
use crate::directory::search::{Extent, Found, Query};
use crate::directory::servers::Servers;
use crate::directory::settings::{Filter, Schema, Settings};
use crate::model::{Attributes, Dn};

use super::path::{Step, with_paths};
use super::sid::{OBJECT_SID, Sid};

/// The attributes read here, in the lower case in which answers name them.
const TOKEN_GROUPS: &str = "tokengroups";
const PRIMARY_GROUP: &str = "primarygroupid";
const MEMBER_OF: &str = "memberof";

/// What a user's entry must show for [`primary_group`].
pub(in crate::directory) const USER_ATTRIBUTES: &[&str] = &[OBJECT_SID, PRIMARY_GROUP];
/// What it should show for the paths of [`TokenGroups::of`].
pub(in crate::directory) const PATH_ATTRIBUTE: &str = MEMBER_OF;

/// Finds groups by security identifier.
pub(in crate::directory) struct TokenGroups {
    servers: Arc<Servers>,
    base: String,
    filter: Filter,
    /// The group that has an identifier; none if no group here has it.
    known: Kept<Sid, Option<Arc<Step>>>,
}

impl TokenGroups {
    /// Prepares the searches.
    pub fn new(settings: &Settings, servers: Arc<Servers>) -> Self {
        Self {
            servers,
            base: settings.group_base.as_str().to_owned(),
            filter: settings.group_filter.clone(),
            known: Kept::default(),
        }
    }

    /// All groups of the person that are groups here, each with its path.
    pub async fn of(&self, entry: &Entry) -> Result<Vec<Group>, Unavailable> {
        let sids = self.sids(entry.dn()?).await?;
        let mut known: HashMap<Sid, Option<Arc<Step>>> = HashMap::new();
        let mut unknown = Vec::new();
        for sid in &sids {
            match self.known.get(sid) {
                Some(group) => drop(known.insert(sid.clone(), group)),
                None => unknown.push(sid.clone()),
            }
        }
        if !unknown.is_empty() {
            let found = self.groups(&unknown).await?;
            self.known.keep(found.clone());
            known.extend(found);
        }
        let primary = primary_group(&entry.attributes).and_then(|sid| known.get(&sid)?.clone());
        let direct: HashSet<Dn> = distinguished_names(&entry.attributes)
            .chain(primary.map(|group| group.dn.clone()))
            .collect();
        let steps = sids.iter().filter_map(|sid| known.get(sid)?.as_deref().cloned());
        Ok(with_paths(steps.collect(), &direct))
    }

    /// Asks again for the groups in use.
    pub async fn refresh(&self) -> Result<(), Unavailable> {
        self.known.keep(self.groups(&self.known.due()).await?);
        Ok(())
    }

    /// The security identifiers of all groups of this user, now.
    async fn sids(&self, dn: &Dn) -> Result<Vec<Sid>, Unavailable> {
        let answer = self
            .servers
            .search(Query {
                purpose: PURPOSE,
                base: dn.as_str().to_owned(),
                extent: Extent::Base,
                filter: "(objectClass=*)".to_owned(),
                attributes: vec![TOKEN_GROUPS.to_owned()],
                values: None,
            })
            .await?;
        let found = answer.complete(PURPOSE)?;
        let values = found.first().and_then(|found| found.attributes.get(TOKEN_GROUPS));
        match values {
            Some(values) if values.len() > GROUPS_MAX => {
                Err(unusable(&format!("a user is in more than {GROUPS_MAX} groups")))
            }
            Some(values) => values
                .iter()
                .map(|value| Sid::from_text(value))
                .collect::<Option<_>>()
                .ok_or_else(|| unusable(&format!("tokenGroups of {dn} holds no security identifiers"))),
            // Everybody has a primary group, so there is always one.
            None => Err(unusable(&format!(
                "the server shows no tokenGroups of {dn}: put bind_dn into the group `Windows Authorization Access \
                 Group`, or set nested_groups = false"
            ))),
        }
    }

    /// What group has each of these identifiers.
    async fn groups(&self, sids: &[Sid]) -> Result<HashMap<Sid, Option<Arc<Step>>>, Unavailable> {
        let mut groups: HashMap<Sid, Option<Arc<Step>>> =
            sids.iter().map(|sid| (sid.clone(), None)).collect();
        for run in filter::in_runs(sids, |sid| sid.filter().len()) {
            let ways: Vec<String> = run.iter().map(Sid::filter).collect();
            let mut answer = self
                .servers
                .search(Query {
                    purpose: PURPOSE,
                    base: self.base.clone(),
                    extent: Extent::All,
                    filter: filter::both(self.filter.as_str(), &filter::any_of(&ways)),
                    attributes: [Schema::ActiveDirectory.group_name(), OBJECT_SID, MEMBER_OF]
                        .map(str::to_owned)
                        .to_vec(),
                    values: None,
                })
                .await?;
            answer.forget_other_partitions();
            for found in answer.complete(PURPOSE)? {
                let (sid, step) = step(&found)?;
                groups.insert(sid, Some(Arc::new(step)));
            }
        }
        Ok(groups)
    }
}

/// The security identifier of the primary group, which `member` and `memberOf` leave out.
pub(in crate::directory) fn primary_group(user: &Attributes) -> Option<Sid> {
    let first = |name: &str| user.get(name).and_then(|values| values.first());
    let number = first(PRIMARY_GROUP)?.parse().ok()?;
    Some(Sid::from_text(first(OBJECT_SID)?)?.sibling(number))
}

/// A group and its identifier from its entry.
fn step(found: &Found) -> Result<(Sid, Step), Unavailable> {
    let Group { dn, names, .. } = Group::read(found, Schema::ActiveDirectory, Vec::new())?;
    let sid = found.attributes.get(OBJECT_SID).and_then(|values| values.first());
    let sid = sid
        .and_then(|sid| Sid::from_text(sid))
        .ok_or_else(|| unusable(&format!("the group {dn} has no readable objectSid")))?;
    let outer = distinguished_names(&found.attributes).collect();
    Ok((sid, Step { dn, names, outer }))
}

/// The groups that an entry is in directly, as far as it shows them; they only serve to tell paths.
fn distinguished_names(attributes: &Attributes) -> impl Iterator<Item = Dn> {
    let values = attributes.get(MEMBER_OF).into_iter().flatten();
    values.filter_map(|value| Dn::new(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_primary_group_is_of_the_users_domain() {
        let user = |sid: &str, group: &str| {
            let values = [(OBJECT_SID, sid), (PRIMARY_GROUP, group)];
            primary_group(
                &values
                    .map(|(name, value)| (name.to_owned(), vec![value.to_owned()]))
                    .into(),
            )
            .map(|sid| sid.to_string())
        };
        assert_eq!(
            user("S-1-5-21-1-2-3-1104", "513").as_deref(),
            Some("S-1-5-21-1-2-3-513")
        );
        assert_eq!(user("S-1-5-21-1-2-3-1104", "-1"), None);
        assert_eq!(user("", "513"), None);
    }
}
