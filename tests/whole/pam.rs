//! The PAM worker with real modules: what they say arrives, and no more.

mod trouble;

use std::fs;
use std::net::IpAddr;
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::Duration;

use x2godirector::pam_worker::{Change, Client, ClientSettings, Refusal, Unreachable, Verdict};

use crate::lab::pam::{self, NOBODY, PamWorker, RIGHT, ThrowAwayUser, password};

const CLIENT: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 1, 2, 3));
const PATIENCE: Duration = Duration::from_secs(30);
const UNIX: &str = "auth required pam_unix.so\naccount required pam_unix.so\npassword required pam_unix.so\n";

fn right(user: &str) -> Verdict {
    Verdict::Right {
        user: user.to_owned(),
        must_change: false,
        said: Vec::new(),
    }
}

fn matrix() -> PamWorker {
    pam::matrix("alice:secret:x2godirector\ncarol:secret:sshd\n")
}

#[tokio::test]
async fn what_modules_say_of_a_password_arrives() {
    let worker = matrix();
    let client = worker.client().await;
    let ask = async |name, secret| {
        client
            .authenticate(name, &password(secret), CLIENT)
            .await
            .unwrap()
    };
    assert_eq!(ask("alice", "secret").await, right("alice"));
    assert_eq!(ask("alice", "wrong").await, Verdict::Wrong);
    // This module does not tell unknown users apart.
    assert_eq!(ask("mallory", "secret").await, Verdict::Wrong);
    // The password is right, and the account step says no.
    let refused = ask("carol", "secret").await;
    assert!(matches!(refused, Verdict::Refused { .. }), "{refused:?}");
    assert!(!worker.log().contains("secret"), "{}", worker.log());
}

#[tokio::test]
async fn a_password_is_changed_only_by_whoever_knows_the_old_one() {
    let worker = matrix();
    let client = worker.client().await;
    let users = || fs::read_to_string(worker.path("users")).unwrap();
    let before = users();
    let change = async |old, new| {
        let (old, new) = (password(old), password(new));
        client.change_password("alice", &old, &new, CLIENT).await.unwrap()
    };
    assert_eq!(change("wrong", "changed").await, Change::Wrong);
    assert_eq!(users(), before);
    let user = "alice".to_owned();
    assert_eq!(change("secret", "changed").await, Change::Changed { user });
    let ask = async |secret| client.authenticate("alice", &password(secret), CLIENT).await;
    assert_eq!(ask("changed").await, Ok(right("alice")));
    assert_eq!(ask("secret").await, Ok(Verdict::Wrong));
}

#[tokio::test]
async fn a_plain_user_in_group_shadow_checks_the_hosts_own_passwords() {
    let user = ThrowAwayUser::new("correct horse");
    let shadow = nix::unistd::Group::from_name("shadow")
        .unwrap()
        .unwrap()
        .gid
        .as_raw();
    let worker = PamWorker::start_as(UNIX, PATIENCE, "", Some((NOBODY, shadow)));
    // What the daemon's user cannot do.
    let daemon = Command::new("cat")
        .arg("/etc/shadow")
        .uid(NOBODY)
        .gid(NOBODY)
        .output();
    assert!(!daemon.unwrap().status.success());
    let client = worker.client().await;
    let ask = async |secret| {
        client
            .authenticate(&user.name, &password(secret), CLIENT)
            .await
            .unwrap()
    };
    assert_eq!(ask("correct horse").await, right(&user.name));
    assert_eq!(ask("wrong").await, Verdict::Wrong);
    let unknown = client.authenticate("x2gd-nobody", &password("any"), CLIENT).await;
    assert_eq!(unknown, Ok(Verdict::Unknown));
    user.age(&["--lastday", "0"]);
    assert!(matches!(
        ask("correct horse").await,
        Verdict::Right {
            must_change: true,
            ..
        }
    ));
    user.age(&["--lastday", "2020-01-01", "--expiredate", "2020-01-02"]);
    let expired = ask("correct horse").await;
    assert!(
        matches!(
            expired,
            Verdict::Refused {
                why: Refusal::Expired,
                ..
            }
        ),
        "{expired:?}"
    );
}

