//! The decision of a select: the account's own host again, or the best one. Pure.

use super::answer::FullFarm;
use super::choose::{Candidate, Obstacle, choose};
use super::facts::{FarmFacts, HostFacts};
use super::ledger::Ledger;
use super::{NoHost, Placement};
use crate::agent::AgentKind;
use crate::model::{Account, HostName, Now, SessionUser};
use crate::store::LeaseRecord;

/// A lease that the ledger has counted and nobody has kept yet.
#[derive(Debug)]
pub struct Reservation {
    /// The lease.
    pub lease: LeaseRecord,
    /// Where it is.
    pub placement: Placement,
    /// Whether it counts as a start of its host.
    pub(super) starts: bool,
    /// The account's lease before in the same farm.
    pub(super) replaced: Option<LeaseRecord>,
    /// The account's lease before in another farm, which is given up for it.
    pub(super) left: Option<LeaseRecord>,
}

/// Where a select leads.
struct Found<'s, 'f> {
    farm: &'s FarmFacts<'f>,
    host: HostFacts<'f>,
    /// When the session of the lease was seen, where the lease goes on.
    confirmed: Option<Now>,
    /// Whether something new starts.
    starts: bool,
}

impl Ledger {
    /// Finds a host for an account and counts its lease: the host where the account has one, or the best of the first
    /// farm that has one. `farms` are that of the offer and then its fallbacks; `random` decides between equals.
    ///
    /// A lease goes on where its host answers. One whose session was not seen moves from a host that is drained, and
    /// from one that is backed off if another host takes it. Where an agent tells of sessions and one was seen, a
    /// select that comes here starts another session: the same host is taken for it if it takes any.
    ///
    /// Who may resume a session most likely does, so the lease is no start; on the host of that session it stands for
    /// that one, and adds no load. A second session there counts as soon as the host tells of it.
    ///
    /// # Errors
    /// Says why there is no host; nothing was changed then.
    pub fn reserve(
        &mut self,
        account: &Account,
        session_user: &SessionUser,
        farms: &[FarmFacts<'_>],
        now: Now,
        random: u64,
    ) -> Result<Reservation, NoHost> {
        self.expire(now);
        if let Some((farm, (sessions, most))) = farms.first().and_then(|farm| Some((farm, user_bound(farm)?)))
        {
            return Err(NoHost::TooManySessions {
                farm: farm.settings.name.clone(),
                sessions,
                most,
            });
        }
        let held = held(self, account, farms);
        let found = match held.and_then(|lease| goes_on(self, lease, farms, now)) {
            Some(found) => found,
            None => anew(self, account, farms, now, random)?,
        };
        let settings = found.farm.settings;
        let offered = farms.first().map_or(&settings.name, |farm| &farm.settings.name);
        let host = &found.host.host.name;
        let renewed = held.filter(|held| (&held.farm, &held.host) == (&settings.name, host));
        let resumed = found.farm.resumable_on(host).filter(|_| found.starts);
        let resumed = resumed.map(|session| renewed.and_then(|held| held.confirmed).unwrap_or(session.began));
        let lease = LeaseRecord {
            account: account.clone(),
            farm: settings.name.clone(),
            offered: offered.clone(),
            host: host.clone(),
            session_user: Some(session_user.clone()),
            since: now,
            confirmed: found.confirmed.or(resumed),
            expires: now.plus(settings.assumed_session),
        };
        let placement = Placement::new(settings, found.host.host, renewed.is_some());
        let left = held.filter(|held| held.farm != lease.farm).cloned();
        let resumes = farms.iter().any(|farm| !farm.resumable.is_empty());
        let limit = settings.starts_per_host.filter(|_| found.starts && !resumes);
        let replaced = self.replace(left.as_ref(), &lease, limit, now);
        Ok(Reservation {
            lease,
            placement,
            starts: limit.is_some(),
            replaced,
            left,
        })
    }

    /// The hosts of a farm on which something new can start, with the load of each.
    pub(super) fn open_hosts(&self, farm: &FarmFacts<'_>, now: Now) -> Vec<(HostName, u32)> {
        let candidates = self.candidates(farm, now).into_iter();
        candidates
            .filter(|candidate| candidate.obstacle.is_none())
            .map(|candidate| (candidate.facts.host.name.clone(), candidate.load))
            .collect()
    }

    /// Whether an account could be given a host in one of these farms, which are that of the offer and its fallbacks. A
    /// host that was given its `starts_per_host` has room: the next one starts there in a moment.
    pub(super) fn has_room(&self, account: &Account, farms: &[FarmFacts<'_>], now: Now) -> bool {
        let goes_on = held(self, account, farms).and_then(|lease| goes_on(self, lease, farms, now));
        let mut candidates = farms.iter().flat_map(|farm| self.candidates(farm, now));
        goes_on.is_some()
            || candidates.any(|candidate| matches!(candidate.obstacle, None | Some(Obstacle::Hurried)))
    }

    fn candidates<'f>(&self, farm: &FarmFacts<'f>, now: Now) -> Vec<Candidate<'f>> {
        let candidate = |facts: &HostFacts<'f>| {
            let load = self.load(facts, now);
            let most = farm.settings.max_sessions_per_host;
            // Who resumes a session there starts nothing.
            let resumes = farm.resumable_on(&facts.host.name).is_some();
            let limit = farm.settings.starts_per_host.filter(|_| !resumes);
            let obstacle = if !facts.up {
                Some(Obstacle::Down)
            } else if facts.draining {
                Some(Obstacle::Draining)
            } else if most.is_some_and(|most| load >= most) {
                Some(Obstacle::Full)
            } else if limit.is_some_and(|limit| self.starts(facts, limit, now) >= u32::from(limit.count)) {
                Some(Obstacle::Hurried)
            } else {
                None
            };
            Candidate {
                facts: *facts,
                obstacle,
                load,
            }
        };
        farm.hosts.iter().map(candidate).collect()
    }
}

