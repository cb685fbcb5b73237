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
