//! Everything that is asked of an agent, answered by the real one: over SSH through a forced command, and on this
//! machine.

use std::fs;
use std::process::Command;

use x2godirector::agent::{Agent, AgentError, Local, Ssh};
use x2godirector::model::{AuthorizedKey, Machine, SessionId, SessionState};

use super::session_user;
use crate::lab::agent::{AgentHost, BrokerKey, REAL_AGENT};
use crate::lab::x2go_host::{Account, X2goHost};

/// A session in X2Go's list of sessions, without a desktop behind it.
struct ListedSession {
    id: SessionId,
    display: u32,
}

impl ListedSession {
    fn begin(account: &Account) -> Self {
        // No two sessions of a machine have the same display.
        let display = rand::random_range(1_000..10_000_u32).to_string();
        let id = format!("{}-{display}-1700000000_stDXFCE_dp24", account.name);
        let own_name = nix::unistd::gethostname().unwrap().into_string().unwrap();
        as_user(account, "x2goinsertsession", &[&display, &own_name, &id]);
        let ports = ["30001", "30002", "30003", "-1", "-1"];
        let rest = [&[id.as_str(), "cookie", "4711", "10.1.2.3"], &ports[..]].concat();
        as_user(account, "x2gocreatesession", &rest);
        Self {
            id: SessionId::new(&id).unwrap(),
            display: display.parse().unwrap(),
        }
    }
}

/// Runs one of X2Go's own programs as the account.
fn as_user(account: &Account, program: &str, arguments: &[&str]) {
    let done = Command::new("runuser")
        .args(["-u", &account.name, "--"])
        .arg(format!("/usr/lib/x2go/{program}"))
        .args(arguments)
        .output()
        .unwrap();
    assert!(done.status.success(), "{done:?}");
}

/// Asks everything; both ways of asking must give the same.
async fn everything_is_answered(agent: &dyn Agent, machine: &Machine, account: &Account) {
    let user = session_user(&account.name);
    agent.ping(machine).await.unwrap();
    let load = agent.load(machine).await.unwrap();
    assert!(load.memory_available_mb > 0 && load.processors > 0, "{load:?}");
    assert_eq!(agent.sessions(machine, &user).await.unwrap().sessions, []);

    let listed = ListedSession::begin(account);
    let told = agent.sessions(machine, &user).await.unwrap();
    assert!(told.left_out.is_empty(), "{told:?}");
    let session = &told.sessions[0];
    assert_eq!((&session.id, session.state), (&listed.id, SessionState::Running));
    assert_eq!(
        (session.display, session.ports),
        (listed.display, [30001, 30002, 30003])
    );
    let uncounted = agent.session_counts(machine, &user).await;
    assert!(
        matches!(&uncounted, Err(AgentError::Refused(why)) if why.contains("SQLite")),
        "{uncounted:?}"
    );

    agent.suspend(machine, &user, &listed.id).await.unwrap();
    let told = agent.sessions(machine, &user).await.unwrap();
    assert_eq!(told.sessions[0].state, SessionState::Suspended);
    agent.terminate(machine, &user, &listed.id).await.unwrap();
    assert_eq!(agent.sessions(machine, &user).await.unwrap().sessions, []);

    for unknown in ["no-such-user", "daemon"] {
        let answer = agent.sessions(machine, &session_user(unknown)).await;
        assert!(matches!(answer, Err(AgentError::NoSuchUser(_))), "{answer:?}");
    }
}

/// Every character that a line of keys may have passes through the shells of a host and back out again.
async fn keys_come_and_go(agent: &dyn Agent, machine: &Machine, account: &Account) {
    let user = session_user(&account.name);
    let file = account.home.join(".x2go/authorized_keys");
    let own = "ssh-ed25519 AAAAown somebody\n";
    let key = |address: &str| {
        let line = format!(
            "restrict,port-forwarding,from=\"{address}\",expiry-time=\"20301231\" ssh-rsa AAAA+/b09== x2godirector_1-2@A.b:c"
        );
        AuthorizedKey::new(&line).unwrap()
    };
    let (key, other) = (key("10.1.2.3,10.2.0.0/16"), key("127.0.0.1"));
    agent.add_key(machine, &user, &key).await.unwrap();
    assert_eq!(fs::read_to_string(&file).unwrap(), format!("{}\n", key.as_str()));
    agent.add_key(machine, &user, &key).await.unwrap();
    agent.add_key(machine, &user, &other).await.unwrap();
    agent.add_key(machine, &user, &key).await.unwrap();
    agent.remove_key(machine, &user, &key).await.unwrap();
    assert_eq!(
        fs::read_to_string(&file).unwrap(),
        format!("{}\n", other.as_str())
    );
    agent.remove_key(machine, &user, &key).await.unwrap();
    fs::write(&file, format!("{own}{}\n", other.as_str())).unwrap();
    agent.remove_key(machine, &user, &other).await.unwrap();
    assert_eq!(fs::read_to_string(&file).unwrap(), own);
    fs::remove_dir_all(file.parent().unwrap()).unwrap();
}

#[tokio::test]
async fn over_ssh() {
    let host = X2goHost::start();
    let broker = BrokerKey::new();
    let sshd = AgentHost::start(&broker, REAL_AGENT);
    let ssh = Ssh::new(broker.settings()).unwrap();
    let machine = sshd.machine();
    everything_is_answered(&ssh, &machine, host.account()).await;
    keys_come_and_go(&ssh, &machine, host.account()).await;
    assert_eq!(sshd.logins(), 1, "all of it over one connection");
}

#[tokio::test]
async fn on_this_machine() {
    let host = X2goHost::start();
    let broker = BrokerKey::new();
    let local = Local::new(broker.settings());
    let machine = AgentHost::start(&broker, REAL_AGENT).machine();
    everything_is_answered(&local, &machine, host.account()).await;
    keys_come_and_go(&local, &machine, host.account()).await;
    let mut settings = broker.settings();
    settings.command = "/usr/lib/x2go/no-such-agent".to_owned();
    let answer = Local::new(settings).ping(&machine).await.unwrap_err().to_string();
    assert!(answer.contains("install x2gobroker-agent"), "{answer}");
}
