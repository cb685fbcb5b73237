//! The reply to a selection, read as X2Go Client reads it: where to go, with which key, and what can be resumed.

use proptest::prelude::*;
use x2godirector::model::{
    DisplayCookie, HostAddress, PrivateKey, Secret, Session, SessionId, SessionState, SessionUser,
};
use x2godirector::wire::{LoginKey, Reply, SelectedHost, SessionLine};

use super::{ticket, written};

const PEM: &str = "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA\n-----END RSA PRIVATE KEY-----\n";

fn session(id: &str, state: SessionState) -> Session {
    Session {
        id: SessionId::new(id).unwrap(),
        pid: 4711,
        display: 51,
        server: "ts02.internal".to_owned(),
        state,
        started: "2026-11-22T12:49:58".to_owned(),
        cookie: DisplayCookie::new("0123456789abcdef0123456789abcdef").unwrap(),
        client: "192.0.2.7".to_owned(),
        ports: [34001, 34002, 34003],
        changed: "2026-11-22T13:00:00".to_owned(),
        age_s: 602,
    }
}

fn address(text: &str) -> HostAddress {
    HostAddress::new(text).unwrap()
}

fn line(session: &Session, host: &str, user: &str) -> Result<SessionLine, x2godirector::wire::Unspeakable> {
    SessionLine::new(session, &address(host), &SessionUser::new(user).unwrap())
}

fn selection(key: LoginKey, sessions: Vec<SessionLine>) -> Reply {
    Reply::Select {
        ticket: ticket(),
        host: Some(SelectedHost {
            address: Some(address("ts01.example.org")),
            port: 22,
            key,
            sessions,
        }),
    }
}

/// A reply as the client takes it apart.
struct Taken<'b> {
    host: &'b str,
    port: &'b str,
    key: Option<&'b str>,
    sessions: Vec<Vec<&'b str>>,
}

/// The client splits the body at the word for the server and passes over empty parts, looks for a key in all of it, and
/// takes what follows the word for sessions for their lines.
fn taken(body: &str) -> Taken<'_> {
    assert!(body.contains("Access granted"));
    let server = body
        .split("SERVER:")
        .filter(|part| !part.is_empty())
        .nth(1)
        .unwrap();
    let (host, port) = server.lines().next().unwrap().split_once(':').unwrap();
    let key = body.find("-----BEGIN RSA PRIVATE KEY-----").map(|begin| {
        let end = "-----END RSA PRIVATE KEY-----";
        &body[begin..body.find(end).unwrap() + end.len()]
    });
    let sessions = body.split_once("SESSION_INFO:").map_or("", |(_, lines)| lines);
    Taken {
        host,
        port,
        key,
        sessions: sessions.lines().map(|line| line.split('|').collect()).collect(),
    }
}

#[test]
fn a_selection_with_all_there_can_be_is_written_to_the_byte() {
    let suspended = session("bob-51-1795352575_stDXFCE_dp24", SessionState::Suspended);
    let mut running = session("bob-52-1795352576_stRSERVER_dp24", SessionState::Running);
    running.client = String::new();
    let sessions = vec![
        line(&suspended, "TS-Server.example.org", "bob").unwrap(),
        line(&running, "10.0.2.12", "bob").unwrap(),
    ];
    let key = LoginKey::Made(PrivateKey::new(Secret::new(PEM.to_owned())));
    let expected = "AUTHID:00ff\n\
        Access granted\n\
        SERVER:ts01.example.org:22\n\
        -----BEGIN RSA PRIVATE KEY-----\n\
        MIIEpAIBAAKCAQEA\n\
        -----END RSA PRIVATE KEY-----\n\
        SESSION_INFO:4711|bob-51-1795352575_stDXFCE_dp24|51|ts-server.example.org|S|2026-11-22T12:49:58|\
        0123456789abcdef0123456789abcdef|192.0.2.7|34001|34002|2026-11-22T13:00:00|bob|602|34003|bob\n\
        4711|bob-52-1795352576_stRSERVER_dp24|51|10.0.2.12|R|2026-11-22T12:49:58|\
        0123456789abcdef0123456789abcdef||34001|34002|2026-11-22T13:00:00|bob|602|34003|bob\n";
    assert_eq!(
        written(&selection(key, sessions.clone())),
        (200, expected.to_owned())
    );
    // The client's own key is not told to a client that has none, and nothing is there where there is no session.
    let bare = "AUTHID:00ff\nAccess granted\nSERVER:ts01.example.org:22\n";
    for key in [LoginKey::None, LoginKey::Own] {
        assert_eq!(written(&selection(key, Vec::new())), (200, bare.to_owned()));
    }
    assert_eq!(format!("{:?}", sessions[0]), "…", "it has a cookie");
}

