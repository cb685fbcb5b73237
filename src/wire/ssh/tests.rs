//! The front end as a function of words: what X2Go Client writes, what it writes by mistake, and that no words at all
//! are a surprise.

use proptest::prelude::*;

use super::{Command, client_address, decode, encode};
use crate::model::TypedName;
use crate::wire::{BODY_BYTES_MAX, BadRequest, Credentials, EventKind, Fault, Reply, Request, Task};

fn split(line: &str) -> Vec<String> {
    line.split(' ')
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

fn read(line: &str) -> Result<Request, BadRequest> {
    decode(&split(line))
}

fn listed(line: &str) -> Credentials {
    match read(line).unwrap() {
        Request::List(credentials) => credentials,
        other => panic!("{other:?}"),
    }
}

fn user(credentials: &Credentials) -> Option<&str> {
    credentials.user.as_ref().map(TypedName::as_str)
}

fn wrapped(id: &str, command: &str) -> String {
    format!(
        "bash -l -c 'echo \"X2GODATABEGIN:{id}\"; export PATH=\"/usr/local/bin:/usr/bin:/bin\";export TERM=\"dumb\"; \
         {command}; echo \"X2GODATAEND:{id}\";'"
    )
}

#[test]
fn a_list_is_of_whoever_runs_it_and_what_is_typed_is_for_the_log() {
    let credentials = listed("--user bob --authid 0af9 --task listsessions");
    assert_eq!(user(&credentials), Some("bob"));
    assert!(credentials.ticket.is_none() && credentials.password.is_none());
    // Without quotes, an empty value is no word at all.
    assert_eq!(user(&listed("--user  --task listsessions")), None);
    assert_eq!(user(&listed("--user --authid --task listsessions")), None);
    assert_eq!(user(&listed("--task=listsessions --user=bob")), Some("bob"));
    // `John Smith`, typed into the form.
    assert_eq!(
        user(&listed("--user John Smith --task listsessions")),
        Some("John")
    );
    let long = format!("--user {} --task listsessions", "a".repeat(300));
    assert_eq!(user(&listed(&long)), None);
}

#[test]
fn what_no_task_needs_is_passed_over() {
    assert_eq!(
        user(&listed(
            "more --unknown --user bob --other=x -v --task listsessions --verbose 3"
        )),
        Some("bob")
    );
    assert!(matches!(read("--task testcon"), Ok(Request::TestConnection)));
    assert!(matches!(
        read("--authid --task testcon"),
        Ok(Request::TestConnection)
    ));
}

#[test]
fn a_selection_has_its_profile() {
    match read("--user bob --task selectsession --sid p-desktop --authid aid-1 --login bob").unwrap() {
        Request::Select { profile, login, .. } => {
            assert_eq!(profile.as_str(), "p-desktop");
            assert_eq!(login.as_ref().map(TypedName::as_str), Some("bob"));
        }
        other => panic!("{other:?}"),
    }
    for sid in ["", "--sid ../x", "--sid", "--sid a --sid b"] {
        let bad = read(&format!("--task selectsession {sid}")).unwrap_err();
        assert_eq!(bad.task, Some(Task::Select), "{sid}");
    }
}

#[test]
fn an_event_has_its_options_whatever_they_hold() {
    let event = |cmd: &str| {
        let words = [
            "--user",
            "bob",
            "--task",
            "clientevent",
            "--sid",
            "bob-51-1_stDXFCE_dp24",
            "--event",
            "CONNECTED",
            "--server",
            "ts01",
            "--client",
            "",
            "--login",
            "bob",
            "--cmd",
            cmd,
            "--display",
            "51",
            "--start",
            "22.11.26 13:04:16",
            "--elapsed",
            "0",
            "--version",
            "4.1.2.4",
            "--os",
            "linux",
        ];
        decode(&words.map(str::to_owned))
    };
    for cmd in [
        "",
        "xterm -e top",
        "--task",
        "--sid",
        "--task=setpass",
        "';rm -rf /;'",
        "$(id) `id` \\",
    ] {
        match event(cmd).unwrap() {
            Request::Event { event, .. } => {
                assert_eq!(
                    (event.kind, event.server.as_str()),
                    (EventKind::Connected, "ts01")
                );
                assert_eq!(event.session, "bob-51-1_stDXFCE_dp24");
            }
            other => panic!("{other:?}"),
        }
    }
    let bad = read("--task clientevent --sid s --event DANCING --server h").unwrap_err();
    assert!(matches!(bad.refusal(), Reply::EventRefused));
}

#[test]
fn a_new_password_is_read_and_never_shown() {
    match read("--user bob --task setpass --newpass s3cret").unwrap() {
        Request::ChangePassword { new_password, .. } => assert_eq!(new_password.expose(), "s3cret"),
        other => panic!("{other:?}"),
    }
    let bad = decode(&["--task", "setpass", "--newpass", "s3cret\n"].map(str::to_owned)).unwrap_err();
    assert!(!format!("{bad} {bad:?}").contains("s3cret"));
}

#[test]
fn what_is_no_request_is_refused() {
    for line in ["", "bob", "--task", "--user bob --task --authid 0"] {
        assert_eq!(read(line).unwrap_err().fault, Fault::Missing("task"), "{line}");
    }
    assert_eq!(read("--task prove").unwrap_err().fault, Fault::UnknownTask);
    assert_eq!(
        read("--user x --task selectsession --task listsessions")
            .unwrap_err()
            .fault,
        Fault::Twice("task")
    );
    let long = format!("--task listsessions --cmd {}", "a".repeat(BODY_BYTES_MAX));
    assert_eq!(read(&long).unwrap_err().fault, Fault::TooLong(BODY_BYTES_MAX));
}

#[test]
fn every_reply_says_something_and_a_connection_test_names_a_host() {
    let text = |reply: &Reply| String::from_utf8(encode(reply).to_vec()).unwrap();
    assert_eq!(
        text(&Reply::ConnectionTest),
        "Access granted\nSERVER:No servers available:22\n"
    );
    for refusal in [Reply::Refused, Reply::EventRefused] {
        let text = text(&refusal);
        assert!(!text.contains("Access granted") && text.ends_with('\n'), "{text}");
    }
}

#[test]
fn commands_of_the_client_are_read_to_the_letter() {
    assert_eq!(Command::read("echo \"LOGIN OK\""), Some(Command::Probe));
    let id = "4c87f18e-2ca3-4b0a-9513-2c2d78dc8fcc";
    let line = "/usr/bin/x2godirector-ssh --user O'Brien  --task selectsession --sid \"a b\" --client \"\"";
    match Command::read(&wrapped(id, line)) {
        Some(Command::Request { words, marks }) => {
            let expected = [
                "--user",
                "O'Brien",
                "--task",
                "selectsession",
                "--sid",
                "a b",
                "--client",
                "",
            ];
            assert_eq!(words, expected);
            assert_eq!(
                marks.lines(),
                [format!("X2GODATABEGIN:{id}\n"), format!("X2GODATAEND:{id}\n")]
            );
        }
        other => panic!("{other:?}"),
    }
    for bad in [
        String::new(),
        "echo \"LOGIN OK\"; id".to_owned(),
        "echo LOGIN OK".to_owned(),
        line.to_owned(),
        format!(" {}", wrapped(id, line)),
        format!("{} ", wrapped(id, line)),
        wrapped(id, line) + "; id",
        wrapped(id, ""),
        wrapped(id, "\"\" --task listsessions"),
        wrapped(id, "x --sid \"a"),
        wrapped(id, "x\n--task listsessions"),
        wrapped("a\";id;\"", line),
        wrapped("", line),
        wrapped(&"a".repeat(65), line),
        wrapped(id, line).replacen("/bin\"", "/tmp\"", 1),
        wrapped(id, line).replacen(id, "another-id", 1),
        wrapped(id, &"a".repeat(BODY_BYTES_MAX)),
    ] {
        assert_eq!(Command::read(&bad), None, "{bad:.200}");
    }
}

#[test]
fn the_client_is_where_sshd_says() {
    let address = |text| client_address(text).map(|address| address.to_string());
    assert_eq!(
        address("192.0.2.7 40000 192.0.2.1 22").as_deref(),
        Some("192.0.2.7")
    );
    assert_eq!(address("::ffff:192.0.2.7 1 ::1 22").as_deref(), Some("192.0.2.7"));
    for none in [
        "",
        "UNKNOWN 65535 UNKNOWN 65535",
        "fe80::1%eth0 1 fe80::2 22",
        " 192.0.2.7",
    ] {
        assert_eq!(address(none), None, "{none}");
    }
}

proptest! {
    #[test]
    fn no_words_are_a_surprise(words in prop::collection::vec("(--)?(user|task|sid|cmd|newpass|x)?=?\\PC{0,20}", 0..20)) {
        let _ = decode(&words);
    }

    #[test]
    fn no_command_is_a_surprise(text in "\\PC{0,200}") {
        let _ = Command::read(&text);
        let _ = Command::read(&wrapped("a-1", &text));
        let _ = client_address(&text);
    }

    /// What a client writes between its marks comes out word by word, and nothing else does.
    #[test]
    fn words_arrive(words in prop::collection::vec("[^\"\\p{Cc}]{0,20}", 0..10)) {
        let line: String = words.iter().map(|word| format!(" \"{word}\"")).collect();
        match Command::read(&wrapped("a-1", &format!("/usr/bin/broker{line}"))) {
            Some(Command::Request { words: found, .. }) => prop_assert_eq!(found, words),
            other => prop_assert!(false, "{:?}", other),
        }
    }
}
