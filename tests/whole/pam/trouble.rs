//! Modules that hang, crash or dawdle, and processes that are killed: each costs the login it happens to.

use std::fs::{self, Permissions};
use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::task::JoinSet;
use x2godirector::pam_worker::{Unreachable, Verdict};

use super::{CLIENT, PATIENCE, matrix, right};
use crate::lab::pam::{PamWorker, RIGHT, is_running, password, processes_busy, wait_until_gone};

/// The deadline of transactions that are to pass it.
const SOON: Duration = Duration::from_secs(2);

#[tokio::test]
async fn a_module_that_hangs_is_killed_at_the_deadline_and_others_go_on() {
    let worker = PamWorker::misbehaving(SOON, "");
    let client = worker.client().await;
    let hangs = tokio::spawn({
        let client = client.clone();
        async move { client.authenticate("hang", &password(RIGHT), CLIENT).await }
    });
    let pid = worker.process_of("hang").await;
    assert_eq!(
        client.authenticate("alice", &password(RIGHT), CLIENT).await,
        Ok(right("alice"))
    );
    assert!(is_running(pid));
    let Err(Unreachable { cause, sent: true }) = hangs.await.unwrap() else {
        panic!("an answer")
    };
    assert!(cause.contains("killed"), "{cause}");
    wait_until_gone(pid).await;
    assert_eq!(
        client.authenticate("alice", &password(RIGHT), CLIENT).await,
        Ok(right("alice"))
    );
}

#[tokio::test]
async fn a_program_that_a_module_waits_for_ends_the_same_way() {
    let service =
        "auth required pam_exec.so FOLDER/sleeper FOLDER/sleeper.pid\naccount required pam_permit.so\n";
    let worker = PamWorker::start(service, SOON, "");
    let program = worker.path("sleeper");
    fs::write(&program, "#!/bin/sh\necho $PPID > $1\nexec sleep 1000\n").unwrap();
    fs::set_permissions(&program, Permissions::from_mode(0o755)).unwrap();
    let client = worker.client().await;
    let answer = client.authenticate("root", &password("any"), CLIENT).await;
    assert!(answer.is_err(), "{answer:?}");
    wait_until_gone(worker.process_of("sleeper").await).await;
}

#[tokio::test]
async fn the_wait_after_a_failure_holds_no_process() {
    // Of four processes, new names may hold three.
    let worker = PamWorker::misbehaving(PATIENCE, "workers = 4");
    let client = worker.client().await;
    let mut failing = JoinSet::new();
    for number in 0..6 {
        let client = client.clone();
        failing.spawn(async move {
            let name = format!("delayed-{number}");
            client.authenticate(&name, &password("wrong"), CLIENT).await
        });
    }
    worker.users_asked(6).await;
    assert_eq!(
        client.authenticate("alice", &password(RIGHT), CLIENT).await,
        Ok(right("alice"))
    );
    assert!(failing.try_join_next().is_none(), "a failure came at once");
    while let Some(answer) = failing.join_next().await {
        assert_eq!(answer.unwrap(), Ok(Verdict::Wrong));
    }
}

#[tokio::test]
async fn faildelay_is_taken_over_from_real_modules() {
    let service = "auth optional pam_faildelay.so delay=4000000\nauth required pam_deny.so\n";
    let worker = PamWorker::start(service, Duration::from_secs(1), "");
    let client = worker.client().await;
    // In the process the wait would pass the deadline.
    let answer = client.authenticate("alice", &password("any"), CLIENT).await;
    assert_eq!(answer, Ok(Verdict::Wrong));
}

#[tokio::test]
async fn a_module_that_crashes_costs_one_login() {
    let worker = PamWorker::misbehaving(PATIENCE, "");
    let client = worker.client().await;
    for (name, said) in [
        ("crash", "signal: 6"),
        ("exit", "exit status: 3"),
        ("early-crash", "signal: 6"),
    ] {
        let Err(Unreachable { cause, .. }) = client.authenticate(name, &password(RIGHT), CLIENT).await else {
            panic!("an answer")
        };
        assert!(cause.contains(said), "{cause}");
        let log = worker.log();
        let whose = format!("user=\"{name}\"");
        let line = log
            .lines()
            .find(|line| line.contains(said) && line.contains(&whose));
        assert!(line.is_some(), "{log}");
        assert_eq!(
            client.authenticate("alice", &password(RIGHT), CLIENT).await,
            Ok(right("alice"))
        );
    }
}

