//! The front end as a function of bytes: what was seen on the wire, what is refused and how, and that every
//! profile goes out in the types that the client has for it.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::{decode, encode};
use crate::model::session_key::{self, Kind, Value};
use crate::model::{HostAddress, PrivateKey, ProfileId, Secret, TicketText};
use crate::wire::{
    BODY_BYTES_MAX, ClientConfig, Credentials, Fault, LoginKey, OfferedProfile, Reply, Request, SelectedHost,
    Task,
};

fn credentials(body: &str) -> Credentials {
    match decode(body.as_bytes()).unwrap() {
        Request::Prove(credentials) | Request::List(credentials) | Request::Select { credentials, .. } => {
            credentials
        }
        other => panic!("{other:?}"),
    }
}

fn offered(id: &str, keys: &[(&'static str, Value)]) -> OfferedProfile {
    OfferedProfile {
        id: ProfileId::new(id).unwrap(),
        keys: keys.iter().cloned().collect::<BTreeMap<_, _>>(),
    }
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn list(profiles: Vec<OfferedProfile>) -> Json {
    let (status, body) = encode(&Reply::List {
        ticket: None,
        profiles,
        client: ClientConfig {
            events: false,
            live_event_s: 0,
        },
    });
    assert_eq!(status, 200);
    serde_json::from_slice(&body).unwrap()
}

#[test]
fn the_three_requests_of_the_client_are_read() {
    let probe = decode(b"user=alice&password=p%26w+x").unwrap();
    assert_eq!(probe.task(), Task::Prove);
    let credentials = credentials("user=alice&password=p%26w+x");
    assert_eq!(credentials.user.unwrap().as_str(), "alice");
    assert_eq!(credentials.password.unwrap().expose(), "p&w x");
    assert_eq!(
        decode(b"task=listprofiles&user=a&password=b").unwrap().task(),
        Task::List
    );
    let select = decode(
        b"task=selectsession&profile-id=office&user=a&pubkey=no-pty+ssh-rsa+AAAA+a%40127.0.0.1&authid=0af9",
    );
    match select.unwrap() {
        Request::Select {
            credentials,
            profile,
            login,
            public_key,
        } => {
            assert_eq!(profile.as_str(), "office");
            assert_eq!(public_key.as_deref(), Some("no-pty ssh-rsa AAAA a@127.0.0.1"));
            assert!(login.is_none() && credentials.password.is_none());
            assert_eq!(credentials.ticket.as_ref().map(TicketText::expose), Some("0af9"));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_key_that_is_too_long_is_none() {
    let body = |length: usize| {
        let key = "A".repeat(length);
        format!("task=selectsession&profile-id=office&user=a&password=b&pubkey={key}")
    };
    for (length, taken) in [(0, false), (1, true), (4096, true), (4097, false)] {
        match decode(body(length).as_bytes()).unwrap() {
            Request::Select { public_key, .. } => assert_eq!(public_key.is_some(), taken, "{length}"),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn the_words_of_x2go_client_mean_the_same() {
    assert_eq!(
        decode(b"task=listsessions&user=a&password=b").unwrap().task(),
        Task::List
    );
    assert_eq!(
        decode(b"task=selectsession&sid=office&user=a&password=b")
            .unwrap()
            .task(),
        Task::Select
    );
}

#[test]
fn what_is_no_request_of_this_door_is_refused() {
    let fault = |body: &[u8]| decode(body).unwrap_err().fault;
    assert_eq!(
        fault(b"task=setpass&user=a&password=b&newpass=c"),
        Fault::UnknownTask
    );
    assert_eq!(fault(b"task=&user=a"), Fault::UnknownTask);
    assert_eq!(
        fault(b"task=listprofiles&task=listprofiles&user=a"),
        Fault::Twice("task")
    );
    assert_eq!(
        fault(b"task=selectsession&user=a&password=b"),
        Fault::Missing("profile-id")
    );
    assert_eq!(
        fault(&vec![b'a'; BODY_BYTES_MAX + 1]),
        Fault::TooLong(BODY_BYTES_MAX)
    );
    let (status, body) = encode(&Reply::Refused);
    assert_eq!((status.as_u16(), &body[..]), (401, &b"{}\n"[..]));
}

#[test]
fn a_list_has_the_types_that_the_client_expects() {
    let list = list(vec![offered(
        "office",
        &[
            ("name", text("Office \"1\" <b> ü")),
            ("user", text("alice")),
            ("host", text("staff")),
            ("fullscreen", Value::Flag(true)),
            ("speed", Value::Number(3)),
            ("export", text("/home/alice/media:1;/srv/shared:0;/tmp")),
            ("usebrokerpass", Value::Flag(true)),
            ("icon", text("iVBORw0KGgo=")),
        ],
    )]);
    assert_eq!(list["task"], "listprofiles");
    assert_eq!(list["auth-status"], "Access granted");
    assert_eq!(
        list["profiles"]["office"],
        json!({
            "name": "Office \"1\" <b> ü",
            "user": "alice",
            "host": ["staff"],
            "sshport": 22,
            "command": "",
            "rootless": false,
            "fullscreen": true,
            "speed": 3,
            "export": {"/home/alice/media": true, "/srv/shared": false, "/tmp": true},
        })
    );
}

#[test]
fn no_two_names_are_alike() {
    let named = |id: &str, name: &str| offered(id, &[("name", text(name))]);
    let list = list(vec![
        named("a", "Desktop"),
        named("b", "Desktop"),
        named("c", "Desktop (2)"),
        named("d", "Desktop"),
        named("e", ""),
    ]);
    let name = |id: &str| list["profiles"][id]["name"].clone();
    assert_eq!(
        ["a", "b", "c", "d", "e"].map(name),
        ["Desktop", "Desktop (2)", "Desktop (2) (2)", "Desktop (3)", "e"].map(Json::from)
    );
}

#[test]
fn a_selection_names_a_host_or_one_that_cannot_be() {
    let session = |host: Option<SelectedHost>| {
        let (status, body) = encode(&Reply::Select { ticket: None, host });
        assert_eq!(status, 200);
        let reply: Json = serde_json::from_slice(&body).unwrap();
        assert_eq!(reply["task"], "selectsession");
        reply["selected_session"].clone()
    };
    let host = |key| SelectedHost {
        address: Some(HostAddress::new("ts01.example.org").unwrap()),
        port: 2222,
        key,
        sessions: Vec::new(),
    };
    assert_eq!(
        session(Some(host(LoginKey::None))),
        json!({"server": "ts01.example.org", "port": 2222})
    );
    assert_eq!(
        session(Some(host(LoginKey::Own))),
        json!({"server": "ts01.example.org", "port": 2222, "authentication_pubkey": "ACCEPTED"})
    );
    let made = PrivateKey::new(Secret::new("-----BEGIN".to_owned()));
    assert_eq!(
        session(Some(host(LoginKey::Made(made)))),
        json!({"server": "ts01.example.org", "port": 2222}),
        "the client has no use for one"
    );
    assert_eq!(
        session(None),
        json!({"server": "No servers available", "port": 22})
    );
}

#[test]
fn a_new_ticket_goes_along() {
    let ticket = TicketText::from_random(&[0xa5; 32]);
    let (_, body) = encode(&Reply::Proven {
        ticket: Some(ticket.clone()),
    });
    let reply: Json = serde_json::from_slice(&body).unwrap();
    assert_eq!(reply["next-authid"], ticket.expose());
    assert_eq!(reply["auth-status"], "Access granted");
}

/// Some value that the key takes.
fn value(kind: Kind) -> BoxedStrategy<Value> {
    match kind {
        Kind::Text { .. } => "[^\\p{Cc}]{0,20}".prop_map(Value::Text).boxed(),
        Kind::Flag => any::<bool>().prop_map(Value::Flag).boxed(),
        Kind::Number { min, max } => (min..=max).prop_map(Value::Number).boxed(),
        Kind::OneOf(words) => proptest::sample::select(words).prop_map(text).boxed(),
        Kind::PackMethod => Just(text("16m-jpeg")).boxed(),
    }
}

fn key() -> impl Strategy<Value = (&'static str, Value)> {
    (0..session_key::KEYS.len()).prop_flat_map(|index| {
        let key = &session_key::KEYS[index];
        (Just(key.name), value(key.kind))
    })
}

proptest! {
    #[test]
    fn any_bytes_are_a_request_or_refused(body in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = decode(&body);
        let mut with_task = b"task=selectsession&profile-id=".to_vec();
        with_task.extend(&body);
        let _ = decode(&with_task);
    }

    #[test]
    fn every_profile_goes_out_whole_or_not_at_all(
        keys in proptest::collection::vec(key(), 0..12),
        ids in proptest::collection::btree_set("[a-z]{1,4}", 1..6),
    ) {
        let profiles = ids.iter().map(|id| offered(id, &keys)).collect::<Vec<_>>();
        let list = list(profiles);
        let sent = list["profiles"].as_object().unwrap();
        prop_assert_eq!(sent.len(), ids.len());
        let names: std::collections::BTreeSet<_> = sent.values().map(|profile| profile["name"].as_str()).collect();
        prop_assert_eq!(names.len(), ids.len());
        for profile in sent.values() {
            for needed in ["host", "user", "sshport", "command", "rootless", "name"] {
                prop_assert!(profile.get(needed).is_some(), "{} is missing", needed);
            }
        }
    }
}
