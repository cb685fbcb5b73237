//! The front end as a function of bytes: what was seen on the wire, what is refused and how, and that no
//! bytes at all are a surprise.

use proptest::prelude::*;

use super::{decode, encode};
use crate::model::{TicketText, TypedName};
use crate::wire::{
    BODY_BYTES_MAX, BadRequest, ClientConfig, Credentials, EventKind, Fault, Reply, Request, Task,
};

fn credentials(request: Request) -> Credentials {
    match request {
        Request::Prove(credentials)
        | Request::List(credentials)
        | Request::Select { credentials, .. }
        | Request::ChangePassword { credentials, .. }
        | Request::Event { credentials, .. } => credentials,
        Request::TestConnection => panic!("a connection test has no credentials"),
    }
}

fn listed(fields: &str) -> Credentials {
    credentials(decode(format!("task=listsessions&{fields}").as_bytes()).unwrap())
}

fn refused(body: &[u8]) -> BadRequest {
    decode(body).unwrap_err()
}

fn password(credentials: &Credentials) -> Option<&str> {
    credentials.password.as_ref().map(|password| password.expose())
}

fn ticket(credentials: &Credentials) -> Option<&str> {
    credentials.ticket.as_ref().map(TicketText::expose)
}

#[test]
fn an_empty_name_is_none() {
    for nameless in ["user=&password=&authid=", "password=x"] {
        assert_eq!(listed(nameless).user, None);
    }
}

#[test]
fn an_empty_password_is_none() {
    assert_eq!(password(&listed("user=carl&password=&authid=")), None);
    assert_eq!(password(&listed("user=carl")), None);
    let bad = refused(b"task=setpass&newpass=&user=bob&password=bob&authid=");
    assert_eq!(
        bad.to_string(),
        "change password: field `newpass` is missing or empty"
    );
}

#[test]
fn a_ticket_that_cannot_be_ours_is_none() {
    assert_eq!(ticket(&listed("user=u&authid=0af9")), Some("0af9"));
    for foreign in [
        "preshared-id+1",
        "0AF9",
        "0af9\n",
        "0af9\r",
        "%30",
        &"0".repeat(129),
    ] {
        assert_eq!(
            ticket(&listed(&format!("user=u&password=p&authid={foreign}"))),
            None
        );
    }
    let bytes = b"task=listsessions&user=u&password=p&authid=\xff";
    assert_eq!(ticket(&credentials(decode(bytes).unwrap())), None);
}

