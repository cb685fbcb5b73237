//! The SSH door: who somebody is there, what they may ask, and what rude users cost. Needs root, to be several users.

mod client;
mod rude;

use std::os::unix::process::CommandExt as _;
use std::process::{Command, Output};

use crate::lab::broker::Broker;
use crate::lab::site::{Reach, configuration, profiles};
use crate::lab::slapd::{self, Slapd};

/// Users that every Debian has (base-passwd), by uid and gid.
const GAMES: (u32, u32) = (5, 60);
const MAN: (u32, u32) = (6, 12);
const LP: (u32, u32) = (7, 7);

const FRONT_END: &str = "x2godirector-ssh";
/// Where sshd says that the client is.
const HERE: &str = "127.0.0.1 40000 127.0.0.1 22";

/// A site whose people are users of this machine: games is staff and a student under the same uid, man is staff under
/// another one, and lp is nobody there.
struct Site {
    broker: Broker,
    slapd: Slapd,
}

impl Site {
    /// A site with these lines in `[ssh]`, and these rules besides.
    fn start(ssh: &str, rules: &str) -> Self {
        let people =
            slapd::people(&["games", "man", "alice"]).replace("uidNumber: 20000\n", "uidNumber: 5\n");
        let (games, man, alice) = (
            slapd::person("games"),
            slapd::person("man"),
            slapd::person("alice"),
        );
        let ldif = people
            + &slapd::group_of_names("staff", &[&games, &man])
            + &slapd::group_of_names("students", &[&games, &alice]);
        let slapd = Slapd::start(&ldif);
        let good = configuration(&slapd, Reach::Plain, slapd.ldap_port());
        let broker = Broker::start(&format!("{good}\n{rules}\n[ssh]\nenabled = true\n{ssh}\n"));
        Self {
            broker: broker.open_to_all(FRONT_END),
            slapd,
        }
    }

    fn command(&self, (uid, gid): (u32, u32)) -> Command {
        let mut command = Command::new(self.broker.folder().join(FRONT_END));
        command
            .env_clear()
            .env("X2GODIRECTOR__SSH__SOCKET", self.broker.ssh_socket())
            .env("SSH_CONNECTION", HERE)
            .uid(uid)
            .gid(gid);
        command
    }

    /// What a user gets who runs the front end with these words.
    fn ask(&self, user: (u32, u32), words: &str) -> String {
        let output = self
            .command(user)
            .args(words.split_whitespace())
            .output()
            .unwrap();
        answer(&output)
    }

    /// What a user gets whose sshd runs the front end whatever they ask for.
    fn force(&self, user: (u32, u32), command: &str) -> String {
        let output = self
            .command(user)
            .env("SSH_ORIGINAL_COMMAND", command)
            .output()
            .unwrap();
        answer(&output)
    }

    /// The last line about a decision.
    fn decision(&self) -> String {
        let log = self.broker.log();
        let line = log.lines().rev().find(|line| line.contains("\"decision\":"));
        line.unwrap_or_default().to_owned()
    }
}

fn answer(output: &Output) -> String {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        text.ends_with('\n'),
        "nothing on standard output; standard error: {errors}"
    );
    text
}

fn is_refusal(text: &str) -> bool {
    !text.contains("Access granted") && !text.is_empty()
}

#[test]
fn the_user_is_whom_the_kernel_says_whatever_the_words_say() {
    let site = Site::start("", "");
    for words in [
        "--user games --task listsessions",
        "--user alice --authid 0af9 --task listsessions",
        "--user  --task listsessions",
        "--task listsessions",
    ] {
        let list = site.ask(GAMES, words);
        assert_eq!(profiles(&list), ["office", "terminal"], "{words}: {list}");
        assert!(
            list.contains("user=\"games\"") && !list.contains("AUTHID"),
            "{list}"
        );
    }
    let line = site.decision();
    for part in [
        "\"door\":\"ssh\"",
        "\"proof\":\"peer\"",
        "\"by_uid\":5",
        "\"account\":\"ldap:games\"",
    ] {
        assert!(line.contains(part), "{part}: {line}");
    }
    assert!(!line.contains("\"client\""), "{line}");

    for user in [MAN, LP, (0, 0)] {
        let refusal = site.ask(user, "--user games --task listsessions");
        assert!(is_refusal(&refusal), "{user:?}: {refusal}");
    }
    let line = site.decision();
    assert!(
        line.contains("\"by_uid\":0") && line.contains("\"typed\":\"games\""),
        "{line}"
    );
    assert_eq!(site.slapd.binds(&slapd::person("games")), 0);
}