#[tokio::test]
async fn a_worker_of_root_changes_the_hosts_own_passwords() {
    let user = ThrowAwayUser::new("correct horse");
    let worker = PamWorker::start(UNIX, PATIENCE, "");
    let client = worker.client().await;
    let change = async |old, new| {
        let (old, new) = (password(old), password(new));
        client
            .change_password(&user.name, &old, &new, CLIENT)
            .await
            .unwrap()
    };
    let (name, new) = (user.name.clone(), "battery staple");
    assert_eq!(change("wrong", new).await, Change::Wrong);
    assert_eq!(
        change("correct horse", new).await,
        Change::Changed { user: name.clone() }
    );
    assert_eq!(change("correct horse", "another").await, Change::Wrong);
    // Nobody is spared a rule because the worker is root, not even a moment after another was.
    let Change::Rejected { said } = change(new, "x").await else {
        panic!("one letter is taken")
    };
    assert!(said.join(" ").contains("longer password"), "{said:?}");
    user.age(&["--mindays", "7"]);
    assert!(matches!(
        change(new, "horse correct").await,
        Change::Rejected { .. }
    ));
    user.age(&["--mindays", "0"]);
    // Expired: pam_unix asks even root for the current one.
    user.age(&["--lastday", "0"]);
    assert_eq!(change(new, "horse correct").await, Change::Changed { user: name });
    let again = client
        .authenticate(&user.name, &password("horse correct"), CLIENT)
        .await;
    assert_eq!(again, Ok(right(&user.name)));
}

#[tokio::test]
async fn users_of_the_host_come_with_all_groups() {
    let user = ThrowAwayUser::new("correct horse");
    let worker = matrix();
    let client = worker.client().await;
    let found = client.user(&user.name).await.unwrap().unwrap();
    let mut groups: Vec<_> = found.groups.iter().map(|group| &group.name).collect();
    groups.sort();
    let mut expected = [&user.group, &user.name];
    expected.sort();
    assert_eq!(groups, expected);
    assert!(found.groups.iter().any(|group| group.gid == found.gid));
    assert_eq!(
        (&found.name, found.home),
        (&user.name, format!("/home/{}", user.name))
    );
    assert_eq!(client.user("x2gd no such user").await, Ok(None));
}

#[tokio::test]
async fn modules_that_refuse_by_hour_and_by_place_are_obeyed() {
    let service = "auth required pam_permit.so
account required pam_time.so conffile=FOLDER/hours
account required pam_access.so accessfile=FOLDER/places\n";
    let worker = PamWorker::start(service, PATIENCE, "");
    fs::write(worker.path("hours"), "*;*;daemon;!Al0000-2400\n").unwrap();
    fs::write(
        worker.path("places"),
        "-:ALL EXCEPT root daemon:ALL EXCEPT 10.1.2.3\n",
    )
    .unwrap();
    let client = worker.client().await;
    let ask = async |name, from: [u8; 4]| {
        let verdict = client
            .authenticate(name, &password("any"), from.into())
            .await
            .unwrap();
        match verdict {
            Verdict::Refused { why, .. } => Some(why),
            other => {
                assert_eq!(other, right(name));
                None
            }
        }
    };
    assert_eq!(ask("daemon", [10, 1, 2, 3]).await, Some(Refusal::Forbidden));
    assert_eq!(ask("bin", [10, 1, 2, 3]).await, None);
    assert_eq!(ask("bin", [10, 1, 2, 4]).await, Some(Refusal::Forbidden));
}

#[tokio::test]
async fn modules_get_the_client_a_terminal_and_a_clean_environment() {
    let worker = PamWorker::misbehaving(PATIENCE, "");
    let client = worker.client().await;
    let from = "2001:db8::7".parse().unwrap();
    let verdict = client
        .authenticate("items", &password(RIGHT), from)
        .await
        .unwrap();
    let said = vec!["2001:db8::7 x2go clean 1".to_owned()];
    assert!(
        matches!(&verdict, Verdict::Right { said: lines, .. } if *lines == said),
        "{verdict:?}"
    );
}

#[tokio::test]
async fn return_codes_are_told_apart() {
    let worker = PamWorker::misbehaving(PATIENCE, "");
    let client = worker.client().await;
    let ask = async |name, secret| client.authenticate(name, &password(secret), CLIENT).await;
    let refused = |why| {
        Ok(Verdict::Refused {
            why,
            said: Vec::new(),
        })
    };
    assert_eq!(ask("locked", RIGHT).await, refused(Refusal::Locked));
    // Right, and then unknown: must not be looked for elsewhere.
    assert_eq!(ask("stranger", RIGHT).await, refused(Refusal::Unsaid));
    assert_eq!(ask("must-change", "wrong").await, Ok(Verdict::Wrong));
    let must_change = ask("must-change", RIGHT).await.unwrap();
    assert!(matches!(
        must_change,
        Verdict::Right {
            must_change: true,
            ..
        }
    ));
    let Err(Unreachable { cause, sent: true }) = ask("unavailable", RIGHT).await else {
        panic!("an answer")
    };
    assert!(cause.contains("Authinfo_Unavail"), "{cause}");
    // A question that only a person can answer says nothing about the password, which nobody has seen.
    let Err(Unreachable { cause, sent: false }) = ask("asks", RIGHT).await else {
        panic!("an answer")
    };
    assert!(cause.contains("«Which of 3?»"), "{cause}");
    // What is said is for the log, however much it is.
    let Ok(Verdict::Right { said, .. }) = ask("chatty", RIGHT).await else {
        panic!("no success")
    };
    assert_eq!((said.len(), said[7].as_str()), (8, "line 7"));
}

