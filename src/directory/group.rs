//! The groups of a person, nested ones included: all of them, or an error.
//!
//! The direct groups take one search. Nested groups are found upwards, level by level, with one search for all
//! groups of a level; members are never listed, for a group may have very many. Where a level has several groups,
//! the server is asked to name those of them that the outer group holds (matched values, RFC 3876), so that the
//! path is known; a server that does not know this control is asked once per group instead. An Active Directory
//! works nested groups out itself ([`TokenGroups`]).

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::model::{Dn, GroupName, Membership};

use super::active_directory::token_groups::{self, TokenGroups};
use super::entry::{Entry, Unavailable};
use super::filter;
use super::names::{Holders, Names};
use super::search::{Answer, Extent, Found, Query};
use super::servers::Servers;
use super::settings::{Filter, Schema, Settings};

/// What these searches are for, in messages.
pub(super) const PURPOSE: &str = "group search";
/// The attributes of RFC 2307bis that hold members as DNs.
const MEMBER_ATTRIBUTES: [&str; 2] = ["member", "uniquemember"];
/// Deepest nesting followed. Real directories have a handful of levels; more is a mistake that must not grant.
const DEPTH_MAX: usize = 32;
/// Most groups one person may be in.
pub(super) const GROUPS_MAX: usize = 20_000;
/// `unavailableCriticalExtension` (RFC 4511 appendix A).
const UNKNOWN_CONTROL: u32 = 12;

/// Finds groups.
pub(super) struct Groups {
    servers: Arc<Servers>,
    base: String,
    filter: Filter,
    schema: Schema,
    /// How nested groups are found where the server works them out.
    tokens: Option<TokenGroups>,
    /// Whether nested groups are followed here.
    nested: bool,
    names: Names,
    /// No server is asked for matched values any more, since one refused.
    no_matched_values: AtomicBool,
}

/// A group that somebody is in, or that holds another.
pub(super) struct Group {
    /// Its entry.
    pub dn: Dn,
    /// Its names, one at least.
    pub names: Vec<GroupName>,
    /// The groups between.
    pub via: Vec<GroupName>,
}

impl Groups {
    /// Prepares the searches.
    pub fn new(settings: &Settings, servers: Arc<Servers>) -> Self {
        let by_tokens = settings.nested_groups && settings.schema == Schema::ActiveDirectory;
        Self {
            tokens: by_tokens.then(|| TokenGroups::new(settings, Arc::clone(&servers))),
            servers,
            base: settings.group_base.as_str().to_owned(),
            filter: settings.group_filter.clone(),
            schema: settings.schema,
            // RFC 2307 groups hold user names only, so none can be within another.
            nested: settings.nested_groups && settings.schema == Schema::Rfc2307bis,
            names: Names::default(),
            no_matched_values: AtomicBool::new(false),
        }
    }

    /// All groups of the person.
    pub async fn of(&self, entry: &Entry) -> Result<Vec<Membership>, Unavailable> {
        let all = if let Some(tokens) = &self.tokens {
            tokens.of(entry).await?
        } else {
            let direct = self.direct(entry).await?;
            if self.nested {
                self.with_outer(direct).await?
            } else {
                direct
            }
        };
        self.memberships(all).await
    }

    /// Asks again for what is kept: which groups share the names in use, and which groups identifiers mean.
    pub async fn refresh(&self) -> Result<(), Unavailable> {
        if let Some(tokens) = &self.tokens {
            tokens.refresh().await?;
        }
        let holders = self.holders(self.names.due()).await?;
        self.names.keep(holders);
        Ok(())
    }

    /// The groups that hold the person directly.
    async fn direct(&self, entry: &Entry) -> Result<Vec<Group>, Unavailable> {
        let found = self
            .search(&self.holding(entry)?, None)
            .await?
            .complete(PURPOSE)?;
        found.iter().map(|found| self.group(found, Vec::new())).collect()
    }