#[tokio::test]
async fn hung_logins_leave_room_for_good_ones() {
    let worker = PamWorker::misbehaving(PATIENCE, "");
    let client = worker.client().await;
    let elsewhere: IpAddr = [10, 9, 9, 9].into();
    assert_eq!(
        client.authenticate("alice", &password(RIGHT), CLIENT).await,
        Ok(right("alice"))
    );
    let mut hung = JoinSet::new();
    for number in 0..64 {
        let client = client.clone();
        // Half of them try one name again and again, and one of them alice's.
        let name = match number {
            0 => "hang-alice".to_owned(),
            1..32 => format!("hang-{number}"),
            _ => "hang".to_owned(),
        };
        hung.spawn(async move { client.authenticate(&name, &password(RIGHT), elsewhere).await });
    }
    // All that names of whom nothing is known may hold, however many of them are the one name.
    processes_busy(&client, 12).await;
    for _ in 0..16 {
        assert_eq!(
            client.authenticate("alice", &password(RIGHT), CLIENT).await,
            Ok(right("alice"))
        );
    }
    // Lookups have processes of their own, so tickets go on for everybody.
    assert!(client.user("root").await.unwrap().is_some());
    // Names of whom nothing is known wait in vain: the password stays here.
    let Err(Unreachable { sent: false, .. }) = client.authenticate("bob", &password(RIGHT), CLIENT).await
    else {
        panic!("an answer")
    };
}

#[tokio::test]
async fn one_name_that_hangs_everywhere_leaves_room_for_new_ones() {
    let worker = PamWorker::misbehaving(PATIENCE, "");
    let client = worker.client().await;
    let mut hung = JoinSet::new();
    for _ in 0..64 {
        let client = client.clone();
        hung.spawn(async move { client.authenticate("hang", &password(RIGHT), CLIENT).await });
    }
    worker.process_of("hang").await;
    for number in 0..16 {
        let name = format!("user-{number}");
        assert_eq!(
            client.authenticate(&name, &password(RIGHT), CLIENT).await,
            Ok(right(&name))
        );
    }
}

#[tokio::test]
async fn a_process_killed_in_the_middle_costs_its_login_only() {
    let worker = PamWorker::misbehaving(PATIENCE, "");
    let client = worker.client().await;
    let mut slow = JoinSet::new();
    for number in 0..6 {
        let client = client.clone();
        slow.spawn(async move {
            let name = format!("slow-{number}");
            (number, client.authenticate(&name, &password(RIGHT), CLIENT).await)
        });
    }
    let killed = worker.process_of("slow-3").await;
    kill(Pid::from_raw(killed), Signal::SIGKILL).unwrap();
    while let Some(answer) = slow.join_next().await {
        match answer.unwrap() {
            (3, answer) => assert!(
                matches!(answer, Err(Unreachable { sent: true, .. })),
                "{answer:?}"
            ),
            (number, answer) => assert_eq!(answer, Ok(right(&format!("slow-{number}")))),
        }
    }
    // Killed while it waits: nobody notices.
    let answer = client.authenticate("alice", &password(RIGHT), CLIENT).await;
    assert_eq!(answer, Ok(right("alice")));
    kill(Pid::from_raw(worker.process_of("alice").await), Signal::SIGKILL).unwrap();
    wait_until_gone(worker.process_of("alice").await).await;
    assert_eq!(
        client.authenticate("bob", &password(RIGHT), CLIENT).await,
        Ok(right("bob"))
    );
}

