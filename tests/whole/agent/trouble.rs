//! Hosts that do not answer, answer late, or answer what no agent does.

use std::fs;
use std::net::TcpListener;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::{Instant, sleep};
use x2godirector::agent::{Agent, AgentError, Ssh};
use x2godirector::model::{HostAddress, Machine};

use super::session_user;
use crate::lab::agent::{AgentHost, BrokerKey, children_of};

/// How long a host that is back may take to be found, with all waits between attempts.
const PATIENCE: Duration = Duration::from_secs(90);
/// An agent that only says yes.
const YES: &str = "echo OK";

/// Asks until the answer is as wanted.
async fn becomes(
    ssh: &Ssh,
    machine: &Machine,
    wanted: impl Fn(&Result<(), AgentError>) -> bool,
) -> Result<(), AgentError> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let answer = ssh.ping(machine).await;
        if wanted(&answer) {
            return answer;
        }
        assert!(Instant::now() < deadline, "still {answer:?}");
        sleep(Duration::from_millis(100)).await;
    }
}

fn is_silent<T>(answer: &Result<T, AgentError>) -> bool {
    matches!(answer, Err(AgentError::Silent(_)))
}

/// The ssh processes of this process for a host.
fn connections_to(host: &AgentHost) -> Vec<u32> {
    let own = children_of(std::process::id()).into_iter();
    own.filter(|pid| {
        let command = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let port = format!("\0-p\0{}\0", host.port());
        String::from_utf8_lossy(&command).contains(&port)
    })
    .collect()
}

fn impatient(broker: &BrokerKey) -> Ssh {
    let mut settings = broker.settings();
    settings.timeout = Duration::from_secs(2);
    Ssh::new(settings).unwrap()
}

#[tokio::test]
async fn a_frozen_host_is_silent_and_is_found_again() {
    let broker = BrokerKey::new();
    let host = AgentHost::with_script(&broker, YES);
    let ssh = impatient(&broker);
    let machine = host.machine();
    becomes(&ssh, &machine, Result::is_ok).await.unwrap();
    host.signal_all("STOP");
    let answer = ssh.ping(&machine).await;
    assert!(is_silent(&answer), "{answer:?}");
    // ssh gives up the connection, and new ones are not opened: nobody waits for the host any more.
    let answer = becomes(&ssh, &machine, |answer| {
        matches!(answer, Err(AgentError::Unreachable(_)))
    })
    .await;
    assert!(answer.is_err());
    host.signal_all("CONT");
    becomes(&ssh, &machine, Result::is_ok).await.unwrap();
}

