//! One restart, looked at closely: who is connected, what systemd is told, and those who ask through other doors.

use std::fs;
use std::os::unix::process::CommandExt;
use std::process::Stdio;

use tokio::io::AsyncReadExt;

use super::service::Service;
use super::{GRANTED, Site, conf_d};
use crate::lab::https::{HttpsClient, Trust, tcp};
use crate::lab::site::{list, profiles};
use crate::lab::slapd;

/// A user that every Debian has (base-passwd), by uid and gid.
const GAMES: (u32, u32) = (5, 60);
/// fcntl(2), `O_CLOEXEC`, as /proc shows it.
const CLOSE_ON_EXEC: u32 = 0o2_000_000;

fn form() -> String {
    list("alice", "alice-secret", "")
}

async fn connect(service: &Service) -> HttpsClient {
    HttpsClient::connect(service.address(), Trust::Anybody, None)
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_connected_is_answered_by_this_daemon_or_the_next() {
    let mut site = Site::start(&[], "");
    let mut used = connect(&site.service).await;
    assert!(
        used.post_form("/plain/", &form())
            .await
            .unwrap()
            .text()
            .contains(GRANTED)
    );
    let mut fresh = connect(&site.service).await;
    site.service.ask_to_stop();
    // A connection between two requests is closed as TLS closes one: this is an error where it is only cut.
    assert_eq!(used.into_stream().read(&mut [0]).await.unwrap(), 0);
    // One that has not asked yet is waited for.
    let answer = fresh.post_form("/plain/", &form()).await.unwrap();
    assert!(answer.text().contains(GRANTED));
    assert_eq!(answer.header("connection"), Some("close"));
    site.service.wait();
    // Nobody serves, and nobody is refused.
    let early = tcp(site.service.address(), None).await.unwrap();
    let early = tokio::spawn(async move {
        let mut early = HttpsClient::over(early, Trust::Anybody, rustls::ALL_VERSIONS).await?;
        early.post_form("/plain/", &form()).await
    });
    site.service.start();
    assert!(early.await.unwrap().unwrap().text().contains(GRANTED));
}

#[tokio::test(flavor = "multi_thread")]
async fn systemd_is_told_how_the_daemon_is() {
    let mut site = Site::start(&[], "");
    let service = &site.service;
    let told = service.words();
    assert_eq!(told[0], "READY=1");
    assert!(told[1].starts_with("STATUS=Serving, configuration "), "{told:?}");
    service.hears("WATCHDOG=1", 0);
    let all_up = |words: &[String]| {
        let up = |word: &String| word.contains("1 of 1 LDAP servers up, 3 of 3 hosts up");
        words.iter().any(up)
    };
    crate::lab::process::wait_for("everything is up", || all_up(&service.words()).then_some(()));

    let from = service.words().len();
    assert!(site.said(&["reload"]).contains("Reloaded"));
    let words = reload_words(&site.service, from);
    assert_eq!(words[0], "RELOADING=1");
    assert!(words[1].starts_with("MONOTONIC_USEC="), "{words:?}");
    assert_eq!(words[2], "READY=1");
    assert!(!words[3].contains("refused"), "{words:?}");

    let good = fs::read_to_string(conf_d(&site.service)).unwrap();
    fs::write(conf_d(&site.service), good + "[nonsense]\n").unwrap();
    let from = site.service.words().len();
    assert_eq!(site.service.ask(&["reload"]).status.code(), Some(1));
    let words = reload_words(&site.service, from);
    assert_eq!((words[0].as_str(), words[2].as_str()), ("RELOADING=1", "READY=1"));
    assert!(words[3].contains("(the last reload was refused)"), "{words:?}");

    let from = site.service.words().len();
    site.service.stop();
    site.service.hears("STOPPING=1", from);
    site.service.hears("STATUS=Stopping", from);
}

/// What a reload says, without the signs of life that come between.
fn reload_words(service: &Service, from: usize) -> Vec<String> {
    service.hears("READY=1", from);
    crate::lab::process::wait_for("a status behind READY=1", || {
        let words: Vec<String> = service.words().split_off(from);
        let mut about: Vec<String> = words
            .into_iter()
            .skip_while(|word| word != "RELOADING=1")
            .collect();
        about.retain(|word| word != "WATCHDOG=1");
        let ready = about.iter().position(|word| word == "READY=1")?;
        // A look at the same time may have told its own status.
        let kept: Vec<String> = about
            .iter()
            .enumerate()
            .filter(|(at, word)| *at > ready || !word.starts_with("STATUS="))
            .map(|(_, word)| word.clone())
            .collect();
        (kept.len() >= 4).then_some(kept)
    })
}

#[test]
fn what_is_handed_over_is_handed_on_to_nobody() {
    let site = Site::start(&[], "");
    let info = fs::read_to_string(site.service.process().join("fdinfo/3")).unwrap();
    let flags = info.lines().find_map(|line| line.strip_prefix("flags:")).unwrap();
    let flags = u32::from_str_radix(flags.trim(), 8).unwrap();
    assert_eq!(flags & CLOSE_ON_EXEC, CLOSE_ON_EXEC, "{info}");
}

/// Takes root, to be another user.
#[test]
fn the_ssh_front_end_waits_for_a_daemon_that_is_restarted() {
    let mut site = Site::start(&["games".to_owned()], "\n[ssh]\nenabled = true\n");
    let games = slapd::person("games");
    site.slapd.modify(&format!(
        "dn: {games}\nchangetype: modify\nreplace: uidNumber\nuidNumber: {}\n\n",
        GAMES.0
    ));
    site.service.stop();
    let asking = site
        .service
        .front_end()
        .args(["--user", "games", "--task", "listsessions"])
        .uid(GAMES.0)
        .gid(GAMES.1)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    site.service.start();
    let output = asking.wait_with_output().unwrap();
    let (text, errors) = (
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(text.contains(GRANTED), "{text}{errors}\n{}", site.service.log());
    assert_eq!(profiles(&text), ["office", "terminal"]);
}
