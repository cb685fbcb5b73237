//! Leases held against what the hosts tell: when to ask about one, and what becomes of it. Pure.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use super::found::Sight;
use super::ledger::Slot;
use crate::model::Now;
use crate::store::LeaseRecord;

/// Before this no session can be seen: the client has yet to dial the host.
const FIRST_LOOK: Duration = Duration::from_secs(3);
/// How long after its lease a session has to be seen. Users type a second password in this time.
const SEEN_WITHIN: Duration = Duration::from_mins(2);
/// Time between two looks at a session that was seen.
const LOOK_AGAIN: Duration = Duration::from_mins(5);
/// How long after its client said that it is over a session may still count as running on its host; one that does
/// after that is another one.
const SETTLED_WITHIN: Duration = Duration::from_secs(30);
/// Most leases of one session database that are looked at in one go.
const LOOKS_MAX: usize = 256;
/// How many of these are kept for leases whose session was seen, however many wait for theirs.
const LOOKS_KEPT: usize = 64;

/// What is known of a lease beside what must outlive a restart. A lease that is given anew has it anew.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Note {
    /// When it was last looked at, whether its host could tell or not.
    pub looked: Option<Now>,
    /// When its client said that the session is over. It may be suspended.
    pub finished: Option<Now>,
    /// Whether it may come to nothing without a fault of its host: its user may resume a session elsewhere, or starts
    /// nothing that a host has to tell of.
    pub excused: bool,
}

/// What is known of leases; of one that is not here, nothing.
pub(super) type Notes = HashMap<Slot, Note>;

impl Note {
    /// What is known of a lease after it was looked at and stays; none of its sessions `runs` any more, or one does.
    pub fn after_look(self, runs: bool, now: Now) -> Self {
        let open = |finished: &Now| runs && now.since(*finished) < SETTLED_WITHIN;
        Self {
            looked: Some(now),
            finished: self.finished.filter(open),
            ..self
        }
    }
}

/// Forgets what is known of leases but these.
pub(super) fn forget_ended<'l>(notes: &mut Notes, leases: impl IntoIterator<Item = &'l LeaseRecord>) {
    let slots: HashSet<Slot> = leases.into_iter().map(Slot::of_lease).collect();
    notes.retain(|slot, _| slots.contains(slot));
}

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

/// What becomes of a lease of whose host this was told; `finished` says whether its client said that it is over, and
/// `lasts` is how long a lease lasts without news. That its host does not know the user ends no session that was seen.
pub(super) fn verdict(
    lease: &LeaseRecord,
    sight: Sight,
    finished: bool,
    lasts: Duration,
    now: Now,
) -> Verdict {
    if matches!(sight, Sight::Sessions(_)) {
        let half_over = lease.expires <= now.plus(lasts / 2);
        return if lease.confirmed.is_none() || half_over {
            Verdict::Confirm
        } else {
            Verdict::Keep
        };
    }
    match lease.confirmed {
        _ if finished => Verdict::End,
        // A lease given anew may be for a session that is about to begin, whatever was before.
        _ if now.since(lease.since) < SEEN_WITHIN => Verdict::Keep,
        Some(_) if sight == Sight::NoUser => Verdict::Keep,
        Some(_) => Verdict::End,
        None => Verdict::ComeToNothing,
    }
}

