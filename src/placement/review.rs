//! Leases held against what the hosts tell: when to ask about one, and what becomes of it. Pure.

use std::collections::HashMap;
use std::time::Duration;

use super::ledger::Slot;
use crate::model::Now;
use crate::store::LeaseRecord;

/// Before this no session can be seen: the client has yet to dial the host.
const FIRST_LOOK: Duration = Duration::from_secs(3);
/// How long after its lease a session has to be seen. Users type a second password in this time.
const SEEN_WITHIN: Duration = Duration::from_mins(2);
/// Time between two looks at a session that was seen.
const LOOK_AGAIN: Duration = Duration::from_mins(5);
/// Most leases that are looked at in one go.
const LOOKS_MAX: usize = 256;

/// When the leases that became sessions were last looked at.
pub(super) type Looks = HashMap<Slot, Now>;

/// What becomes of a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It stays as it is.
    Keep,
    /// Its session is there: it lasts on.
    Confirm,
    /// Its session was there and is gone.
    End,
    /// It never became a session.
    ComeToNothing,
}

/// What becomes of a lease whose host told whether a session of its user is `there`; `lasts` is how long a lease lasts
/// without news.
pub(super) fn verdict(lease: &LeaseRecord, there: bool, lasts: Duration, now: Now) -> Verdict {
    if there {
        let half_over = lease.expires <= now.plus(lasts / 2);
        return if lease.confirmed.is_none() || half_over {
            Verdict::Confirm
        } else {
            Verdict::Keep
        };
    }
    // A lease given anew may be for a session that is about to begin, whatever was before.
    match lease.confirmed {
        _ if now.since(lease.since) < SEEN_WITHIN => Verdict::Keep,
        Some(_) => Verdict::End,
        None => Verdict::ComeToNothing,
    }
}

/// Those of the leases that are to be looked at now: what waits for its session first, the oldest before the others;
/// then those whose last look is longest ago. Forgets the looks at leases that are no more.
pub(super) fn due(leases: Vec<LeaseRecord>, looks: &mut Looks, now: Now) -> Vec<LeaseRecord> {
    let slots: HashMap<Slot, &LeaseRecord> = leases
        .iter()
        .map(|lease| (Slot::of_lease(lease), lease))
        .collect();
    looks.retain(|slot, _| slots.contains_key(slot));
    drop(slots);
    let mut due: Vec<(bool, Now, LeaseRecord)> = leases
        .into_iter()
        .filter_map(|lease| match lease.confirmed {
            None => (now.since(lease.since) >= FIRST_LOOK).then_some((false, lease.since, lease)),
            Some(confirmed) => {
                // Whoever confirmed it before the first look, it was not the host.
                let last = looks.get(&Slot::of_lease(&lease)).copied();
                let wait = if last.is_some() { LOOK_AGAIN } else { FIRST_LOOK };
                let last = last.unwrap_or(confirmed);
                (now.since(last) >= wait).then_some((true, last, lease))
            }
        })
        .collect();
    due.sort_by_key(|(confirmed, last, _)| (*confirmed, *last));
    due.truncate(LOOKS_MAX);
    due.into_iter().map(|(_, _, lease)| lease).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Account, FarmName, HostName, Source, UserName};

    const LASTS: Duration = Duration::from_hours(8);

    fn at(second: i64) -> Now {
        Now::from_unix_ms(second * 1000)
    }

    fn lease(user: &str, since: i64, confirmed: Option<i64>) -> LeaseRecord {
        LeaseRecord {
            account: Account {
                source: Source::Ldap,
                user: UserName::new(user).unwrap(),
            },
            farm: FarmName::new("lab").unwrap(),
            offered: FarmName::new("lab").unwrap(),
            host: HostName::new("ts01").unwrap(),
            session_user: None,
            since: at(since),
            confirmed: confirmed.map(at),
            expires: at(since).plus(LASTS),
        }
    }

    #[test]
    fn a_lease_has_two_minutes_to_become_a_session() {
        let waiting = lease("alice", 0, None);
        assert_eq!(verdict(&waiting, true, LASTS, at(5)), Verdict::Confirm);
        assert_eq!(verdict(&waiting, false, LASTS, at(119)), Verdict::Keep);
        assert_eq!(verdict(&waiting, false, LASTS, at(120)), Verdict::ComeToNothing);
    }

    #[test]
    fn a_lease_ends_with_its_session_and_not_before() {
        let confirmed = lease("alice", 1000, Some(500));
        assert_eq!(verdict(&confirmed, true, LASTS, at(2000)), Verdict::Keep);
        assert_eq!(verdict(&confirmed, true, LASTS, at(5 * 3600)), Verdict::Confirm);
        // Given anew a minute ago: the next session is about to begin.
        assert_eq!(verdict(&confirmed, false, LASTS, at(1060)), Verdict::Keep);
        assert_eq!(verdict(&confirmed, false, LASTS, at(1200)), Verdict::End);
    }

    #[test]
    fn what_waits_comes_first_and_there_is_a_bound() {
        let mut looks = Looks::new();
        let gone = lease("gone", 0, Some(0));
        looks.insert(Slot::of_lease(&gone), at(0));
        let old = lease("old", 0, Some(10));
        let looked_at = lease("looked-at", 0, Some(10));
        looks.insert(Slot::of_lease(&looked_at), at(900));
        let leases = vec![
            old.clone(),
            looked_at.clone(),
            lease("new", 999, None),
            lease("second", 990, None),
            lease("first", 980, None),
        ];
        let names = |due: Vec<LeaseRecord>| -> Vec<_> {
            due.into_iter()
                .map(|lease| lease.account.user.to_string())
                .collect()
        };
        assert_eq!(
            names(due(leases, &mut looks, at(1000))),
            ["first", "second", "old"]
        );
        assert_eq!(looks.len(), 1, "only the look at a lease that is still there");
        let many = (0..1000).map(|number| lease(&format!("user{number}"), 0, None));
        assert_eq!(due(many.collect(), &mut looks, at(1000)).len(), LOOKS_MAX);
    }
}
