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
use super::nesting::{Climb, Group, PURPOSE, unusable};
use super::search::{Answer, Extent, Query};
use super::servers::Servers;
use super::settings::{Filter, Schema, Settings};
use super::sync::Synced;
use super::sync::copy::Copy;
use super::way::Way;

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
    /// Answers instead of the server where it can.
    copy: Arc<Synced>,
}

impl Groups {
    /// Prepares the searches.
    pub fn new(settings: &Settings, servers: Arc<Servers>) -> Self {
        let by_tokens = settings.nested_groups && settings.schema == Schema::ActiveDirectory;
        Self {
            copy: Arc::new(Synced::new(servers.shared_health())),
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

    /// The groups in memory, which are none until somebody follows the server's.
    pub fn copy(&self) -> Arc<Synced> {
        Arc::clone(&self.copy)
    }

    /// All groups of the person.
    pub async fn of(&self, entry: &Entry) -> Result<Vec<Membership>, Unavailable> {
        if let Some(tokens) = &self.tokens {
            return self.memberships(tokens.of(entry).await?).await;
        }
        let ways = self.ways(entry)?;
        if let Some(answer) = self.copy.ask(|copy| self.in_memory(copy, &ways)) {
            return answer;
        }
        let filters: Vec<String> = ways.iter().flat_map(|way| way.filters(self.schema)).collect();
        let found = self.search(&filters, None).await?.complete(PURPOSE)?;
        let read = |found| Group::read(found, self.schema, Vec::new());
        let mut climb = Climb::from(found.iter().map(read).collect::<Result<_, _>>()?);
        while self.nested && !climb.level().is_empty() {
            let outer = self.holding_level(climb.level()).await?;
            climb.rise(outer)?;
        }
        self.memberships(climb.all()).await
    }

    /// The same from the copy.
    fn in_memory(&self, copy: &Copy, ways: &[Way]) -> Result<Vec<Membership>, Unavailable> {
        let mut climb = Climb::from(copy.holding(ways)?);
        while self.nested && !climb.level().is_empty() {
            let outer = copy.holding_level(climb.level())?;
            climb.rise(outer)?;
        }
        let memberships = |group: &Group| group.memberships(|name| copy.is_unique(name));
        Ok(climb.all().iter().flat_map(memberships).collect())
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

    /// In what ways a group holds the person directly.
    fn ways(&self, entry: &Entry) -> Result<Vec<Way>, Unavailable> {
        let numbers = || entry.attributes.get("gidnumber").into_iter().flatten().cloned();
        let (by_member, as_primary) = match self.schema {
            Schema::Rfc2307 => (
                Way::Name(entry.user.as_str().to_owned()),
                numbers().map(Way::Number).collect(),
            ),
            Schema::Rfc2307bis => (Way::Dn(entry.dn()?.clone()), numbers().map(Way::Number).collect()),
            Schema::ActiveDirectory => {
                let dn = entry.dn()?;
                let primary = token_groups::primary_group(&entry.attributes).ok_or_else(|| {
                    unusable(&format!(
                        "the server shows no objectSid and primaryGroupID of {dn}: bind_dn must be allowed to read \
                         them"
                    ))
                })?;
                (Way::Dn(dn.clone()), vec![Way::Sid(primary)])
            }
        };
        Ok([vec![by_member], as_primary].concat())
    }

    /// The groups that hold a group of this level.
    async fn holding_level(&self, level: &[Group]) -> Result<Vec<Group>, Unavailable> {
        let bytes = |group: &Group| self.holding(group).iter().map(String::len).sum();
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
        let ways: Vec<String> = run.iter().flat_map(|group| self.holding(group)).collect();
        let named = filter::present(self.schema.group_name());
        let values = format!("({named}{})", ways.concat());
        let answer = self.search(&ways, Some(values)).await?;
        if answer.code == UNKNOWN_CONTROL {
            self.no_matched_values.store(true, Ordering::Relaxed);
            return Ok(None);
        }
        // The server finds members however they are spelled.
        let keys: Vec<String> = run.iter().map(|group| Way::Dn(group.dn.clone()).key()).collect();
        let mut groups = Vec::new();
        for found in answer.complete(PURPOSE)? {
            let values = Way::member_attributes(self.schema)
                .iter()
                .filter_map(|name| found.attributes.get(*name).map(|values| (*name, values)));
            let ways = values
                .flat_map(|(name, values)| values.iter().filter_map(|value| Way::of_value(name, value)));
            let holds: HashSet<String> = ways.map(|way| way.key()).collect();
            let Some((inner, _)) = run.iter().zip(&keys).find(|(_, key)| holds.contains(*key)) else {
                // The service account may search members but not read them.
                return Ok(None);
            };
            groups.push(Group::read(&found, self.schema, inner.path())?);
        }
        Ok(Some(groups))
    }

    /// The groups that hold this group.
    async fn holding_one(&self, inner: &Group) -> Result<Vec<Group>, Unavailable> {
        let answer = self.search(&self.holding(inner), None).await?;
        let read = |found| Group::read(found, self.schema, inner.path());
        answer.complete(PURPOSE)?.iter().map(read).collect()
    }

    /// What a group satisfies that holds this group, one filter each.
    fn holding(&self, inner: &Group) -> Vec<String> {
        Way::Dn(inner.dn.clone()).filters(self.schema)
    }

    /// The groups that satisfy a filter.
    async fn search(&self, which: &[String], values: Option<String>) -> Result<Answer, Unavailable> {
        let mut attributes = vec![self.schema.group_name().to_owned()];
        if values.is_some() {
            attributes.extend(
                Way::member_attributes(self.schema)
                    .iter()
                    .map(|name| (*name).to_owned()),
            );
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
        let mut unique = unique.into_iter().map(|unique| unique.unwrap_or(false));
        let memberships = |group: &Group| group.memberships(|_| unique.next().unwrap_or(false));
        Ok(groups.iter().flat_map(memberships).collect())
    }

    /// The groups that have these names (in lower case); every name has an answer.
    pub async fn holders(&self, names: Vec<String>) -> Result<Holders, Unavailable> {
        let mut holders = Holders::new();
        let called = |name: &String| filter::equals(self.schema.group_name(), name);
        for run in filter::in_runs(&names, |name| called(name).len()) {
            let ways: Vec<String> = run.iter().map(called).collect();
            for found in self.search(&ways, None).await?.complete(PURPOSE)? {
                let group = Group::read(&found, self.schema, Vec::new())?;
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