#[tokio::test]
async fn a_module_cannot_make_another_user_of_somebody() {
    let user = ThrowAwayUser::new("correct horse");
    let other = user.other_name("becomes-");
    let worker = PamWorker::misbehaving(PATIENCE, "");
    let client = worker.client().await;
    let ask = async |name: &str| client.authenticate(name, &password(RIGHT), CLIENT).await.unwrap();
    // Two names of one user id are one account.
    assert_eq!(ask(&other.name).await, right(&user.name));
    let (why, said) = (Refusal::OtherAccount, Vec::new());
    assert_eq!(ask("becomes-root").await, Verdict::Refused { why, said });
}

#[tokio::test]
async fn the_new_password_is_refused_in_the_modules_words() {
    let worker = PamWorker::misbehaving(PATIENCE, "");
    let client = worker.client().await;
    let change = async |name, new| {
        let (old, new) = (password(RIGHT), password(new));
        client.change_password(name, &old, &new, CLIENT).await.unwrap()
    };
    let Change::Rejected { said } = change("alice", "short").await else {
        panic!("not rejected")
    };
    assert_eq!(said.first().map(String::as_str), Some("it is too short"));
    let changed = |user: &str| Change::Changed {
        user: user.to_owned(),
    };
    assert_eq!(change("alice", "long enough").await, changed("alice"));
    assert_eq!(change("must-change", "long enough").await, changed("must-change"));
}

#[tokio::test]
async fn a_service_without_a_file_is_not_replaced_by_another() {
    let mut worker = matrix();
    worker.kill();
    fs::remove_file(worker.path("pam.d/x2godirector")).unwrap();
    fs::write(worker.path("pam.d/other"), "auth required pam_permit.so\n").unwrap();
    let (code, said) = worker.fail();
    assert_eq!(code, Some(78), "{said}");
    assert!(said.contains("there is no PAM service `x2godirector`"), "{said}");
}

#[tokio::test]
async fn only_the_daemon_is_heard() {
    let worker = matrix();
    let connect = "import socket, sys; s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); \
                   s.sendall(b'\\0\\0\\0\\1\\0'); print(len(s.recv(9)))";
    let heard = |uid| {
        let mut command = Command::new("python3");
        command
            .args(["-c", connect])
            .arg(worker.path("pam.sock"))
            .uid(uid)
            .gid(uid);
        let output = command.output().unwrap();
        // Closed before the question could be sent, or before it was answered.
        output.status.success() && output.stdout != b"0\n"
    };
    assert!(heard(0));
    assert!(!heard(NOBODY));
    assert!(worker.log().contains("uid=65534"), "{}", worker.log());
}

#[tokio::test]
async fn systemd_may_hold_the_socket_and_is_told_when_the_worker_is_ready() {
    let mut worker = matrix();
    worker.kill();
    let (path, told) = (worker.path("activated.sock"), worker.path("notify.sock"));
    let listening = UnixListener::bind(&path).unwrap();
    let notified = UnixDatagram::bind(&told).unwrap();
    // systemd passes the socket as descriptor 3, to the process whose id it names.
    let mut shell = Command::new("sh");
    shell
        .args([
            "-c",
            "exec 3<&0 </dev/null; export LISTEN_FDS=1 LISTEN_PID=$$ WATCHDOG_PID=$$ WATCHDOG_USEC=200000; exec \"$@\"",
            "sh",
        ])
        .arg(worker.path("x2godirector"))
        .args(["pam-worker", "--config"])
        .arg(worker.path("conf.d"))
        .env("NOTIFY_SOCKET", &told)
        .stdin(OwnedFd::from(listening));
    let mut child = shell.spawn().unwrap();
    let mut message = [0; 32];
    notified.set_read_timeout(Some(PATIENCE)).unwrap();
    let length = notified.recv(&mut message).unwrap();
    assert_eq!(message[..length].trim_ascii(), b"READY=1");
    for _ in 0..2 {
        let length = notified.recv(&mut message).unwrap();
        assert_eq!(message[..length].trim_ascii(), b"WATCHDOG=1");
    }
    // Nobody listens any more, and logins do not suffer for it.
    drop(notified);
    let client = Client::new(ClientSettings {
        socket: path,
        timeout: PATIENCE,
    });
    let answer = client.authenticate("alice", &password("secret"), CLIENT).await;
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(answer, Ok(right("alice")));
}
