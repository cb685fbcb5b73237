//! Keys on a real host: placed by the real x2gobroker-agent through its forced command, tried with ssh(1) against the
//! real sshd, and removed. Needs root, for throw-away accounts.

mod killed_broker;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tempfile::TempDir;
use x2godirector::agent::{Agents, Ssh};
use x2godirector::grant::{Asked, Grants, Origin, Pool, Settings, Wanted};
use x2godirector::model::{
    Account, ClientAddress, FarmName, HostName, KeyDelivery, KeyTarget, Now, Offered, PrivateKey,
    SessionUser, Source, UserName,
};
use x2godirector::store::Embedded;

use crate::lab::agent::{AgentHost, BrokerKey, REAL_AGENT};
use crate::lab::process::wait_for;
use crate::lab::x2go_host::X2goHost;

/// A machine of a farm with an account and an agent, and what a broker has.
struct Lab {
    host: X2goHost,
    agent: AgentHost,
    broker: BrokerKey,
    folder: TempDir,
}

/// What the rules gave the account of the host.
struct Offer {
    account: Account,
    farm: FarmName,
    session_user: SessionUser,
}

impl Offered for Offer {
    fn account(&self) -> &Account {
        &self.account
    }

    fn farm(&self) -> &FarmName {
        &self.farm
    }

    fn session_user(&self) -> &SessionUser {
        &self.session_user
    }

    fn begins_session(&self) -> bool {
        true
    }
}

fn now() -> Now {
    Now::from(SystemTime::now())
}

impl Lab {
    fn start() -> Self {
        let broker = BrokerKey::new();
        Self {
            host: X2goHost::start(),
            agent: AgentHost::start(&broker, REAL_AGENT),
            broker,
            folder: TempDir::new().unwrap(),
        }
    }

    /// A broker's keys, on the state that the one before left.
    async fn grants(&self) -> Arc<Grants> {
        let store = Arc::new(Embedded::open(&self.folder.path().join("state.db")).unwrap());
        let pool = Pool::start(&[self.folder.path().to_owned()], now());
        let grants = Grants::load(store, pool, now).await.unwrap();
        let mut settings = self.broker.settings();
        settings.key_file = "%h/.ssh/authorized_keys".to_owned();
        let agents = Agents {
            ssh: Some(Arc::new(Ssh::new(settings).unwrap())),
            local: None,
        };
        grants.configure(agents, 1);
        wait_for("a key pair", || (grants.counts(now()).ready > 0).then_some(()));
        Arc::new(grants)
    }

    async fn give(&self, grants: &Grants, settings: &Settings) -> PrivateKey {
        let name = &self.host.account().name;
        let offer = Offer {
            account: Account {
                source: Source::Ldap,
                user: UserName::new(name).unwrap(),
            },
            farm: FarmName::new("students").unwrap(),
            session_user: SessionUser::new(name).unwrap(),
        };
        let asked = Asked {
            settings,
            chosen: Some(KeyTarget {
                farm: offer.farm.clone(),
                host: HostName::new("ts01").unwrap(),
                machine: self.agent.machine(),
                delivery: KeyDelivery::Ssh,
            }),
            others: Vec::new(),
            key: Wanted::Ours,
            origin: Origin::Client(ClientAddress::new("127.0.0.1".parse().unwrap())),
            random: rand::random(),
        };
        grants.give(&offer, asked).await.unwrap().private.unwrap()
    }

    /// Logs in with a key, as X2Go Client does: with nothing else to show.
    fn log_in(&self, key: &PrivateKey, more: &[&str]) -> Output {
        self.ssh(key, more, &["id", "-un"])
    }

    fn ssh(&self, key: &PrivateKey, options: &[&str], command: &[&str]) -> Output {
        let file = self.folder.path().join("key");
        fs::write(&file, key.expose()).unwrap();
        fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
        let mut ssh = Command::new("ssh");
        ssh.args(["-F", "none", "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes"])
            .args([
                "-o",
                "StrictHostKeyChecking=no",
                "-o",
                "UserKnownHostsFile=/dev/null",
            ])
            .arg("-i")
            .arg(file)
            .args(["-p", &self.host.port().to_string()])
            .args(options)
            .arg(format!("{}@127.0.0.1", self.host.account().name))
            .args(command)
            .stdin(Stdio::null());
        ssh.output().unwrap()
    }