#[test]
fn a_session_can_be_resumed_where_nothing_new_can_be_started() {
    let suspended = session("bob-51-1795352575_stDXFCE_dp24", SessionState::Suspended);
    let (_, body) = written(&Reply::Select {
        ticket: None,
        host: Some(SelectedHost {
            address: None,
            port: 2222,
            key: LoginKey::None,
            sessions: vec![line(&suspended, "ts02", "bob").unwrap()],
        }),
    });
    // The client dials the session's host with this port.
    let taken = taken(&body);
    assert_eq!((taken.host, taken.port), ("No servers available", "2222"));
    assert_eq!(taken.sessions.len(), 1);
}

#[test]
fn a_session_that_would_be_read_as_something_else_has_no_line() {
    let plain = session("bob-51-1_stDXFCE_dp24", SessionState::Suspended);
    assert!(line(&plain, "ts01", "bob").is_ok());
    for text in [
        "a|b",
        "a\nb",
        "SERVER:x",
        "AUTHID:00",
        "SESSION_INFO:",
        "Access granted",
        "-----BEGIN",
        "ü",
    ] {
        let with = |change: fn(&mut Session, String)| {
            let mut session = plain.clone();
            change(&mut session, text.to_owned());
            line(&session, "ts01", "bob").is_err()
        };
        assert!(with(|session, text| session.started = text), "{text:?}");
        assert!(with(|session, text| session.client = text), "{text:?}");
        assert!(with(|session, text| session.changed = text), "{text:?}");
    }
    let long = Session {
        client: "x".repeat(2048),
        ..plain.clone()
    };
    assert!(line(&long, "ts01", "bob").is_err());
    // The name of a command may have what acts elsewhere.
    for id in [
        "bob-51-1_stRLEGEND_dp24",
        "bob-51-1_stRSUSPEND_dp24",
        "SERVER-51-1_stDXFCE_dp24",
    ] {
        assert!(
            line(&session(id, SessionState::Running), "ts01", "SERVER").is_ok(),
            "{id}"
        );
    }
}

fn any_session() -> impl Strategy<Value = Session> {
    let word = prop_oneof![
        3 => "[A-Za-z0-9_][A-Za-z0-9._@-]{0,60}",
        1 => "(SERVER|AUTHID|SUSPEND|END)_?-----BEGIN"
    ];
    let text = prop_oneof![
        3 => "[0-9T:. -]{0,30}",
        1 => "[ -~]{0,10}(SERVER:|AUTHID:|SESSION_INFO:|Access granted|\\||\n)?[ -~]{0,10}",
        1 => "\\PC{0,20}",
    ];
    let numbers = (any::<u32>(), any::<u32>(), any::<u64>(), any::<[u16; 3]>());
    let texts = (text.clone(), text.clone(), text, "[a-f0-9]{0,64}");
    (word, numbers, texts, any::<bool>()).prop_map(
        |(id, (pid, display, age_s, ports), (started, client, changed, cookie), running)| Session {
            id: SessionId::new(&id).unwrap(),
            pid,
            display,
            server: "whatever|it says".to_owned(),
            state: if running {
                SessionState::Running
            } else {
                SessionState::Suspended
            },
            started,
            cookie: DisplayCookie::new(&cookie).unwrap(),
            client,
            ports,
            changed,
            age_s,
        },
    )
}

proptest! {
    #[test]
    fn whatever_the_sessions_hold_is_what_the_client_reads(
        sessions in prop::collection::vec((any_session(), "[A-Za-z]{1,10}(\\.[A-Z]{1,6})?"), 0..6),
        user in "[A-Za-z_][A-Za-z0-9._@-]{0,30}",
        with_key: bool,
    ) {
        let lines = sessions.iter().map(|(session, host)| (session, host, line(session, host, &user)));
        let (told, lines): (Vec<_>, Vec<_>) =
            lines.filter_map(|(session, host, line)| Some(((session, host), line.ok()?))).unzip();
        let key = if with_key {
            LoginKey::Made(PrivateKey::new(Secret::new(PEM.to_owned())))
        } else {
            LoginKey::None
        };
        let (_, body) = written(&selection(key, lines));
        prop_assert_eq!(body.matches("AUTHID:").count(), 1);
        prop_assert_eq!(body.contains("SESSION_INFO:"), !told.is_empty());
        let taken = taken(&body);
        prop_assert_eq!((taken.host, taken.port), ("ts01.example.org", "22"));
        prop_assert_eq!(taken.key, with_key.then(|| PEM.trim_end()));
        prop_assert_eq!(taken.sessions.len(), told.len());
        for (fields, (session, host)) in taken.sessions.iter().zip(told) {
            let state = match session.state {
                SessionState::Running => "R",
                SessionState::Suspended => "S",
            };
            let meant = [
                session.pid.to_string(),
                session.id.to_string(),
                session.display.to_string(),
                host.to_ascii_lowercase(),
                state.to_owned(),
                session.started.clone(),
                session.cookie.expose().to_owned(),
                session.client.clone(),
                session.ports[0].to_string(),
                session.ports[1].to_string(),
                session.changed.clone(),
                user.clone(),
                session.age_s.to_string(),
                session.ports[2].to_string(),
                user.clone(),
            ];
            prop_assert_eq!(fields.as_slice(), meant.as_slice());
        }
    }
}
