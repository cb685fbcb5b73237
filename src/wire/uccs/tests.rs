use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::*;
use crate::model::ProfileId;
use crate::model::session_key::Value;
use crate::wire::{BadRequest, ClientConfig, Credentials, Fault, OfferedProfile, Reply, Request};

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn offered(id: &str, keys: &[(&'static str, Value)]) -> OfferedProfile {
    OfferedProfile {
        id: ProfileId::new(id).unwrap(),
        keys: keys.iter().cloned().collect(),
    }
}

fn encoded(api: Api, profiles: Vec<OfferedProfile>) -> Json {
    let (events, live_event_s) = (false, 0);
    let (status, body) = encode(
        api,
        &Reply::List {
            ticket: None,
            profiles,
            client: ClientConfig { events, live_event_s },
        },
    );
    assert_eq!(status, 200);
    serde_json::from_slice(&body).unwrap()
}

fn list_of(value: &[u8]) -> Result<Credentials, BadRequest> {
    match decode([value].into_iter())? {
        Request::List(credentials) => Ok(credentials),
        other => panic!("{other:?}"),
    }
}

fn basic(credentials: &str) -> Vec<u8> {
    format!("Basic {}", STANDARD.encode(credentials)).into_bytes()
}

#[test]
fn name_and_password_are_taken_from_the_header() {
    for (sent, user, password) in [
        ("bob:bob", Some("bob"), Some("bob")),
        ("bob:a:b ü", Some("bob"), Some("a:b ü")),
        ("bob:", Some("bob"), None),
        (":", None, None),
    ] {
        let credentials = list_of(&basic(sent)).unwrap();
        assert_eq!(credentials.user.as_ref().map(|user| user.as_str()), user);
        assert_eq!(
            credentials.password.as_ref().map(|given| given.expose()),
            password
        );
        assert!(credentials.ticket.is_none());
    }
    assert!(list_of(b"bAsIc Ym9iOmJvYg==").is_ok());
}

#[test]
fn what_is_no_basic_header_is_refused() {
    let fault = |value: &[u8]| list_of(value).unwrap_err().fault;
    assert!(matches!(fault(b"Basic Ym9iOmJvYg=\xff"), Fault::Field { .. }));
    assert!(matches!(fault(b"Bearer Ym9iOmJvYg=="), Fault::Field { .. }));
    assert!(matches!(fault(b""), Fault::Field { .. }));
    assert!(matches!(fault(&basic("bob")), Fault::Field { .. }));
    assert!(matches!(fault(&basic("b\nob:x")), Fault::Field { .. }));
    assert!(matches!(
        fault(&basic(&format!("bob:{}", "x".repeat(513)))),
        Fault::Field { .. }
    ));
    assert_eq!(
        fault(&[b"Basic ".as_slice(), &[b'A'; 16_385]].concat()),
        Fault::TooLong(16_384)
    );
    let bytes = [b"Basic ".as_slice(), STANDARD.encode(b"bob:\xff").as_bytes()].concat();
    assert_eq!(fault(&bytes), Fault::NotUtf8("Authorization"));
    let none = decode(std::iter::empty()).unwrap_err();
    assert_eq!(none.fault, Fault::Missing("Authorization"));
    let value = basic("bob:bob");
    let twice = decode([value.as_slice(), &value].into_iter()).unwrap_err();
    assert_eq!(twice.fault, Fault::Twice("Authorization"));
}

#[test]
fn profiles_become_servers() {
    let profile = offered(
        "xfce",
        &[
            ("name", text("XFCE \"big\"")),
            ("host", text("10.0.2.11")),
            ("sshport", Value::Number(2222)),
            ("user", text("bob")),
            ("command", text("XFCE")),
            ("pack", text("16m-jpeg")),
        ],
    );
    assert_eq!(
        encoded(Api::Five, vec![profile.clone()]),
        json!({"DefaultServer": "", "RemoteDesktopServers": [{
            "Protocol": "x2go", "Name": "XFCE \"big\"", "URL": "http://10.0.2.11:2222/", "Username": "bob",
            "Password": "", "Command": "XFCE", "CommandRequired": false,
        }]})
    );
    let four = &encoded(Api::Four, vec![profile])["RemoteDesktopServers"][0];
    assert_eq!(
        (&four["SessionType"], &four["SessionTypeRequired"]),
        (&json!("XFCE"), &json!(false))
    );
    assert_eq!(four.get("Command"), None);
}

#[test]
fn a_windows_server_is_one_of_rdp() {
    let mut profile = offered(
        "win",
        &[
            ("host", text("win1")),
            ("sshport", Value::Number(22)),
            ("command", text("RDP")),
            ("directrdp", Value::Flag(true)),
        ],
    );
    let server = &encoded(Api::Five, vec![profile.clone()])["RemoteDesktopServers"][0];
    assert_eq!(
        server,
        &json!({"Protocol": "rdp", "Name": "win", "URL": "http://win1:3389/", "Username": "", "Password": "",
            "WindowsDomain": "", "DomainRequired": false})
    );
    profile.keys.insert("directrdp", Value::Flag(false));
    let server = &encoded(Api::Five, vec![profile])["RemoteDesktopServers"][0];
    assert_eq!(
        (&server["Protocol"], &server["URL"]),
        (&json!("x2go"), &json!("http://win1:22/"))
    );
}

#[test]
fn what_has_no_host_is_no_server_and_what_has_no_command_asks_for_one() {
    let somewhere = [("host", text("ts01")), ("sshport", Value::Number(22))];
    let list = encoded(Api::Five, vec![offered("a", &[]), offered("b", &somewhere)]);
    let servers = list["RemoteDesktopServers"].as_array().unwrap();
    assert_eq!(servers.len(), 1);
    assert_eq!(
        (&servers[0]["Name"], &servers[0]["CommandRequired"]),
        (&json!("b"), &json!(true))
    );
    assert_eq!(encoded(Api::Five, Vec::new())["RemoteDesktopServers"], json!([]));
}

#[test]
fn every_refusal_is_one_of_the_password() {
    for reply in [Reply::Refused, Reply::EventRefused, Reply::ConnectionTest] {
        let (status, body) = encode(Api::Five, &reply);
        assert_eq!((status.as_u16(), &body[..]), (401, b"{}\n".as_slice()));
    }
}

proptest! {
    #[test]
    fn any_header_is_taken_or_refused(value in prop::collection::vec(any::<u8>(), 0..100), scheme: bool) {
        let value = if scheme { [b"Basic ".as_slice(), &value].concat() } else { value };
        let _ = list_of(&value);
        let _ = list_of(&[b"Basic ", STANDARD.encode(&value).as_bytes()].concat());
    }

    #[test]
    fn names_are_unlike_each_other(names in prop::collection::vec("[ab]?( \\([23]\\))?", 0..8)) {
        let profile = |(index, name): (usize, &String)| {
            offered(
                &format!("p{index}"),
                &[("name", text(name)), ("host", text("h")), ("sshport", Value::Number(22))],
            )
        };
        let list = encoded(Api::Four, names.iter().enumerate().map(profile).collect());
        let servers = list["RemoteDesktopServers"].as_array().unwrap();
        let shown: std::collections::BTreeSet<_> = servers.iter().map(|server| server["Name"].as_str()).collect();
        prop_assert_eq!(shown.len(), names.len());
    }
}