#[test]
fn every_task_has_its_answer() {
    let site = Site::start("", "");
    let selected = site.ask(
        GAMES,
        "--user games --task selectsession --sid office --login games",
    );
    assert!(selected.contains("SERVER:127.0.0.1:"), "{selected}");
    assert!(is_refusal(
        &site.ask(GAMES, "--user games --task selectsession --sid xfce")
    ));

    let event = |user, event: &str| {
        let words = format!(
            "--user games --task clientevent --sid games-50-1_stDMATE_dp24 --event {event} --server 127.0.0.1 \
             --client --task --login games --cmd MATE --display 50 --start now --elapsed 0 --version 4.1.2.4 --os linux"
        );
        site.ask(user, &words)
    };
    assert_eq!(event(GAMES, "CONNECTED"), "Access granted\n");
    assert!(
        site.decision().contains("\"counted\":true"),
        "{}",
        site.decision()
    );
    assert!(is_refusal(&event(LP, "CONNECTED")));
    assert_eq!(event(GAMES, "FINISHED"), "Access granted\n");
    assert!(is_refusal(&event(GAMES, "DANCING")));

    // A client needs these lines.
    let test = site.ask(GAMES, "--authid --task testcon");
    assert_eq!(test, "Access granted\nSERVER:No servers available:22\n");
    let change = site.ask(GAMES, "--user games --task setpass --newpass other-secret");
    assert_eq!(change, "Access granted\nPASSWORD CHANGED: FAIL\n");
    assert!(!site.broker.log().contains("other-secret"));

    for words in ["--task", "--task prove", "--user games", "--help-me"] {
        assert!(is_refusal(&site.ask(GAMES, words)), "{words}");
    }
}

#[test]
fn where_somebody_sits_is_believed_only_of_those_who_run_nothing_else() {
    let rules =
        "[rule.loopback-only]\ngroups = [\"students\"]\nclients = [\"127.0.0.1\"]\nprofiles = [\"xfce\"]\n";
    let list = |site: &Site| site.ask(GAMES, "--user games --task listsessions");
    // Unknown: the deny rule for staff from the hall holds, and nothing that names clients gives anything.
    for ssh in ["", "forced = [\"man\", \"no-such-group\"]"] {
        let site = Site::start(ssh, rules);
        assert_eq!(profiles(&list(&site)), ["office", "terminal"], "{ssh}");
    }
    for ssh in ["forced = true", "forced = [\"no-such-group\", \"games\"]"] {
        let site = Site::start(ssh, rules);
        assert_eq!(profiles(&list(&site)), ["office", "terminal", "xfce"], "{ssh}");
        assert!(
            site.decision().contains("\"client\":\"127.0.0.1\""),
            "{}",
            site.decision()
        );
        let somewhere = site
            .command(GAMES)
            .env("SSH_CONNECTION", "127.9.0.1 1 127.0.0.1 22")
            .args(["--task", "listsessions"])
            .output()
            .unwrap();
        assert_eq!(profiles(&answer(&somewhere)), ["office", "terminal"]);
    }
}

#[test]
fn a_forced_command_reads_what_the_client_sent_and_runs_no_shell() {
    let site = Site::start("", "");
    assert_eq!(site.force(GAMES, "echo \"LOGIN OK\""), "LOGIN OK\n");
    let wrapped = |command: &str| {
        format!(
            "bash -l -c 'echo \"X2GODATABEGIN:4c87-a\"; export PATH=\"/usr/local/bin:/usr/bin:/bin\";export \
             TERM=\"dumb\"; {command}; echo \"X2GODATAEND:4c87-a\";'"
        )
    };
    let list = site.force(
        GAMES,
        &wrapped("/usr/bin/x2gobroker-ssh --user O'Brien $(id) --task listsessions"),
    );
    assert!(
        list.starts_with("X2GODATABEGIN:4c87-a\nAccess granted\n"),
        "{list}"
    );
    assert!(list.ends_with("\nX2GODATAEND:4c87-a\n"), "{list}");
    assert_eq!(profiles(&list), ["office", "terminal"]);
    for hostile in [
        "id".to_owned(),
        "/bin/sh".to_owned(),
        String::new(),
        wrapped("id"),
        wrapped("/b --task listsessions; touch /tmp/x2godirector-was-here"),
        wrapped("/b --task listsessions") + "; id",
        wrapped("/b --sid \"x"),
    ] {
        let refusal = site.force(GAMES, &hostile);
        assert!(
            is_refusal(&refusal) && !refusal.contains("uid="),
            "{hostile}: {refusal}"
        );
    }
    let by_hand = site.command(GAMES).output().unwrap();
    assert!(answer(&by_hand).contains("X2Go Client"));
}

#[test]
fn the_door_is_shut_unless_it_is_opened() {
    let slapd = Slapd::start(&slapd::people(&["games"]));
    let broker = Broker::start(&configuration(&slapd, Reach::Plain, 1)).open_to_all(FRONT_END);
    assert!(!broker.ssh_socket().exists());
    let output = Command::new(broker.folder().join(FRONT_END))
        .env("X2GODIRECTOR__SSH__SOCKET", broker.ssh_socket())
        .args(["--task", "listsessions"])
        .output()
        .unwrap();
    assert!(is_refusal(&answer(&output)));
    let why = String::from_utf8_lossy(&output.stderr);
    assert!(why.contains("no daemon answers at"), "{why}");
}