#[tokio::test]
async fn a_worker_that_is_killed_takes_its_processes_with_it_and_comes_back() {
    let mut worker = PamWorker::misbehaving(PATIENCE, "");
    let client = worker.client().await;
    let hangs = tokio::spawn({
        let client = client.clone();
        async move { client.authenticate("hang", &password(RIGHT), CLIENT).await }
    });
    let pid = worker.process_of("hang").await;
    worker.kill();
    assert!(matches!(
        hangs.await.unwrap(),
        Err(Unreachable { sent: true, .. })
    ));
    wait_until_gone(pid).await;
    let answer = client.authenticate("alice", &password(RIGHT), CLIENT).await;
    assert!(
        matches!(answer, Err(Unreachable { sent: false, .. })),
        "{answer:?}"
    );
    assert!(!client.is_reachable());
    worker.start_again();
    assert_eq!(
        client.authenticate("alice", &password(RIGHT), CLIENT).await,
        Ok(right("alice"))
    );
    assert!(client.is_reachable());
}

#[tokio::test]
async fn a_worker_that_is_stopped_finishes_what_it_has() {
    let mut worker = PamWorker::misbehaving(PATIENCE, "");
    let client = worker.client().await;
    let slow = tokio::spawn({
        let client = client.clone();
        async move { client.authenticate("slow", &password(RIGHT), CLIENT).await }
    });
    worker.process_of("slow").await;
    worker.process().signal("TERM");
    assert_eq!(slow.await.unwrap(), Ok(right("slow")));
    assert!(worker.process().wait().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_of_the_worker_fails_no_login() {
    let mut worker = matrix();
    let client = worker.client().await;
    let stop = Arc::new(AtomicBool::new(false));
    let asking = tokio::task::spawn_blocking({
        let stop = Arc::clone(&stop);
        let handle = tokio::runtime::Handle::current();
        move || {
            let mut asked = 0;
            while !stop.load(Ordering::Relaxed) {
                let secret = password("secret");
                let answer = handle.block_on(client.authenticate("alice", &secret, CLIENT));
                assert_eq!(answer, Ok(right("alice")), "after {asked} answers");
                asked += 1;
            }
            asked
        }
    });
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_millis(200)).await;
        worker.process().signal("TERM");
        let worker = &mut worker;
        tokio::task::block_in_place(|| {
            assert!(worker.process().wait().success());
            worker.start_again();
        });
    }
    stop.store(true, Ordering::Relaxed);
    assert!(asking.await.unwrap() > 0);
}

#[tokio::test]
async fn nothing_secret_is_in_a_log_or_a_process_list() {
    const MARKER: &str = "marker-7Qx2";
    let worker = PamWorker::misbehaving(SOON, "");
    let client = worker.client().await;
    for name in ["hang", "crash", "alice"] {
        let asked = client.clone();
        let asked = tokio::spawn(async move { asked.authenticate(name, &password(MARKER), CLIENT).await });
        let pid = worker.process_of(name).await;
        for file in ["cmdline", "environ"] {
            // A process that has ended lists nothing.
            let listed = fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
            assert!(!String::from_utf8_lossy(&listed).contains(MARKER));
        }
        let answer = format!("{:?}", asked.await.unwrap());
        assert!(!answer.contains(MARKER), "{answer}");
    }
    assert!(!worker.log().contains(MARKER), "{}", worker.log());
}

#[tokio::test]
async fn two_workers_do_not_share_a_socket() {
    let mut worker = matrix();
    let (code, said) = worker.fail();
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("another worker listens there"), "{said}");
}

#[tokio::test]
async fn a_lookup_that_hangs_is_ended_and_the_next_one_answered() {
    let mut worker = matrix();
    let client = worker.client().await;
    // A stopped process is what a name service that hangs looks like from outside.
    let stopped = worker.processes();
    assert!(!stopped.is_empty());
    for pid in &stopped {
        kill(Pid::from_raw(*pid), Signal::SIGSTOP).unwrap();
    }
    let answer = client.user("root").await;
    assert!(
        matches!(answer, Err(Unreachable { sent: false, .. })),
        "{answer:?}"
    );
    assert!(client.user("root").await.unwrap().is_some());
}