/// Those of the leases that are to be looked at now: what waits for its session and what may be over first, then the
/// others; of each kind what was not looked at for longest, so that hosts that cannot tell keep no others waiting.
pub(super) fn due(leases: Vec<LeaseRecord>, notes: &Notes, now: Now) -> Vec<LeaseRecord> {
    let (mut waiting, mut lasting) = (Vec::new(), Vec::new());
    for lease in leases {
        let note = notes.get(&Slot::of_lease(&lease)).copied().unwrap_or_default();
        let looked_after = |event: Now| note.looked.map_or(event, |looked| event.max(looked));
        let (kind, from, wait, last) = match (lease.confirmed, note.finished) {
            (None, _) => {
                let last = looked_after(lease.since);
                (&mut waiting, lease.since, FIRST_LOOK, last)
            }
            (Some(_), Some(finished)) => {
                let last = looked_after(finished);
                (&mut waiting, last, FIRST_LOOK, last)
            }
            // Whoever confirmed it before the first look, it was not the host.
            (Some(confirmed), None) => match note.looked {
                None => (&mut lasting, confirmed, FIRST_LOOK, confirmed),
                Some(looked) => (&mut lasting, looked, LOOK_AGAIN, looked),
            },
        };
        if now.since(from) >= wait {
            kind.push((last, lease));
        }
    }
    waiting.sort_by_key(|(last, _)| *last);
    lasting.sort_by_key(|(last, _)| *last);
    waiting.truncate(LOOKS_MAX - lasting.len().min(LOOKS_KEPT));
    lasting.truncate(LOOKS_MAX - waiting.len());
    waiting
        .into_iter()
        .chain(lasting)
        .map(|(_, lease)| lease)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Account, FarmName, HostName, Source, UserName};
    use crate::placement::found::Seen;

    const LASTS: Duration = Duration::from_hours(8);

    fn sight(there: bool) -> Sight {
        let seen = Seen {
            age: Duration::from_secs(1),
            runs: true,
        };
        if there {
            Sight::Sessions(seen)
        } else {
            Sight::NoSession
        }
    }

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
        let verdict = |there, now| verdict(&waiting, sight(there), false, LASTS, now);
        assert_eq!(verdict(true, at(5)), Verdict::Confirm);
        assert_eq!(verdict(false, at(119)), Verdict::Keep);
        assert_eq!(verdict(false, at(120)), Verdict::ComeToNothing);
    }

    #[test]
    fn what_its_client_says_is_over_ends_as_soon_as_the_host_agrees() {
        for confirmed in [None, Some(500)] {
            let finished = lease("alice", 1000, confirmed);
            assert_eq!(
                verdict(&finished, sight(false), true, LASTS, at(1004)),
                Verdict::End
            );
            assert_ne!(
                verdict(&finished, sight(true), true, LASTS, at(1004)),
                Verdict::End
            );
        }
    }

    #[test]
    fn a_session_that_may_be_over_is_looked_at_until_it_is_known() {
        let mut notes = Notes::new();
        let over = lease("alice", 0, Some(10));
        let said = Note {
            looked: Some(at(990)),
            finished: Some(at(1000)),
            excused: false,
        };
        notes.insert(Slot::of_lease(&over), said);
        let mut is_due = |note: Note, now| {
            notes.insert(Slot::of_lease(&over), note);
            !due(vec![over.clone()], &notes, now).is_empty()
        };
        assert!(!is_due(said, at(1002)));
        assert!(is_due(said, at(1003)));
        // The host does not know yet.
        let looked = said.after_look(true, at(1003));
        assert!(!is_due(looked, at(1005)));
        assert!(is_due(looked, at(1006)));
        for settled in [
            looked.after_look(false, at(1006)),
            looked.after_look(true, at(1030)),
        ] {
            assert_eq!(settled.finished, None);
            assert!(!is_due(settled, at(1300)));
            assert!(is_due(settled, at(1330)));
        }
    }

    #[test]
    fn a_lease_ends_with_its_session_and_not_before() {
        let confirmed = lease("alice", 1000, Some(500));
        let verdict = |there, now| verdict(&confirmed, sight(there), false, LASTS, now);
        assert_eq!(verdict(true, at(2000)), Verdict::Keep);
        assert_eq!(verdict(true, at(5 * 3600)), Verdict::Confirm);
        // Given anew a minute ago: the next session is about to begin.
        assert_eq!(verdict(false, at(1060)), Verdict::Keep);
        assert_eq!(verdict(false, at(1200)), Verdict::End);
    }

    #[test]
    fn a_host_that_does_not_know_the_user_ends_no_session_that_was_seen() {
        let no_user =
            |lease: &LeaseRecord, finished| verdict(lease, Sight::NoUser, finished, LASTS, at(2000));
        assert_eq!(no_user(&lease("alice", 1000, Some(500)), false), Verdict::Keep);
        assert_eq!(no_user(&lease("alice", 1000, Some(500)), true), Verdict::End);
        assert_eq!(
            no_user(&lease("alice", 1000, None), false),
            Verdict::ComeToNothing
        );
    }

    #[test]
    fn many_that_wait_keep_no_others_waiting() {
        let mut notes = Notes::new();
        let mut leases: Vec<_> = (0..300)
            .map(|number| lease(&format!("user{number}"), 0, None))
            .collect();
        leases.push(lease("new", 900, None));
        leases.push(lease("seen", 0, Some(10)));
        let mut looks = |now| {
            let due = due(leases.clone(), &notes, now);
            for lease in &due {
                let note = notes.entry(Slot::of_lease(lease)).or_default();
                note.looked = Some(now);
            }
            assert_eq!(due.len(), LOOKS_MAX);
            move |user: &str| due.iter().any(|lease| lease.account.user.as_str() == user)
        };
        let first = looks(at(1000));
        assert!(first("seen") && !first("new"));
        assert!(looks(at(1001))("new"));
    }

    #[test]
    fn what_waits_comes_first_and_there_is_a_bound() {
        let mut notes = Notes::new();
        let looked = |second| Note::default().after_look(true, at(second));
        let gone = lease("gone", 0, Some(0));
        notes.insert(Slot::of_lease(&gone), looked(0));
        let old = lease("old", 0, Some(10));
        let looked_at = lease("looked-at", 0, Some(10));
        notes.insert(Slot::of_lease(&looked_at), looked(900));
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
        forget_ended(&mut notes, &leases);
        assert_eq!(notes.len(), 1, "only the look at a lease that is still there");
        assert_eq!(names(due(leases, &notes, at(1000))), ["first", "second", "old"]);
        let many = (0..1000).map(|number| lease(&format!("user{number}"), 0, None));
        assert_eq!(due(many.collect(), &notes, at(1000)).len(), LOOKS_MAX);
    }
}