    /// What a group that holds the person directly satisfies, one filter each.
    fn holding(&self, entry: &Entry) -> Result<Vec<String>, Unavailable> {
        let mut ways = match self.schema {
            Schema::Rfc2307 => vec![filter::equals("memberUid", entry.user.as_str())],
            Schema::Rfc2307bis => holding_dn(entry.dn()?),
            Schema::ActiveDirectory => {
                let dn = entry.dn()?;
                let primary = token_groups::primary_group(&entry.attributes).ok_or_else(|| {
                    unusable(&format!(
                        "the server shows no objectSid and primaryGroupID of {dn}: bind_dn must be allowed to read them"
                    ))
                })?;
                return Ok(vec![filter::equals("member", dn.as_str()), primary.filter()]);
            }
        };
        let primary = entry.attributes.get("gidnumber").into_iter().flatten();
        ways.extend(primary.map(|gid| filter::equals("gidNumber", gid)));
        Ok(ways)
    }

    /// The groups and all groups they are in, directly or not.
    async fn with_outer(&self, direct: Vec<Group>) -> Result<Vec<Group>, Unavailable> {
        let mut known: HashSet<Dn> = direct.iter().map(|group| group.dn.clone()).collect();
        let mut all = Vec::new();
        let mut level = direct;
        for _ in 0..DEPTH_MAX {
            if level.is_empty() {
                return Ok(all);
            }
            let mut outer = self.holding_level(&level).await?;
            // A group already known closes a cycle, or is reached by a shorter path.
            outer.retain(|group| known.insert(group.dn.clone()));
            if known.len() > GROUPS_MAX {
                return Err(unusable(&format!("a user is in more than {GROUPS_MAX} groups")));
            }
            all.append(&mut level);
            level = outer;
        }
        Err(unusable(&format!("groups are nested deeper than {DEPTH_MAX}")))
    }

    /// The groups that hold a group of this level.
    async fn holding_level(&self, level: &[Group]) -> Result<Vec<Group>, Unavailable> {
        let bytes = |group: &Group| holding_dn(&group.dn).iter().map(String::len).sum();
        let mut outer = Vec::new();
        for run in filter::in_runs(level, bytes) {
            match self.holding_run(run).await? {
                Some(groups) => outer.extend(groups),
                None => {
                    for inner in run {
                        outer.extend(self.holding_one(inner).await?);
                    }
                }
            }
        }
        Ok(outer)
    }

    /// The groups that hold any group of this run, each with its path; nothing if the server cannot tell the path.
    async fn holding_run(&self, run: &[Group]) -> Result<Option<Vec<Group>>, Unavailable> {
        if let [one] = run {
            return self.holding_one(one).await.map(Some);
        }
        if self.no_matched_values.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let ways: Vec<String> = run.iter().flat_map(|group| holding_dn(&group.dn)).collect();
        let values = format!("(({}=*){})", self.schema.group_name(), ways.concat());
        let answer = self.search(&ways, Some(values)).await?;
        if answer.code == UNKNOWN_CONTROL {
            self.no_matched_values.store(true, Ordering::Relaxed);
            return Ok(None);
        }
        let mut groups = Vec::new();
        for found in answer.complete(PURPOSE)? {
            let members = MEMBER_ATTRIBUTES
                .iter()
                .filter_map(|name| found.attributes.get(*name))
                .flatten()
                .filter_map(|member| Dn::new(member).ok());
            let holds: HashSet<Dn> = members.collect();
            let Some(inner) = run.iter().find(|group| holds.contains(&group.dn)) else {
                // The service account may search members but not read them.
                return Ok(None);
            };
            groups.push(self.group(&found, path(inner))?);
        }
        Ok(Some(groups))
    }

    /// The groups that hold this group.
    async fn holding_one(&self, inner: &Group) -> Result<Vec<Group>, Unavailable> {
        let answer = self.search(&holding_dn(&inner.dn), None).await?;
        let found = answer.complete(PURPOSE)?;
        found.iter().map(|found| self.group(found, path(inner))).collect()
    }

    /// The groups that satisfy a filter.
    async fn search(&self, which: &[String], values: Option<String>) -> Result<Answer, Unavailable> {
        let mut attributes = vec![self.schema.group_name().to_owned()];
        if values.is_some() {
            attributes.extend(MEMBER_ATTRIBUTES.map(str::to_owned));
        }
        let mut answer = self
            .servers
            .search(Query {
                purpose: PURPOSE,
                base: self.base.clone(),
                extent: Extent::All,
                filter: filter::both(self.filter.as_str(), &filter::any_of(which)),
                attributes,
                values,
            })
            .await?;
        if self.schema == Schema::ActiveDirectory {
            answer.forget_other_partitions();
        }
        Ok(answer)
    }

