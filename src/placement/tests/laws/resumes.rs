//! Selects of people who have a session to go on with.

use super::*;
use crate::placement::Resumable;

/// When all sessions began, and a count that has them.
const BEGAN: usize = 0;
const COUNTED: usize = 10;

/// A farm of hosts with so many sessions each, which are given one start an hour.
fn hurried(sessions: &[u32]) -> Known {
    let mut known = Known::new("lab", sessions.len());
    let within = Duration::from_hours(1);
    known.farm.starts_per_host = Some(Limit { count: 1, within });
    for (host, sessions) in sessions.iter().enumerate() {
        known.counted[host] = Some(Counted {
            sessions: *sessions,
            at: moment(COUNTED),
        });
    }
    known
}

/// What a select knows whose user has a session on each of these hosts.
fn with_sessions<'k>(known: &'k Known, hosts: &[usize]) -> FarmFacts<'k> {
    let session = |host: &usize| Resumable {
        host: known.farm.hosts[*host].name.clone(),
        began: moment(BEGAN),
    };
    FarmFacts {
        resumable: hosts.iter().map(session).collect(),
        ..known.facts()
    }
}

/// How many starts each host was given.
fn starts(known: &Known, ledger: &Ledger, now: Now) -> Vec<u32> {
    let limit = known.farm.starts_per_host.unwrap();
    let facts = known.facts();
    let starts = facts.hosts.iter().map(|host| ledger.starts(host, limit, now));
    starts.collect()
}

proptest! {
    /// However many resume, and whatever is started between: they use up no start and add no load where their session
    /// is, and they are sent there as long as the host takes anything.
    #[test]
    fn who_resumes_takes_nothing_from_those_who_start(
        states in prop::collection::vec((any::<bool>(), any::<bool>()), 2..5),
        selects in prop::collection::vec((0..40_usize, any::<bool>(), any::<prop::sample::Index>(), any::<u64>()), 1..80),
    ) {
        let mut known = hurried(&vec![20; states.len()]);
        for (host, (draining, backed_off)) in states.iter().enumerate() {
            known.states[host] = (true, *draining, *backed_off);
        }
        let mut ledger = Ledger::default();
        let mut homes = BTreeMap::new();
        for (number, (user, resumes, home, random)) in selects.into_iter().enumerate() {
            let now = moment(COUNTED + 1 + number);
            // The one half have a session each, on a host that does not change.
            let user = 2 * user + usize::from(resumes);
            let home = *homes.entry(user).or_insert_with(|| home.index(known.states.len()));
            let before = (known.loads(&ledger, now), starts(&known, &ledger, now));
            let account = account(&format!("user{user}"));
            let farm = if resumes { with_sessions(&known, &[home]) } else { known.facts() };
            let placed = ledger.reserve(&account, &session_user(), &[farm], now, random);
            let after = (known.loads(&ledger, now), starts(&known, &ledger, now));
            if !resumes {
                continue;
            }
            prop_assert_eq!(&after.1, &before.1);
            if known.states[home] == (true, false, false) {
                prop_assert_eq!(known.index(&placed.unwrap().lease), home);
                prop_assert_eq!(after.0, before.0);
            }
        }
    }
}

#[test]
fn four_hundred_who_resume_leave_the_starts_to_one_who_has_nothing_to_resume() {
    let known = hurried(&[200, 200]);
    let mut ledger = Ledger::default();
    for user in 0..400 {
        let farms = [with_sessions(&known, &[user % 2])];
        let account = account(&format!("user{user}"));
        ledger
            .reserve(&account, &session_user(), &farms, moment(COUNTED + 1), 0)
            .unwrap();
    }
    assert_eq!(known.loads(&ledger, moment(COUNTED + 2)), [200, 200]);
    for user in ["alice", "bob"] {
        let placed = ledger.reserve(
            &account(user),
            &session_user(),
            &[known.facts()],
            moment(COUNTED + 2),
            0,
        );
        placed.unwrap();
    }
    // Now that both hosts have theirs, who resumes is still told of the own host.
    let farms = [with_sessions(&known, &[1])];
    let placed = ledger.reserve(&account("carol"), &session_user(), &farms, moment(COUNTED + 3), 0);
    assert_eq!(known.index(&placed.unwrap().lease), 1);
}

#[test]
fn a_second_session_counts_with_the_next_count_and_its_end_is_taken_off() {
    let mut known = hurried(&[5]);
    let mut ledger = Ledger::default();
    let alice = slot(1, &known.farm.name);
    for second in 1..3 {
        let farms = [with_sessions(&known, &[0])];
        let reserved = ledger.reserve(
            &alice.account,
            &session_user(),
            &farms,
            moment(COUNTED + second),
            0,
        );
        assert_eq!(reserved.unwrap().lease.confirmed, Some(moment(BEGAN)));
        assert_eq!(known.loads(&ledger, moment(COUNTED + second)), [5]);
    }
    // Alice started another one beside it.
    let counted = moment(COUNTED + 20);
    known.counted[0] = Some(Counted {
        sessions: 6,
        at: counted,
    });
    assert_eq!(known.loads(&ledger, counted), [6]);
    let ended = moment(COUNTED + 30);
    ledger.end(&alice, Some(ended), ended);
    assert_eq!(known.loads(&ledger, ended), [5]);
}

#[test]
fn a_session_whose_host_takes_nothing_new_has_its_lease_elsewhere() {
    let mut known = hurried(&[3, 3]);
    known.states[0].1 = true;
    let mut ledger = Ledger::default();
    let farms = [with_sessions(&known, &[0])];
    let now = moment(COUNTED + 1);
    let reserved = ledger
        .reserve(&account("alice"), &session_user(), &farms, now, 0)
        .unwrap();
    assert_eq!(known.index(&reserved.lease), 1);
    assert_eq!(
        reserved.lease.confirmed, None,
        "what may begin there waits to be seen"
    );
    assert_eq!(known.loads(&ledger, now), [3, 4]);
    assert_eq!(starts(&known, &ledger, now), [0, 0]);
}
