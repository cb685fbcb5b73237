//! The plain front end against what real clients sent, and against the INI reader they have.

mod read_back;
mod selection;

use x2godirector::model::session_key::Value;
use x2godirector::model::{HostAddress, ProfileId, Secret, TicketText};
use x2godirector::wire::plain::{decode, encode};
use x2godirector::wire::{ClientConfig, EventKind, LoginKey, OfferedProfile, Reply, Request, SelectedHost};

/// What X2Go Client searches for in the raw text of replies, and what would thus act from within a value.
const WORDS_THAT_ACT: &[&str] = &[
    "AUTHID:",
    "Access granted",
    "START_USER_SESSIONS",
    "END_USER_SESSIONS",
    "START_CLIENT_CONFIG",
    "END_CLIENT_CONFIG",
    "SERVER:",
    "SESSION_INFO:",
    "PASSWORD CHANGED:",
    "SUSPEND",
    "TERMINATE",
    "-----BEGIN RSA PRIVATE KEY-----",
    "<br>",
];

const CLIENT: ClientConfig = ClientConfig {
    events: true,
    live_event_s: 30,
};

/// The first word that acts, wherever it stands.
fn word_in(text: &str) -> Option<&'static str> {
    WORDS_THAT_ACT.iter().copied().find(|word| text.contains(word))
}

// Requests, as X2Go Client 4.1.2.2 and 4.1.2.4 put them on the wire.

fn sent(body: &str) -> Request {
    decode(body.as_bytes()).unwrap_or_else(|bad| panic!("{body}: {bad}"))
}