    fn group(&self, found: &Found, via: Vec<GroupName>) -> Result<Group, Unavailable> {
        Group::read(found, self.schema.group_name(), via)
    }

    /// One membership for each name of each group.
    async fn memberships(&self, groups: Vec<Group>) -> Result<Vec<Membership>, Unavailable> {
        let seen: Vec<(GroupName, Dn)> = groups
            .iter()
            .flat_map(|group| group.names.iter().map(|name| (name.clone(), group.dn.clone())))
            .collect();
        let mut unique = self.names.look_up(&seen);
        let unknown: HashSet<String> = seen
            .iter()
            .zip(&unique)
            .filter(|(_, unique)| unique.is_none())
            .map(|((name, _), _)| name.folded().to_owned())
            .collect();
        if !unknown.is_empty() {
            let holders = self.holders(unknown.into_iter().collect()).await?;
            // Counts for all groups of these names, also those that had them to themselves a moment ago.
            for ((name, dn), unique) in seen.iter().zip(&mut unique) {
                if let Some(groups) = holders.get(name.folded()) {
                    *unique = Some(groups.len() == 1 && groups.contains(dn));
                }
            }
            self.names.keep(holders);
        }
        let vias = groups
            .into_iter()
            .flat_map(|group| vec![group.via; group.names.len()]);
        Ok(seen
            .into_iter()
            .zip(vias)
            .zip(unique)
            .map(|(((name, dn), via), unique)| Membership {
                name,
                dn: Some(dn),
                via,
                unique: unique.unwrap_or(false),
            })
            .collect())
    }

    /// The groups that have these names (in lower case); every name has an answer.
    pub async fn holders(&self, names: Vec<String>) -> Result<Holders, Unavailable> {
        let mut holders = Holders::new();
        let called = |name: &String| filter::equals(self.schema.group_name(), name);
        for run in filter::in_runs(&names, |name| called(name).len()) {
            let ways: Vec<String> = run.iter().map(called).collect();
            for found in self.search(&ways, None).await?.complete(PURPOSE)? {
                let group = self.group(&found, Vec::new())?;
                for name in group.names {
                    holders
                        .entry(name.folded().to_owned())
                        .or_default()
                        .insert(group.dn.clone());
                }
            }
        }
        // A group has names that nobody asked for; whether those are unique was not asked either.
        let asked: HashSet<String> = names.into_iter().collect();
        holders.retain(|name, _| asked.contains(name));
        for name in asked {
            holders.entry(name).or_default();
        }
        Ok(holders)
    }
}

/// What a group that holds this DN satisfies, one filter each.
fn holding_dn(dn: &Dn) -> Vec<String> {
    MEMBER_ATTRIBUTES
        .iter()
        .map(|attribute| filter::equals(attribute, dn.as_str()))
        .collect()
}

/// The path of a group that holds `inner`.
fn path(inner: &Group) -> Vec<GroupName> {
    let step = inner.names.first().cloned();
    inner.via.iter().cloned().chain(step).collect()
}

impl Group {
    /// A group from its entry, named by this attribute. One that cannot be named cannot be matched by a rule, not
    /// even by a deny rule, so it is an error and not left out.
    pub fn read(found: &Found, name: &str, via: Vec<GroupName>) -> Result<Self, Unavailable> {
        let unnamed = |why: &str| unusable(&format!("the group {} {why}", found.dn));
        let dn = Dn::new(&found.dn).map_err(|invalid| unnamed(&invalid.to_string()))?;
        let names = found.attributes.get(name).map(Vec::as_slice).unwrap_or_default();
        let names = names
            .iter()
            .map(|name| GroupName::new(name).map_err(|invalid| unnamed(&invalid.to_string())))
            .collect::<Result<Vec<_>, _>>()?;
        if names.is_empty() {
            return Err(unnamed(&format!("has no readable {name}")));
        }
        Ok(Self { dn, names, via })
    }
}

/// What makes the groups of a person unusable.
pub(super) fn unusable(why: &str) -> Unavailable {
    Unavailable {
        cause: format!("{PURPOSE}: {why}"),
    }
}
