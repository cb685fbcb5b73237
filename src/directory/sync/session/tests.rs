use proptest::prelude::*;

use super::*;
use crate::directory::ber::{element, tag};
use crate::directory::sync::value;

const FIRST: &str = "20261122190054.000000Z#000000#000#000000";
const SECOND: &str = "20261122190056.000000Z#000000#000#000000";

fn message(id: u32, kind: u8, body: &[u8], controls: &[u8]) -> Vec<u8> {
    let id = element(tag::INTEGER, &[&[u8::try_from(id).unwrap()]]);
    element(tag::SEQUENCE, &[&id, &element(kind, &[body]), controls]).to_vec()
}

fn cookie(csn: &str) -> Vec<u8> {
    element(tag::OCTETS, &[format!("rid=000,csn={csn}").as_bytes()]).to_vec()
}

/// The end of the refresh of one search.
fn refreshed(id: u32, csn: Option<&str>) -> Vec<u8> {
    let phase = element(0xa1, &[&csn.map(cookie).unwrap_or_default()]);
    let body = [
        &element(0x80, &[value::INFO.as_bytes()])[..],
        &element(0x81, &[&phase]),
    ]
    .concat();
    message(id, 0x79, &body, &[])
}

fn new_cookie(id: u32, csn: &str) -> Vec<u8> {
    let info = element(0x80, &[format!("rid=000,csn={csn}").as_bytes()]);
    let body = [
        &element(0x80, &[value::INFO.as_bytes()])[..],
        &element(0x81, &[&info]),
    ]
    .concat();
    message(id, 0x79, &body, &[])
}

fn entry(id: u32, dn: &str, values: &[(&str, &str)], controls: &[u8]) -> Vec<u8> {
    let attributes: Vec<u8> = values
        .iter()
        .flat_map(|(name, value)| {
            let values = element(tag::SET, &[&element(tag::OCTETS, &[value.as_bytes()])]);
            element(
                tag::SEQUENCE,
                &[&element(tag::OCTETS, &[name.as_bytes()]), &values],
            )
            .to_vec()
        })
        .collect();
    let body = [
        &element(tag::OCTETS, &[dn.as_bytes()])[..],
        &element(tag::SEQUENCE, &[&attributes]),
    ]
    .concat();
    message(id, 0x64, &body, controls)
}

/// An entry with its state.
fn changed(id: u32, change: u8, uuid: u8, dn: &str) -> Vec<u8> {
    let state = element(
        tag::SEQUENCE,
        &[
            &element(tag::ENUMERATED, &[&[change]]),
            &element(tag::OCTETS, &[&[uuid; 16]]),
        ],
    );
    let control = element(
        tag::SEQUENCE,
        &[
            &element(tag::OCTETS, &[value::STATE.as_bytes()]),
            &element(tag::OCTETS, &[&state]),
        ],
    );
    entry(id, dn, &[("cn", "a")], &element(0xa0, &[&control]))
}

fn done(id: u32, code: u8) -> Vec<u8> {
    let body = [
        &element(tag::ENUMERATED, &[&[code]])[..],
        &element(tag::OCTETS, &[]),
        &element(tag::OCTETS, &[]),
    ]
    .concat();
    message(id, 0x65, &body, &[])
}

/// A session that has all groups, of a server that is that far.
fn complete(csn: Option<&str>) -> Session {
    let mut session = Session::new(Schema::Rfc2307bis);
    session.take(&refreshed(id::PLACES, csn)).unwrap();
    assert!(matches!(
        session.take(&refreshed(id::GROUPS, csn)),
        Ok(Step::AskMembers)
    ));
    assert!(matches!(
        session.take(&done(id::MEMBERS, 0)),
        Ok(Step::Compare(_))
    ));
    session
}

/// Sends a probe, and has the server answer that it is that far.
fn probed(session: &mut Session, csn: Option<&str>) -> Result<Instant, End> {
    let sent = Instant::now();
    session.probe(sent);
    if let Some(csn) = csn {
        session.take(&entry(id::PROBE, "dc=x", &[("contextCSN", csn)], &[]))?;
    }
    session.take(&done(id::PROBE, 0))?;
    Ok(sent)
}

#[test]
fn nothing_is_proven_before_all_groups_came() {
    let mut session = Session::new(Schema::Rfc2307bis);
    probed(&mut session, Some(FIRST)).unwrap();
    session.take(&refreshed(id::GROUPS, Some(FIRST))).unwrap();
    probed(&mut session, Some(FIRST)).unwrap();
    assert_eq!(session.proven(), None);
    let mut session = complete(Some(FIRST));
    assert_eq!(session.proven(), None);
    let sent = probed(&mut session, Some(FIRST)).unwrap();
    assert_eq!(session.proven(), Some(sent));
}

#[test]
fn a_probe_counts_once_both_searches_have_come_as_far() {
    let mut session = complete(Some(FIRST));
    let early = probed(&mut session, Some(FIRST)).unwrap();
    let late = probed(&mut session, Some(SECOND)).unwrap();
    assert_eq!(session.proven(), Some(early));
    session.take(&new_cookie(id::GROUPS, SECOND)).unwrap();
    assert_eq!(session.proven(), Some(early));
    assert!(session.is_in_doubt());
    session.take(&new_cookie(id::PLACES, SECOND)).unwrap();
    assert_eq!(session.proven(), Some(late));
    assert!(!session.is_in_doubt());
}

