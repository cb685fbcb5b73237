//! What is sent arrives as it was sent, and what was not sent is refused.

use proptest::prelude::*;

use super::super::answers::{Dates, HostGroup, Refusal};
use super::super::limits::{FAIL_DELAY_MAX, LINES_MAX, TEXT_BYTES_MAX};
use super::super::load::PoolLoad;
use super::fields::REFUSALS;
use super::*;
use crate::model::Secret;

fn name() -> impl Strategy<Value = TypedName> {
    "[a-zA-Zäß._@\\\\ -]{0,60}x".prop_map(|name| TypedName::new(&name).unwrap())
}

fn password() -> impl Strategy<Value = Password> {
    "\\PC{1,120}".prop_map(|text| Password::new(Secret::new(text)).unwrap())
}

fn request() -> impl Strategy<Value = Request> {
    prop_oneof![
        Just(()).prop_map(|()| Request::Ping),
        name().prop_map(|name| Request::User { name }),
        (name(), password(), any::<IpAddr>()).prop_map(|(name, password, client)| {
            Request::Authenticate {
                name,
                password,
                client,
            }
        }),
        (name(), password(), password(), any::<IpAddr>()).prop_map(|(name, old, new, client)| {
            Request::ChangePassword {
                name,
                old,
                new,
                client,
            }
        }),
    ]
}

/// Everything that a request says.
fn said(request: &Request) -> String {
    match request {
        Request::Ping | Request::User { .. } => format!("{request:?}"),
        Request::Authenticate { password, .. } => format!("{request:?} {}", password.expose()),
        Request::ChangePassword { old, new, .. } => {
            format!("{request:?} {} {}", old.expose(), new.expose())
        }
    }
}

fn load() -> impl Strategy<Value = PoolLoad> {
    (any::<[u32; 3]>(), any::<[u64; 3]>()).prop_map(
        |([slots, busy, waiting], [taken, turned_away, waited])| PoolLoad {
            slots,
            busy,
            waiting,
            taken,
            turned_away,
            waited: Duration::from_micros(waited),
        },
    )
}

fn lines() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec(".{0,40}", 0..=LINES_MAX)
}

fn refusal() -> impl Strategy<Value = Refusal> {
    prop::sample::select(REFUSALS.to_vec())
}

fn user() -> impl Strategy<Value = HostUser> {
    let group = (".{0,30}", any::<u32>()).prop_map(|(name, gid)| HostGroup { name, gid });
    let groups = prop::collection::vec(group, 0..20);
    let gecos = prop::option::of(".{1,40}");
    let day = || prop::option::of(0..u32::MAX);
    let dates = (day(), day()).prop_map(|(password_changed, expires)| Dates {
        password_changed,
        expires,
    });
    (
        ".{0,40}",
        any::<u32>(),
        any::<u32>(),
        ".{0,40}",
        gecos,
        groups,
        dates,
    )
        .prop_map(|(name, uid, gid, home, gecos, groups, dates)| HostUser {
            name,
            uid,
            gid,
            home,
            gecos,
            groups,
            dates,
        })
}

fn delay() -> impl Strategy<Value = Duration> {
    (0..=10_000u64).prop_map(Duration::from_millis)
}

fn reply() -> impl Strategy<Value = Reply> {
    let verdict = prop_oneof![
        (".{0,40}", any::<bool>(), lines()).prop_map(|(user, must_change, said)| Verdict::Right {
            user,
            must_change,
            said
        }),
        Just(Verdict::Wrong),
        Just(Verdict::Unknown),
        (refusal(), lines()).prop_map(|(why, said)| Verdict::Refused { why, said }),
    ];
    let change = prop_oneof![
        ".{0,40}".prop_map(|user| Change::Changed { user }),
        Just(Change::Wrong),
        Just(Change::Unknown),
        (refusal(), lines()).prop_map(|(why, said)| Change::Refused { why, said }),
        lines().prop_map(|said| Change::Rejected { said }),
    ];
    prop_oneof![
        Just(Reply::Pong),
        prop::option::of(user()).prop_map(Reply::User),
        (verdict, delay()).prop_map(|(verdict, delay)| Reply::Verdict { verdict, delay }),
        (change, delay()).prop_map(|(change, delay)| Reply::Change { change, delay }),
        (load(), load()).prop_map(|(transactions, lookups)| Reply::Load(Load {
            transactions,
            lookups
        })),
        (".{0,200}", any::<bool>()).prop_map(|(cause, sent)| Reply::Failed(Unreachable { cause, sent })),
    ]
}