    fn lines(&self) -> String {
        fs::read_to_string(self.host.account().home.join(".ssh/authorized_keys")).unwrap_or_default()
    }
}

fn assert_in(output: &Output, lab: &Lab) {
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(said.trim(), lab.host.account().name, "{output:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_opens_its_account_until_its_time_is_over_and_is_then_removed() {
    let lab = Lab::start();
    let grants = lab.grants().await;
    let settings = Settings {
        lifetime: Duration::from_secs(15),
        from_client: true,
        ..Settings::default()
    };
    let key = lab.give(&grants, &settings).await;
    assert_in(&lab.log_in(&key, &[]), &lab);
    // A session has the ports that it needs, and the terminal that the client asks for at first.
    let ahead = lab.ssh(&key, &["-W", &format!("127.0.0.1:{}", lab.host.port())], &[]);
    assert!(ahead.stdout.starts_with(b"SSH-2.0"), "{ahead:?}");
    let back = ["-R", "0:127.0.0.1:9", "-o", "ExitOnForwardFailure=yes"];
    assert_in(&lab.log_in(&key, &back), &lab);
    let terminal = lab.log_in(&key, &["-tt"]);
    let refused = String::from_utf8_lossy(&terminal.stderr).contains("PTY allocation request failed");
    assert!(terminal.status.success() && !refused, "{terminal:?}");

    // sshd ends it by itself: nothing removes the line yet.
    wait_for("the end of the key", || {
        (!lab.log_in(&key, &[]).status.success()).then_some(())
    });
    assert!(lab.lines().contains("x2godirector-"), "{}", lab.lines());

    let tended = Arc::clone(&grants);
    let tending = tokio::spawn(async move { tended.tend(|_| ()).await });
    wait_for("removal", || {
        (!lab.lines().contains("x2godirector-")).then_some(())
    });
    tending.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_counts_only_from_its_client_and_only_the_newest_one() {
    let lab = Lab::start();
    let grants = lab.grants().await;
    let settings = Settings::default();
    let first = lab.give(&grants, &settings).await;
    assert_in(&lab.log_in(&first, &[]), &lab);
    let elsewhere = lab.log_in(&first, &["-b", "127.0.0.2"]);
    assert_in(&elsewhere, &lab);

    let tended = Arc::clone(&grants);
    let tending = tokio::spawn(async move { tended.tend(|_| ()).await });
    wait_for("a key pair", || (grants.counts(now()).ready > 0).then_some(()));
    let from_here = Settings {
        from_client: true,
        ..settings
    };
    let second = lab.give(&grants, &from_here).await;
    wait_for("the end of the first", || {
        (!lab.log_in(&first, &[]).status.success()).then_some(())
    });
    assert_in(&lab.log_in(&second, &[]), &lab);
    assert!(!lab.log_in(&second, &["-b", "127.0.0.2"]).status.success());
    tending.abort();
}

#[test]
fn a_key_goes_although_the_broker_died_before_it_could_remove_it() {
    let lab = Lab::start();
    let settings = Settings {
        lifetime: Duration::from_secs(1),
        ..Settings::default()
    };
    let runtime = || {
        tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .unwrap()
    };
    let killed = runtime();
    killed.block_on(async {
        let grants = lab.grants().await;
        lab.give(&grants, &settings).await;
    });
    drop(killed);
    assert!(lab.lines().contains("x2godirector-"), "{}", lab.lines());
    runtime().block_on(async {
        let grants = lab.grants().await;
        tokio::spawn(async move { grants.tend(|_| ()).await });
        wait_for("removal", || {
            (!lab.lines().contains("x2godirector-")).then_some(())
        });
    });
}
