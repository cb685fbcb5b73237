//! What is no request at the socket, and users who take more than their share.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;

use super::{GAMES, Site};
use crate::lab::process::wait_for;

fn send(site: &Site, bytes: &[u8]) -> UnixStream {
    let mut stream = UnixStream::connect(site.broker.ssh_socket()).unwrap();
    // Whoever is cut off cannot send it all.
    let _ = stream.write_all(bytes);
    stream
}

fn answer(mut stream: UnixStream) -> String {
    let mut text = String::new();
    let _ = stream.read_to_string(&mut text);
    text
}

/// Ids that no user has.
const NOBODY_AT_ALL: (u32, u32) = (4_000_123, 4_000_123);

#[test]
fn whoever_is_turned_away_has_a_line() {
    let site = Site::start("", "");
    let line = || -> serde_json::Value {
        let decision = site.decision();
        serde_json::from_str(decision.split_once("audit: ").unwrap().1).unwrap()
    };
    let refused = site.ask(NOBODY_AT_ALL, "--user games --task listsessions");
    assert!(!refused.contains("granted"), "{refused}");
    let nameless = line();
    for (field, value) in [("door", "ssh"), ("task", "list"), ("outcome", "refused")] {
        assert_eq!(nameless[field], value, "{nameless}");
    }
    assert_eq!(nameless["by_uid"], NOBODY_AT_ALL.0);
    assert_eq!(nameless["cause"], "this machine has no user with that uid");

    site.ask(GAMES, "--user games --task selectsession --sid office --sid xfce");
    let twice = line();
    assert_eq!((&twice["task"], &twice["by_uid"]), (&"select".into(), &5.into()));
    assert_eq!(
        twice["cause"],
        "bad request: select: field `sid` stands there twice"
    );

    // What is no message may have a password in it all the same.
    answer(send(
        &site,
        b"{\"version\":1,\"body\":{\"words\":\"--newpass Hush-hush\"}}\n",
    ));
    let garbage = line();
    assert_eq!(
        (&garbage["task"], &garbage["by_uid"]),
        (&"unknown".into(), &0.into())
    );
    assert!(
        garbage["cause"].as_str().unwrap().starts_with("bad request: "),
        "{garbage}"
    );
    assert!(!site.broker.log().contains("Hush"), "{}", site.broker.log());
}

#[test]
fn garbage_is_refused_or_cut_off() {
    let site = Site::start("", "");
    for garbage in [
        &b"\n"[..],
        b"{}\n",
        b"\xff\xfe\n",
        b"{\"version\":2,\"body\":{}}\n",
        b"{\"version\":1,\"body\":{\"words\":[1]}}\n",
        b"{\"version\":1,\"body\":{\"words\":[\"--task\",\"listsessions\"],\"client\":\"x\"}}\n",
        b"{\"version\":1,\"body\":{\"words\":[]}}\n",
    ] {
        let reply = answer(send(&site, garbage));
        assert!(
            reply.contains("refused") && !reply.contains("granted"),
            "{garbage:?}: {reply}"
        );
    }
    for cut_off in [vec![b'x'; 1 << 20], b"{\"version\":1,".to_vec()] {
        assert_eq!(answer(send(&site, &cut_off)), "");
    }
}

#[test]
fn a_user_has_four_connections_and_leaves_the_others_theirs() {
    let site = Site::start("", "");
    let silent: Vec<_> = (0..4).map(|_| send(&site, b"")).collect();
    wait_for("the fifth is closed", || {
        let log = site.broker.log();
        answer(send(&site, b"")).is_empty().then_some(())?;
        log.contains("has all the connections that it may have")
            .then_some(())
    });
    let other = site.ask(GAMES, "--task listsessions");
    assert!(other.contains("Access granted"), "{other}");
    for stream in silent {
        assert_eq!(answer(stream), "", "ended at its deadline");
    }
    let again = answer(send(
        &site,
        b"{\"version\":1,\"body\":{\"words\":[\"--task\",\"testcon\"]}}\n",
    ));
    assert!(again.contains("SERVER:No servers available:22"), "{again}");
}