proptest! {
    #[test]
    fn a_request_arrives_as_it_was_sent_and_never_in_part(sent in request(), cut in any::<prop::sample::Index>()) {
        let body = sent.encode();
        prop_assert!(body.len() <= REQUEST_BYTES_MAX);
        prop_assert_eq!(said(&Request::decode(&body).unwrap()), said(&sent));
        prop_assert!(Request::decode(&body[..cut.index(body.len())]).is_err());
        prop_assert!(Request::decode(&[&body[..], b"x"].concat()).is_err());
    }

    #[test]
    fn a_reply_arrives_as_it_was_sent_and_never_in_part(sent in reply(), cut in any::<prop::sample::Index>()) {
        let body = sent.encode();
        prop_assert_eq!(Reply::decode(&body), Ok(sent));
        prop_assert!(Reply::decode(&body[..cut.index(body.len())]).is_err());
        prop_assert!(Reply::decode(&[&body[..], b"x"].concat()).is_err());
    }

    #[test]
    fn garbage_is_survived(mut body in prop::collection::vec(any::<u8>(), 0..300), kind in 0..8u8) {
        let _ = (Request::decode(&body), Reply::decode(&body));
        // Past the first byte, which garbage seldom passes.
        body.insert(0, kind);
        let _ = (Request::decode(&body), Reply::decode(&body));
    }

    #[test]
    fn a_damaged_message_is_survived(sent in reply(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut body = sent.encode();
        let at = at.index(body.len());
        body[at] = byte;
        let _ = Reply::decode(&body);
    }
}

#[test]
fn the_longest_request_fits() {
    let password = || Password::new(Secret::new("x".repeat(512))).unwrap();
    let longest = Request::ChangePassword {
        name: TypedName::new(&"x".repeat(256)).unwrap(),
        old: password(),
        new: password(),
        client: "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255".parse().unwrap(),
    };
    let body = longest.encode();
    // A buffer that grew has left a copy of the passwords behind.
    assert!(body.capacity() == REQUEST_BYTES_MAX);
    assert!(Request::decode(&body).is_ok());
}

#[test]
fn what_is_too_long_is_no_partial_knowledge() {
    let group = |gid| HostGroup {
        name: "g".repeat(TEXT_BYTES_MAX),
        gid,
    };
    let user = HostUser {
        name: "alice".to_owned(),
        uid: 1000,
        gid: 1000,
        home: "/home/alice".to_owned(),
        gecos: None,
        groups: (0..600).map(group).collect(),
        dates: Dates::default(),
    };
    let body = Reply::User(Some(user)).encode();
    assert!(matches!(Reply::decode(&body), Ok(Reply::Failed(_))));
    let lines = vec!["ü".repeat(TEXT_BYTES_MAX); LINES_MAX + 1];
    let change = Change::Rejected { said: lines };
    let delay = Duration::from_hours(1);
    let Ok(Reply::Change { change, delay }) = Reply::decode(&Reply::Change { change, delay }.encode()) else {
        panic!("no reply")
    };
    assert_eq!(delay, FAIL_DELAY_MAX);
    let Change::Rejected { said } = change else {
        panic!("another change")
    };
    assert_eq!((said.len(), said[0].len()), (LINES_MAX, TEXT_BYTES_MAX));
}