#[test]
fn a_probe_counts_after_more_of_them_with_nothing_in_between() {
    let mut session = complete(Some(FIRST));
    let sent = probed(&mut session, Some(SECOND)).unwrap();
    for _ in 1..QUIET_PROBES {
        probed(&mut session, Some(SECOND)).unwrap();
    }
    assert_eq!(session.proven(), None);
    session.take(&new_cookie(id::GROUPS, FIRST)).unwrap();
    // The first of these may have been on its way when the message came.
    for _ in 0..=QUIET_PROBES {
        assert_eq!(session.proven(), None);
        probed(&mut session, Some(SECOND)).unwrap();
    }
    assert_eq!(session.proven(), Some(sent));
    let next = probed(&mut session, Some(SECOND)).unwrap();
    assert_eq!(session.proven(), Some(next));
}

#[test]
fn a_server_without_numbers_proves_by_answering() {
    let mut session = complete(None);
    let sent = probed(&mut session, None).unwrap();
    assert_eq!(session.proven(), Some(sent));
    assert!(matches!(
        probed(&mut complete(Some(FIRST)), None),
        Err(End::Unfit(_))
    ));
}

#[test]
fn groups_come_and_go() {
    let mut session = Session::new(Schema::Rfc2307bis);
    let step = session.take(&changed(id::GROUPS, 1, 7, "cn=a,dc=x")).unwrap();
    assert!(matches!(step, Step::Put(uuid, record) if uuid == [7; 16] && record.dn() == "cn=a,dc=x"));
    let step = session.take(&changed(id::GROUPS, 3, 7, "cn=a,dc=x")).unwrap();
    assert!(matches!(step, Step::Remove(uuids) if uuids == [[7; 16]]));
}

#[test]
fn what_groups_lie_in_may_change_but_not_its_name() {
    let mut session = Session::new(Schema::Rfc2307bis);
    session.take(&changed(id::PLACES, 1, 7, "ou=a,dc=x")).unwrap();
    session.take(&refreshed(id::PLACES, None)).unwrap();
    session.take(&changed(id::PLACES, 2, 7, "ou=a,dc=x")).unwrap();
    session.take(&changed(id::PLACES, 1, 8, "ou=new,dc=x")).unwrap();
    for (change, uuid, dn) in [(2, 7, "ou=b,dc=x"), (2, 9, "ou=c,dc=x"), (3, 8, "ou=new,dc=x")] {
        let end = session.take(&changed(id::PLACES, change, uuid, dn));
        assert!(matches!(end, Err(End::Again(_))), "{dn}: {end:?}");
    }
}

#[test]
fn the_end_of_a_search_is_the_end() {
    for (code, again) in [(0, true), (12, false), (4, false), (53, true), (50, false)] {
        let end = Session::new(Schema::Rfc2307bis)
            .take(&done(id::GROUPS, code))
            .unwrap_err();
        assert_eq!(matches!(end, End::Again(_)), again, "{code}: {end:?}");
    }
}

#[test]
fn what_answers_nothing_ends_it() {
    let stateless = entry(id::GROUPS, "cn=a,dc=x", &[], &[]);
    for bytes in [
        stateless,
        done(id::PROBE, 0),
        done(id::MEMBERS, 0),
        done(77, 0),
        changed(id::GROUPS, 0, 1, "cn=a"),
        b"nonsense".to_vec(),
        Vec::new(),
    ] {
        assert!(
            matches!(Session::new(Schema::Rfc2307bis).take(&bytes), Err(End::Unfit(_))),
            "{bytes:?}"
        );
    }
}

proptest! {
    #[test]
    fn no_bytes_panic(messages in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..60), 0..5)) {
        let mut session = Session::new(Schema::Rfc2307bis);
        for message in messages {
            let _ = session.take(&message);
        }
    }

    /// Good messages in any order, some of them damaged: never a panic, and no proof without an answered probe.
    #[test]
    fn no_order_of_messages_panics_or_proves(
        picked in proptest::collection::vec((0_usize..11, proptest::option::of((0_usize..90, any::<u8>()))), 0..30)
    ) {
        let messages = [
            refreshed(id::GROUPS, Some(FIRST)), refreshed(id::PLACES, Some(FIRST)), new_cookie(id::GROUPS, SECOND),
            new_cookie(id::PLACES, SECOND), changed(id::GROUPS, 1, 1, "cn=a,dc=x"), changed(id::GROUPS, 3, 1, "cn=a,dc=x"),
            changed(id::PLACES, 1, 2, "ou=a,dc=x"), changed(id::PLACES, 2, 2, "ou=b,dc=x"),
            entry(id::MEMBERS, "cn=a,dc=x", &[], &[]), done(id::MEMBERS, 0), entry(id::PROBE, "dc=x", &[("contextCSN", SECOND)], &[]),
        ];
        let mut session = Session::new(Schema::Rfc2307bis);
        for (which, damage) in picked {
            let mut bytes = messages[which].clone();
            if let Some((at, byte)) = damage {
                let at = at % bytes.len();
                bytes[at] = byte;
            }
            let _ = session.take(&bytes);
        }
        prop_assert_eq!(session.proven(), None);
    }
}