#[test]
fn unencoded_fields_are_taken_as_they_stand() {
    let body = b"task=clientevent&user=bob&password=bob&sid=a+b%41-51-1_stDXFCE_dp24&event=ALIVE&server=ts01\
        &client=&login=bob&cmd=&display=51&start=22.11.26 13:02:55&elapsed=2&authid=";
    match decode(body).unwrap() {
        Request::Event { event, .. } => {
            assert_eq!(event.session, "a+b%41-51-1_stDXFCE_dp24");
            assert_eq!(event.kind, EventKind::Alive);
            assert_eq!(event.server.as_str(), "ts01");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_replacement_character_is_never_made_up() {
    assert_eq!(
        refused(b"task=listsessions&user=u&password=%FF").fault,
        Fault::NotUtf8("password")
    );
    assert_eq!(
        refused(b"task=listsessions&user=\xe4&password=p").fault,
        Fault::NotUtf8("user")
    );
    // One that somebody typed is a character like any other.
    assert_eq!(password(&listed("user=u&password=%EF%BF%BD")), Some("\u{fffd}"));
}

#[test]
fn doubled_fields_are_refused_and_unknown_ones_passed_over() {
    for field in ["user", "password", "authid"] {
        let body = format!("task=listsessions&user=u&password=p&authid=0&{field}=x");
        assert_eq!(refused(body.as_bytes()).fault, Fault::Twice(field));
    }
    let bad = refused(b"task=listsessions&user=u&password=p&task=testcon");
    assert_eq!(bad.fault, Fault::Twice("task"));
    assert_eq!(
        password(&listed("user=u&password=p&later=1&later=2&&=&x")),
        Some("p")
    );
}

#[test]
fn values_out_of_bounds_are_refused_and_never_shown() {
    for (fields, field) in [
        (format!("user={}&password=p", "a".repeat(257)), "user"),
        (format!("user=u&password={}", "s3cret".repeat(100)), "password"),
        ("user=a%00b&password=p".to_owned(), "user"),
        ("user=u&password=s3cret%0A".to_owned(), "password"),
    ] {
        let bad = refused(format!("task=listsessions&{fields}").as_bytes());
        assert!(
            matches!(bad.fault, Fault::Field { field: name, .. } if name == field),
            "{bad:?}"
        );
        assert!(!format!("{bad} {bad:?}").contains("s3cret"));
    }
    for sid in ["", "a b", "../x", "General", "q14+enc+"] {
        let body = format!("task=selectsession&sid={sid}&user=u&password=p&authid=");
        assert_eq!(refused(body.as_bytes()).task, Some(Task::Select), "{sid}");
    }
    let long = format!("task=listsessions&user=u&x={}", "a".repeat(BODY_BYTES_MAX));
    assert_eq!(refused(long.as_bytes()).fault, Fault::TooLong(BODY_BYTES_MAX));
}

#[test]
fn requests_without_a_known_task_are_refused() {
    for body in [
        "",
        "task=",
        "user=bob&password=bob",
        "task",
        "&&&",
        "x=task=testcon",
    ] {
        assert_eq!(refused(body.as_bytes()).fault, Fault::Missing("task"), "{body}");
    }
    for body in [
        "task=listprofiles&user=bob",
        "task=ListSessions",
        "task=testcon%20",
    ] {
        assert_eq!(refused(body.as_bytes()).fault, Fault::UnknownTask, "{body}");
    }
    assert!(matches!(decode(b"task=testcon"), Ok(Request::TestConnection)));
}

#[test]
fn a_bad_event_is_refused_as_an_event_whatever_is_wrong_with_it() {
    let long = format!("task=clientevent&x={}", "a".repeat(BODY_BYTES_MAX));
    for body in [
        "task=clientevent",
        "task=clientevent&task=listsessions",
        "task=clientevent&user=u&password=p&sid=s&event=DANCING&server=h",
        "task=clientevent&user=u&password=p&sid=s&event=ALIVE&server=::1",
        "task=clientevent&user=u&password=p&sid=s%0A&event=ALIVE&server=a%20b",
        "task=clientevent&user=u&password=p&sid=a\nb&event=ALIVE&server=h",
        long.as_str(),
    ] {
        let (status, _) = encode(&refused(body.as_bytes()).refusal());
        assert_eq!(status, 403, "{body:.80}");
    }
    for body in [
        "",
        "task=listsessions&user=%01",
        "task=selectsession",
        "task=setpass&task=clientevent",
    ] {
        let (status, text) = encode(&refused(body.as_bytes()).refusal());
        assert_eq!(status, 200, "{body}");
        assert!(!std::str::from_utf8(&text).unwrap().contains("Access granted"));
    }
}

#[test]
fn a_request_and_a_bad_one_of_the_same_task_are_refused_alike() {
    let good = decode(b"task=clientevent&user=u&sid=s&event=ALIVE&server=h").unwrap();
    assert!(matches!(good.task().refusal(), Reply::EventRefused));
    let good = decode(b"task=listsessions&user=u").unwrap();
    assert!(matches!(good.task().refusal(), Reply::Refused));
}

#[test]
fn a_list_with_nothing_in_it_is_still_whole() {
    let client = ClientConfig {
        events: false,
        live_event_s: 0,
    };
    let (status, body) = encode(&Reply::List {
        ticket: None,
        profiles: Vec::new(),
        client,
    });
    assert_eq!(status, 200);
    assert_eq!(
        body,
        "Access granted\nSTART_USER_SESSIONS\nEND_USER_SESSIONS\n\
         START_CLIENT_CONFIG\nevents=false\nliveevent=0\nsyncinterval=0\nEND_CLIENT_CONFIG\n"
    );
}

proptest! {
    #[test]
    fn no_bytes_make_the_decoder_panic(body in prop::collection::vec(any::<u8>(), 0..2000)) {
        let _ = decode(&body);
    }

    #[test]
    fn no_fields_make_the_decoder_panic(
        task in "listsessions|selectsession|setpass|clientevent|testcon",
        fields in prop::collection::vec(
            ("user|password|authid|sid|event|server|login|newpass|task", prop::collection::vec(any::<u8>(), 0..40)),
            0..12,
        ),
    ) {
        let mut body = format!("task={task}").into_bytes();
        for (name, value) in fields {
            body.extend_from_slice(format!("&{name}=").as_bytes());
            body.extend_from_slice(&value);
        }
        let _ = decode(&body);
    }

    #[test]
    fn what_a_client_encodes_arrives(user in "\\PC{1,60}", secret in "\\PC{1,120}") {
        prop_assume!(!user.trim().is_empty());
        let encoders: [fn(&str) -> String; 2] = [
            |text| percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string(),
            |text| form_urlencoded::byte_serialize(text.as_bytes()).collect(),
        ];
        for encode in encoders {
            let found = listed(&format!("user={}&password={}&authid=", encode(&user), encode(&secret)));
            prop_assert_eq!(found.user.as_ref().map(TypedName::as_str), Some(user.as_str()));
            prop_assert_eq!(password(&found), Some(secret.as_str()));
        }
    }

    /// Old clients do not encode a password: whatever a form parser makes of it, the decoder makes as well.
    #[test]
    fn a_raw_password_is_read_as_any_form_parser_reads_it(raw in "[ -~&&[^&]]{1,60}") {
        let body = format!("task=listsessions&user=u&password={raw}");
        let expected = form_urlencoded::parse(body.as_bytes())
            .find(|(name, _)| name == "password")
            .map(|(_, value)| value.into_owned())
            .unwrap();
        match decode(body.as_bytes()) {
            Ok(request) => {
                let found = credentials(request);
                prop_assert_eq!(password(&found), Some(expected.as_str()));
            }
            Err(bad) => prop_assert!(
                expected.contains(|c: char| c.is_control() || c == '\u{fffd}'),
                "{} for {:?}", bad, expected
            ),
        }
    }
}