#[tokio::test]
async fn a_frozen_ssh_is_killed_and_replaced() {
    let broker = BrokerKey::new();
    let host = AgentHost::with_script(&broker, YES);
    let ssh = impatient(&broker);
    let machine = host.machine();
    becomes(&ssh, &machine, Result::is_ok).await.unwrap();
    let frozen = connections_to(&host);
    assert_eq!(frozen.len(), 1, "one connection");
    let pid = frozen[0].to_string();
    assert!(
        Command::new("kill")
            .args(["-s", "STOP", &pid])
            .status()
            .unwrap()
            .success()
    );
    assert!(is_silent(&ssh.ping(&machine).await));
    becomes(&ssh, &machine, Result::is_ok).await.unwrap();
    assert!(!connections_to(&host).contains(&frozen[0]), "it is gone");
    drop(ssh);
    let deadline = Instant::now() + PATIENCE;
    while !connections_to(&host).is_empty() {
        assert!(Instant::now() < deadline, "ssh outlives the agent");
        sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_host_that_went_away_and_came_back_with_another_key_is_refused() {
    let broker = BrokerKey::new();
    let mut host = AgentHost::with_script(&broker, YES);
    let ssh = Ssh::new(broker.settings()).unwrap();
    let machine = host.machine();
    ssh.ping(&machine).await.unwrap();
    host.stop();
    let said = |answer: &Result<(), AgentError>, words: &str| matches!(answer, Err(AgentError::Unreachable(why)) if why.contains(words));
    becomes(&ssh, &machine, |answer| {
        said(answer, "nothing listens on its SSH port")
    })
    .await
    .unwrap_err();
    host.change_host_key();
    host.start_again();
    let why = becomes(&ssh, &machine, |answer| {
        said(answer, "its host key is not the one in")
    })
    .await;
    let why = why.unwrap_err().to_string();
    let known_hosts = broker.known_hosts().display().to_string();
    let advice = format!("ssh-keygen -f {known_hosts} -R '[127.0.0.1]:{}'", host.port());
    assert!(why.contains(&advice), "{why}");
    assert_eq!(host.logins(), 0, "nobody logged in there");

    fs::write(broker.known_hosts(), "").unwrap();
    becomes(&ssh, &machine, |answer| said(answer, "its host key is not in"))
        .await
        .unwrap_err();
    broker.trust(&host);
    becomes(&ssh, &machine, Result::is_ok).await.unwrap();
}

#[tokio::test]
async fn a_host_that_does_not_take_the_key_says_so() {
    let broker = BrokerKey::new();
    let host = AgentHost::with_script(&broker, YES);
    fs::write(host.authorized_keys(), "").unwrap();
    let ssh = Ssh::new(broker.settings()).unwrap();
    let why = ssh.ping(&host.machine()).await.unwrap_err().to_string();
    assert!(
        why.contains("does not let x2gobroker in with the broker's key"),
        "{why}"
    );

    let mut settings = broker.settings();
    settings.private_key = "/nowhere/id_ed25519".into();
    let why = Ssh::new(settings)
        .unwrap()
        .ping(&host.machine())
        .await
        .unwrap_err()
        .to_string();
    assert!(
        why.contains("there is no SSH key of the broker, /nowhere/id_ed25519"),
        "{why}"
    );
}

#[tokio::test]
async fn a_slow_answer_delays_nobody_else() {
    let broker = BrokerKey::new();
    let script = "case $SSH_ORIGINAL_COMMAND in *listsessions) sleep 60;; esac; echo OK";
    let host = AgentHost::with_script(&broker, script);
    let ssh = impatient(&broker);
    let machine = host.machine();
    becomes(&ssh, &machine, Result::is_ok).await.unwrap();
    let user = session_user("alice");
    let (slow, quick) = tokio::join!(ssh.sessions(&machine, &user), ssh.ping(&machine));
    assert!(is_silent(&slow), "{slow:?}");
    quick.unwrap();
    // Commands that never end do not use up the sessions of the connection for ever.
    for _ in 0..4 {
        let (one, two, three) = tokio::join!(
            ssh.sessions(&machine, &user),
            ssh.sessions(&machine, &user),
            ssh.sessions(&machine, &user)
        );
        assert!(one.is_err() && two.is_err() && three.is_err());
        becomes(&ssh, &machine, Result::is_ok).await.unwrap();
    }
}

#[tokio::test]
async fn a_connection_that_breaks_under_a_command_loses_it() {
    let broker = BrokerKey::new();
    let host = AgentHost::with_script(
        &broker,
        "case $SSH_ORIGINAL_COMMAND in *listsessions) kill -9 $PPID;; esac; echo OK",
    );
    let ssh = Ssh::new(broker.settings()).unwrap();
    let machine = host.machine();
    let user = session_user("alice");
    let lost = ssh.sessions(&machine, &user).await;
    assert!(lost.is_err(), "{lost:?}");
    becomes(&ssh, &machine, Result::is_ok).await.unwrap();
}

#[tokio::test]
async fn commands_at_once_are_bounded() {
    let broker = BrokerKey::new();
    let host = AgentHost::with_script(&broker, YES);
    let scratch = host.scratch();
    // Each leaves a file while it runs, and a line with how many there were.
    let script = format!(
        "touch {0}/run.$$; ls {0}/run.* 2>/dev/null | wc -l >>{0}/at-once; sleep 0.1; rm {0}/run.$$; echo OK",
        scratch.display()
    );
    host.replace_script(&script);
    let ssh = Arc::new(Ssh::new(broker.settings()).unwrap());
    let machine = host.machine();
    ssh.ping(&machine).await.unwrap();
    let ask = |_| {
        let (ssh, machine) = (Arc::clone(&ssh), machine.clone());
        tokio::spawn(async move { ssh.ping(&machine).await })
    };
    let asked: Vec<_> = (0..100).map(ask).collect();
    let mut answers = Vec::new();
    for answer in asked {
        answers.push(answer.await.unwrap());
    }
    let busy = answers
        .iter()
        .filter(|answer| **answer == Err(AgentError::Busy))
        .count();
    let done = answers.iter().filter(|answer| answer.is_ok()).count();
    // On a busy machine the first may be answered before the last is asked.
    assert!(
        busy > 0 && done >= 8 + 64,
        "{busy} busy, {done} done: {answers:?}"
    );
    assert_eq!(busy + done, 100, "{answers:?}");
    let at_once = fs::read_to_string(scratch.join("at-once")).unwrap();
    let most = at_once
        .lines()
        .map(|line| line.trim().parse::<usize>().unwrap())
        .max();
    assert!((2..=8).contains(&most.unwrap()), "{most:?} at once");
    assert_eq!(host.logins(), 1);
}

#[tokio::test]
async fn what_is_no_answer_is_not_taken_for_one() {
    let broker = BrokerKey::new();
    let host = AgentHost::with_script(&broker, YES);
    let ssh = Ssh::new(broker.settings()).unwrap();
    let (machine, user) = (host.machine(), session_user("alice"));
    for script in [
        "head -c 5000 /dev/urandom",
        "echo Welcome; echo OK",
        "echo OK; echo broken >&2",
        "exit 1",
        "exit 127",
        "kill -9 $$",
        "yes | head -c 10000000",
        "echo OK; yes 'ts01 1' | head -c 10000000",
        "echo OK; yes >&2",
    ] {
        host.replace_script(script);
        assert!(ssh.ping(&machine).await.is_err(), "{script}");
        assert!(ssh.sessions(&machine, &user).await.is_err(), "{script}");
        assert!(ssh.session_counts(&machine, &user).await.is_err(), "{script}");
    }
    host.replace_script("echo OK; head -c 5000 /dev/urandom");
    assert!(ssh.load(&machine).await.is_err());
    assert_eq!(ssh.sessions(&machine, &user).await.unwrap().sessions, []);
    host.replace_script("echo OK; yes 'ts01 1' | head -c 10000000");
    let long = ssh.session_counts(&machine, &user).await;
    assert_eq!(
        long,
        Err(AgentError::Garbled("it is longer than 64 KiB".to_owned()))
    );
    host.replace_script(YES);
    ssh.ping(&machine).await.unwrap();
}

#[tokio::test]
async fn a_host_that_hangs_up_is_not_stormed() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let dialled = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&dialled);
    std::thread::spawn(move || {
        for _connection in listener.incoming() {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    });
    let broker = BrokerKey::new();
    let ssh = Arc::new(Ssh::new(broker.settings()).unwrap());
    let machine = Machine::new(&HostAddress::new("127.0.0.1").unwrap(), port);
    let ask = |_| {
        let (ssh, machine) = (Arc::clone(&ssh), machine.clone());
        tokio::spawn(async move { ssh.ping(&machine).await })
    };
    let asked: Vec<_> = (0..500).map(ask).collect();
    for answer in asked {
        answer.await.unwrap().unwrap_err();
    }
    let dialled = dialled.load(Ordering::Relaxed);
    assert!(
        (1..=3).contains(&dialled),
        "{dialled} connections for 500 questions"
    );
}