#[test]
fn a_captured_listsessions_is_understood() {
    match sent("task=listsessions&user=alice&password=s3cr%26t%2B%C3%A4%3D1%20x%25&authid=") {
        Request::List(credentials) => {
            assert_eq!(credentials.user.as_ref().unwrap().as_str(), "alice");
            assert_eq!(credentials.password.unwrap().expose(), "s3cr&t+ä=1 x%");
            assert!(credentials.ticket.is_none());
        }
        other => panic!("{other:?}"),
    }
    match sent("task=listsessions&user=carl&password=&authid=") {
        Request::List(credentials) => assert!(credentials.password.is_none()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_captured_selectsession_is_understood() {
    match sent("task=selectsession&sid=p-desktop&user=bob&password=bob&authid=aid-1&login=bob") {
        Request::Select {
            credentials,
            profile,
            login,
            ..
        } => {
            assert_eq!(credentials.user.as_ref().unwrap().as_str(), "bob");
            assert!(
                credentials.ticket.is_none(),
                "another broker's ticket is none of ours"
            );
            assert_eq!(profile.as_str(), "p-desktop");
            assert_eq!(login.unwrap().as_str(), "bob");
        }
        other => panic!("{other:?}"),
    }
    match sent("task=selectsession&sid=p-desktop&user=bob&password=bob&authid=00ff") {
        Request::Select {
            credentials, login, ..
        } => {
            assert_eq!(credentials.ticket.unwrap().expose(), "00ff");
            assert!(login.is_none());
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_captured_setpass_is_understood() {
    match sent("task=setpass&newpass=newp&user=bob&password=bob&authid=") {
        Request::ChangePassword {
            credentials,
            new_password,
        } => {
            assert_eq!(credentials.password.unwrap().expose(), "bob");
            assert_eq!(new_password.expose(), "newp");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn captured_clientevents_are_understood() {
    let of_4_1_2_2 = "task=clientevent&user=bob&password=bob&sid=bob-51-1795352575_stDXFCE_dp24\
        &event=FINISHED&server=127.0.0.1&client=&login=bob&cmd=XFCE&display=51\
        &start=22.11.26%2013%3A02%3A55&elapsed=6&authid=aid-6";
    let of_4_1_2_4 = "task=clientevent&user=bob&password=bob&sid=bob-51-1795351798_stDXFCE_dp24\
        &event=CONNECTING&server=127.0.0.1&client=&login=bob&cmd=&display=51\
        &start=2026-11-22T12%3A49%3A58&elapsed=0&version=4.1.2.4&os=linux&authid=aid-2";
    let of_direct_rdp = "task=clientevent&user=bob&password=bob&sid=bob-RDP-1795352647_stRRDP_dp24\
        &event=CONNECTED&server=127.0.0.1&client=&login=bob&cmd=RDP&display=RDP\
        &start=22.11.26%2013%3A04%3A07&elapsed=0&authid=";
    for (body, kind, session) in [
        (of_4_1_2_2, EventKind::Finished, "bob-51-1795352575_stDXFCE_dp24"),
        (
            of_4_1_2_4,
            EventKind::Connecting,
            "bob-51-1795351798_stDXFCE_dp24",
        ),
        (
            of_direct_rdp,
            EventKind::Connected,
            "bob-RDP-1795352647_stRRDP_dp24",
        ),
    ] {
        match sent(body) {
            Request::Event { credentials, event } => {
                assert_eq!(credentials.user.as_ref().unwrap().as_str(), "bob");
                assert_eq!(event.kind, kind);
                assert_eq!(event.session, session);
                assert_eq!(event.server.as_str(), "127.0.0.1");
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_captured_testcon_is_understood() {
    assert!(matches!(sent("task=testcon"), Request::TestConnection));
}

// Replies, to the byte.

fn written(reply: &Reply) -> (u16, String) {
    let (status, body) = encode(reply);
    let text = String::from_utf8(body.to_vec()).unwrap();
    assert!(text.is_ascii(), "the client's locale would change {text:?}");
    assert!(
        !text.contains('\r'),
        "the client finds no marker before a CR: {text:?}"
    );
    (status.as_u16(), text)
}

fn list(ticket: Option<TicketText>, profiles: Vec<OfferedProfile>) -> Reply {
    Reply::List {
        ticket,
        profiles,
        client: CLIENT,
    }
}

fn ticket() -> Option<TicketText> {
    Some(TicketText::new(Secret::new("00ff".to_owned())).unwrap())
}

fn profile(id: &str, keys: impl IntoIterator<Item = (&'static str, Value)>) -> OfferedProfile {
    OfferedProfile {
        id: ProfileId::new(id).unwrap(),
        keys: keys.into_iter().collect(),
    }
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

#[test]
fn a_list_is_written_to_the_byte() {
    let xfce = profile(
        "xfce",
        [
            ("name", text("Grüße, \"Team\"/XFCE; \\o/")),
            ("command", text("XFCE")),
            ("fullscreen", Value::Flag(true)),
            ("sound", Value::Flag(false)),
            ("speed", Value::Number(4)),
            ("rdpoptions", text("@home 😀\n")),
        ],
    );
    let spoof = profile("SUSPEND", [("name", text("a<br>AUTHID:00 Access granted"))]);
    let expected = "AUTHID:00ff\n\
        Access granted\n\
        START_USER_SESSIONS\n\
        [xfce]\n\
        command=\"XFCE\"\n\
        fullscreen=true\n\
        name=\"Gr\\xfc\\xdf\\x65, \\\"Team\\\"/XFCE; \\\\o/\"\n\
        rdpoptions=\"@@home \\xd83d\\xde00\\xa\"\n\
        sound=false\n\
        speed=4\n\
        [%53USPEND]\n\
        name=\"a\\x3c\\x62r>\\x41UTHID:00 \\x41\\x63\\x63\\x65ss granted\"\n\
        END_USER_SESSIONS\n\
        START_CLIENT_CONFIG\n\
        events=true\n\
        liveevent=30\n\
        syncinterval=0\n\
        END_CLIENT_CONFIG\n";
    let (status, body) = written(&list(ticket(), vec![xfce, spoof]));
    assert_eq!(status, 200);
    assert_eq!(body, expected);
}

#[test]
fn a_selection_is_written_to_the_byte() {
    let select = |ticket, host: Option<(&str, u16)>| {
        written(&Reply::Select {
            ticket,
            host: host.map(|(address, port)| SelectedHost {
                address: Some(HostAddress::new(address).unwrap()),
                port,
                key: LoginKey::None,
                sessions: Vec::new(),
            }),
        })
    };
    assert_eq!(
        select(ticket(), Some(("ts01.example.org", 22))),
        (
            200,
            "AUTHID:00ff\nAccess granted\nSERVER:ts01.example.org:22\n".to_owned()
        )
    );
    assert_eq!(
        select(None, None),
        (200, "Access granted\nSERVER:No servers available:22\n".to_owned())
    );
    // The client splits at the word, and would dial the port as a host.
    assert_eq!(
        select(None, Some(("TS-SERVER", 9922))).1,
        "Access granted\nSERVER:ts-server:9922\n"
    );
}

#[test]
fn the_other_replies_are_written_to_the_byte() {
    let changed = |changed| written(&Reply::PasswordChange { changed });
    assert_eq!(
        changed(true),
        (200, "Access granted\nPASSWORD CHANGED: OK\n".to_owned())
    );
    assert_eq!(
        changed(false),
        (200, "Access granted\nPASSWORD CHANGED: FAIL\n".to_owned())
    );
    assert_eq!(written(&Reply::EventTaken), (200, "Access granted\n".to_owned()));
    for (reply, expected) in [(Reply::Refused, 200), (Reply::EventRefused, 403)] {
        let (status, body) = written(&reply);
        assert_eq!(status, expected);
        assert_eq!(word_in(&body), None);
    }
}

#[test]
fn a_connection_test_has_something_to_measure() {
    let (status, body) = written(&Reply::ConnectionTest);
    assert_eq!(status, 200);
    let padding = body.strip_prefix("Access granted\n").unwrap();
    assert!(
        (64 * 1024..80 * 1024).contains(&padding.len()),
        "{}",
        padding.len()
    );
    assert_eq!(word_in(padding), None);
}