/// How many sessions the account has in a farm and may have, where these are as many.
fn user_bound(farm: &FarmFacts<'_>) -> Option<(u32, u32)> {
    let most = farm.settings.max_sessions_per_user?;
    (farm.sessions >= most).then_some((farm.sessions, most))
}

/// The account's lease in the farm of the offer, or the one that a fallback took for it.
fn held<'l>(ledger: &'l Ledger, account: &Account, farms: &[FarmFacts<'_>]) -> Option<&'l LeaseRecord> {
    let offered = &farms.first()?.settings.name;
    let leases = ledger.of(account);
    let there = leases.iter().find(|lease| lease.farm == *offered);
    there.or_else(|| leases.iter().find(|lease| lease.offered == *offered))
}

/// The host of a lease, where the lease goes on as it is.
fn goes_on<'s, 'f>(
    ledger: &Ledger,
    lease: &LeaseRecord,
    farms: &'s [FarmFacts<'f>],
    now: Now,
) -> Option<Found<'s, 'f>> {
    let farm = farms.iter().find(|farm| farm.settings.name == lease.farm)?;
    let host = *farm.host(&lease.host).filter(|host| host.up)?;
    if user_bound(farm).is_some() {
        return None;
    }
    let stays = match lease.confirmed {
        // Without an agent nobody can tell a session that is resumed from another one.
        Some(_) => farm.settings.agent == AgentKind::None,
        None if host.draining => false,
        None if host.backed_off => !farms.iter().any(|farm| {
            let mut candidates = ledger.candidates(farm, now).into_iter();
            candidates.any(|other| other.obstacle.is_none() && !other.facts.backed_off)
        }),
        None => true,
    };
    stays.then_some(Found {
        farm,
        host,
        confirmed: lease.confirmed,
        starts: false,
    })
}

/// The best host for something new: one that is not backed off in any farm before one that is.
fn anew<'s, 'f>(
    ledger: &Ledger,
    account: &Account,
    farms: &'s [FarmFacts<'f>],
    now: Now,
    random: u64,
) -> Result<Found<'s, 'f>, NoHost> {
    let mut looked_at = Vec::new();
    let mut refused = Vec::new();
    for farm in farms {
        let settings = farm.settings;
        if let user @ Some(_) = user_bound(farm) {
            refused.push(FullFarm {
                user,
                ..FullFarm::new(settings)
            });
            continue;
        }
        let candidates = ledger.candidates(farm, now);
        let held = ledger
            .of(account)
            .iter()
            .find(|lease| lease.farm == settings.name);
        let resumed = farm.resumable.first().map(|session| &session.host);
        let held = held.map(|held| &held.host);
        let preferred = resumed.or(held).or(farm.preferred.as_ref());
        if let Some(found) = found(farm, &candidates, preferred, false, random) {
            return Ok(found);
        }
        refused.push(tally(farm, &candidates));
        looked_at.push((farm, candidates, preferred));
    }
    looked_at
        .into_iter()
        .find_map(|(farm, candidates, preferred)| found(farm, &candidates, preferred, true, random))
        .ok_or(NoHost::NoneTakes(refused))
}

fn found<'s, 'f>(
    farm: &'s FarmFacts<'f>,
    candidates: &[Candidate<'f>],
    preferred: Option<&HostName>,
    backed_off_too: bool,
    random: u64,
) -> Option<Found<'s, 'f>> {
    let host = choose(candidates, preferred, backed_off_too, random)?;
    Some(Found {
        farm,
        host,
        confirmed: None,
        starts: true,
    })
}

fn tally(farm: &FarmFacts<'_>, candidates: &[Candidate<'_>]) -> FullFarm {
    let mut full = FullFarm::new(farm.settings);
    full.hosts = candidates.len();
    for candidate in candidates {
        match candidate.obstacle {
            Some(Obstacle::Down) => full.down += 1,
            Some(Obstacle::Draining) => full.draining += 1,
            Some(Obstacle::Full) => full.full += 1,
            Some(Obstacle::Hurried) => full.hurried += 1,
            // Only backed off: whoever has no other takes it.
            None => {}
        }
    }
    full
}
