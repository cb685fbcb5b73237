//! Keys that a host asks for: the built program as `AuthorizedKeysCommand` of a real sshd, and who else may ask.

use std::fs::{self, Permissions};
use std::net::IpAddr;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use tempfile::TempDir;
use x2godirector::model::{
    Account, AuthorizedKey, FarmName, HostAddress, HostName, KeyDelivery, KeyTarget, Machine, Now,
    SessionUser, Source, UserName,
};
use x2godirector::store::{Embedded, KeyId, KeyRecord, Keys};

use super::admin::json;
use super::lab::broker::{Broker, copy_program};
use super::lab::https::{Answer, HttpsClient, Trust};
use super::lab::process::{Process, wait_for};
use super::lab::site::{self, Reach};
use super::lab::slapd::{Slapd, free_port};
use super::lab::x2go_host::X2goHost;

/// The user and the group `nobody` (base-passwd).
const NOBODY: u32 = 65_534;

/// A key that was placed for this account on the host at this address and port.
fn placed(id: u64, user: &str, address: &str, port: u16, line: &str, lifetime: Duration) -> KeyRecord {
    #[expect(clippy::disallowed_methods, reason = "keys end by the real time")]
    let now = Now::from(std::time::SystemTime::now());
    let (farm, host) = (FarmName::new("main").unwrap(), HostName::new("ts01").unwrap());
    KeyRecord {
        id: KeyId(id),
        account: Account {
            source: Source::Ldap,
            user: UserName::new(&format!("{user}-{id}")).unwrap(),
        },
        farm: farm.clone(),
        session_user: SessionUser::new(user).unwrap(),
        target: KeyTarget {
            farm,
            host,
            machine: Machine::new(&HostAddress::new(address).unwrap(), port),
            delivery: KeyDelivery::Command,
        },
        line: AuthorizedKey::new(line).unwrap(),
        placed: now,
        expires: now.plus(lifetime),
    }
}

/// The configuration of a broker whose host `ts01` is at 127.0.0.1 and this port, and asks for keys.
fn configuration(directory: &Slapd, port: u16) -> String {
    site::configuration(directory, Reach::Plain, port).replace(
        "[farm.main.hosts.ts01]",
        "[farm.main]\nkeys = \"command\"\n[farm.main.hosts.ts01]",
    )
}

/// Such a broker, with these keys in its store.
fn broker(directory: &Slapd, port: u16, keys: Vec<KeyRecord>) -> Broker {
    Broker::start_prepared(&configuration(directory, port), |state| {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let store = Embedded::open(state).unwrap();
        for key in keys {
            runtime.block_on(store.put_key(vec![key])).unwrap();
        }
    })
}

/// A new credential of the host.
fn credential(broker: &Broker) -> String {
    let output = broker.ask(&["host-credential", "add", "ts01"]);
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// A folder that sshd trusts, with the program and its settings for `nobody`.
struct Installed(TempDir);

impl Installed {
    fn new(broker: &Broker, credential: &str) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("x2godirector-test-")
            .permissions(Permissions::from_mode(0o755))
            .tempdir_in("/usr/local/lib")
            .unwrap();
        let program = folder.path().join("x2godirector");
        copy_program(&program);
        fs::set_permissions(&program, Permissions::from_mode(0o755)).unwrap();
        let installed = Self(folder);
        fs::write(installed.file("broker.pem"), broker.certificate()).unwrap();
        let secret = installed.file("credential");
        fs::write(&secret, credential).unwrap();
        fs::set_permissions(&secret, Permissions::from_mode(0o600)).unwrap();
        chown(&secret, Some(NOBODY), Some(NOBODY)).unwrap();
        let settings = format!(
            "broker = \"https://localhost:{}\"\nca_file = \"{}\"\ncredential_file = \"{}\"\n",
            broker.address.port(),
            installed.file("broker.pem").display(),
            secret.display()
        );
        fs::write(installed.file("host.toml"), settings).unwrap();
        installed
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// What the program says about somebody, as sshd runs it but as whoever runs the tests.
    fn run(&self, user: &str) -> Output {
        Command::new(self.file("x2godirector"))
            .args(["authorized-keys", user, "--config"])
            .arg(self.file("host.toml"))
            .output()
            .unwrap()
    }

    /// An sshd that asks by the program and knows no other way in.
    fn sshd(&self, folder: &Path, port: u16) -> Process {
        let host_key = key_pair(folder, "host");
        let configuration = format!(
            "Port {port}\nListenAddress 127.0.0.1\nHostKey {}\nPidFile none\nUsePAM no\nStrictModes no\n\
             PasswordAuthentication no\nAuthorizedKeysFile none\nAuthorizedKeysCommandUser nobody\n\
             AuthorizedKeysCommand {} authorized-keys --config {} %u\n",
            host_key.display(),
            self.file("x2godirector").display(),
            self.file("host.toml").display(),
        );
        let file = folder.join("sshd_config");
        fs::write(&file, configuration).unwrap();
        let mut command = Command::new("/usr/sbin/sshd");
        command.args(["-D", "-e", "-f"]).arg(file);
        let mut sshd = Process::start(command, &folder.join("sshd.log"));
        sshd.wait_for_line("Server listening on 127.0.0.1");
        sshd
    }
}

/// Makes a key pair, and gives the file of its private half.
fn key_pair(folder: &Path, name: &str) -> PathBuf {
    let file = folder.join(name);
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-C", name, "-f"])
        .arg(&file)
        .status();
    assert!(made.unwrap().success());
    file
}

fn public_half(private: &Path) -> String {
    let line = fs::read_to_string(private.with_extension("pub")).unwrap();
    format!("restrict,port-forwarding {}", line.trim())
}

/// Whether this key opens the account.
fn opens(key: &Path, user: &str, port: u16) -> bool {
    let mut ssh = Command::new("ssh");
    ssh.args([
        "-F",
        "none",
        "-o",
        "BatchMode=yes",
        "-o",
        "StrictHostKeyChecking=no",
    ])
    .args([
        "-o",
        "UserKnownHostsFile=/dev/null",
        "-o",
        "IdentitiesOnly=yes",
        "-i",
    ])
    .arg(key)
    .args(["-p", &port.to_string(), &format!("{user}@127.0.0.1"), "true"]);
    ssh.output().unwrap().status.success()
}

#[test]
fn a_key_opens_its_account_on_its_host_through_a_real_sshd() {
    let host = X2goHost::start();
    let user = host.account().name.clone();
    let folder = TempDir::new().unwrap();
    let port = free_port();
    let key = |name| key_pair(folder.path(), name);
    let (good, of_another_host, over) = (key("good"), key("elsewhere"), key("over"));
    let (of_another_user, hour) = (key("another"), Duration::from_secs(3600));
    let directory = Slapd::start(&site::directory());
    let broker = broker(
        &directory,
        port,
        vec![
            placed(1, &user, "127.0.0.1", port, &public_half(&good), hour),
            placed(2, &user, "127.0.0.2", port, &public_half(&of_another_host), hour),
            placed(3, &user, "127.0.0.1", port, &public_half(&over), Duration::ZERO),
            placed(
                4,
                "alice",
                "127.0.0.1",
                port,
                &public_half(&of_another_user),
                hour,
            ),
        ],
    );
    let installed = Installed::new(&broker, &credential(&broker));
    let sshd = installed.sshd(folder.path(), port);
    assert!(opens(&good, &user, port), "{}\n{}", sshd.log(), broker.log());
    for bad in [&of_another_host, &over, &of_another_user] {
        assert!(!opens(bad, &user, port), "{bad:?}");
    }
    // The user of the system is not asked about, and no failure.
    let system = installed.run("daemon");
    assert!(system.status.success() && system.stdout.is_empty(), "{system:?}");

    let revoked = broker.ask(&["host-credential", "revoke", "ts01"]);
    assert!(revoked.status.success(), "{revoked:?}");
    assert!(!opens(&good, &user, port));
    let refused = installed.run(&user);
    assert_eq!((refused.status.code(), refused.stdout.len()), (Some(1), 0));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("refuses this host"));
}

/// What the broker answers at this door.
fn answer(broker: &Broker, door: &str, form: &str) -> String {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let client = HttpsClient::connect(broker.address, Trust::Anybody, None).await;
        let answer = client.unwrap().post_form(door, form).await.unwrap();
        answer.text().to_owned()
    })
}

/// The private key in the answer to a select.
fn private_key(answer: &str) -> Option<&str> {
    let begin = answer.find("-----BEGIN RSA PRIVATE KEY-----")?;
    const END: &str = "-----END RSA PRIVATE KEY-----\n";
    Some(&answer[begin..answer.find(END)? + END.len()])
}

#[test]
fn what_a_select_gives_opens_the_account_on_a_host_that_asks() {
    let host = X2goHost::start();
    let user = host.account().name.clone();
    let (folder, port) = (TempDir::new().unwrap(), free_port());
    let directory = Slapd::start(&site::staff(&user));
    let configuration = configuration(&directory, port).replace(
        "[profile_defaults]\n",
        "[keys]\nclient_keys = true\n[profile_defaults]\nautologin = true\n",
    );
    let broker = Broker::start(&configuration);
    let installed = Installed::new(&broker, &credential(&broker));
    let sshd = installed.sshd(folder.path(), port);
    wait_for("the host to be known as up", || {
        (json(&broker, &["hosts"])[0]["health"] == "up").then_some(())
    });

    let select = format!(
        "task=selectsession&user={user}&password={}",
        host.account().password
    );
    let given = wait_for("a key", || {
        let answer = answer(&broker, "/plain/", &format!("{select}&sid=office&authid="));
        let key = private_key(&answer).map(str::to_owned);
        if key.is_none() {
            // As often as one user may select.
            std::thread::sleep(Duration::from_secs(6));
        }
        key
    });
    let ours = folder.path().join("ours");
    fs::write(&ours, given).unwrap();
    fs::set_permissions(&ours, Permissions::from_mode(0o600)).unwrap();
    assert!(opens(&ours, &user, port), "{}\n{}", sshd.log(), broker.log());

    let own = key_pair(folder.path(), "own");
    assert!(!opens(&own, &user, port), "nobody has let it in yet");
    let public = fs::read_to_string(own.with_extension("pub")).unwrap();
    let public = public.trim().replace('+', "%2B").replace(' ', "+");
    let accepted = answer(
        &broker,
        "/json/",
        &format!("{select}&profile-id=office&pubkey={public}"),
    );
    assert!(accepted.contains("ACCEPTED"), "{accepted}");
    assert!(opens(&own, &user, port), "{}\n{}", sshd.log(), broker.log());
    assert!(!opens(&own, "nobody", port), "it opens no other account");
}

#[test]
fn a_host_that_cannot_ask_prints_nothing_and_ends_soon() {
    let host = X2goHost::start();
    let user = host.account().name.clone();
    let directory = Slapd::start(&site::directory());
    let line = "ssh-ed25519 AAAA x";
    let key = placed(1, &user, "127.0.0.1", 22, line, Duration::from_secs(3600));
    let broker = broker(&directory, 22, vec![key]);
    let installed = Installed::new(&broker, &credential(&broker));
    let good = installed.run(&user);
    assert_eq!(
        String::from_utf8_lossy(&good.stdout),
        format!("{line}\n"),
        "{good:?}"
    );

    let failed = |why: &str| {
        let output = installed.run(&user);
        assert_eq!(
            (output.status.code(), output.stdout.len()),
            (Some(1), 0),
            "{output:?}"
        );
        assert!(
            String::from_utf8_lossy(&output.stderr).contains(why),
            "{why}: {output:?}"
        );
    };
    // Another authority than the broker's.
    fs::write(
        installed.file("broker.pem"),
        fs::read(directory.ca_file()).unwrap(),
    )
    .unwrap();
    failed("certificate");
    fs::write(installed.file("broker.pem"), broker.certificate()).unwrap();
    // A broker that takes the connection and says nothing.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let settings = fs::read_to_string(installed.file("host.toml")).unwrap();
    let port = |port: u16| format!("localhost:{port}");
    let other = settings.replace(
        &port(broker.address.port()),
        &port(silent.local_addr().unwrap().port()),
    );
    fs::write(installed.file("host.toml"), other).unwrap();
    failed("no answer within 2 s");
    fs::write(installed.file("host.toml"), settings).unwrap();
    fs::set_permissions(installed.file("credential"), Permissions::from_mode(0o644)).unwrap();
    failed("chmod 600");
}

/// Asks for the keys of a user from this address, with what stands in `Authorization`.
async fn ask(broker: &Broker, from: &str, authorization: &str, user: &str) -> Answer {
    let from: IpAddr = from.parse().unwrap();
    let client = HttpsClient::connect(broker.address, Trust::Anybody, Some(from)).await;
    let mut client = client.unwrap();
    let body = format!("user={user}");
    let head = format!(
        "POST /authorized-keys HTTP/1.1\r\nHost: x\r\nAuthorization: {authorization}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    client.send((head + &body).as_bytes()).await.unwrap();
    client.receive().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_else_learns_anything() {
    let directory = Slapd::start(&site::directory());
    let key = placed(
        1,
        "alice",
        "127.0.0.1",
        22,
        "ssh-ed25519 AAAA x",
        Duration::from_secs(3600),
    );
    let broker = std::thread::spawn(move || {
        let broker = broker(&directory, 22, vec![key]);
        (broker, directory)
    });
    let (broker, _directory) = broker.join().unwrap();
    let credential = credential(&broker);
    let right = format!("Bearer {}", credential.trim());
    let keys = ask(&broker, "127.0.0.1", &right, "alice").await;
    assert_eq!((keys.status, keys.text()), (200, "ssh-ed25519 AAAA x\n"));
    // Somebody without keys, and nobody.
    for user in ["bob", "nobody-of-that-name"] {
        let none = ask(&broker, "127.0.0.1", &right, user).await;
        assert_eq!((none.status, none.text()), (200, ""), "{user}");
    }
    let wrong = format!("Bearer {}", "0a".repeat(32));
    let mut refusals = Vec::new();
    for (from, authorization, user) in [
        ("127.0.0.1", wrong.as_str(), "alice"),
        ("127.0.0.1", &wrong, "nobody-of-that-name"),
        ("127.0.0.9", &right, "alice"),
        ("127.0.0.1", "Bearer 00", "alice"),
        ("127.0.0.1", &right, "a%20b"),
    ] {
        let refused = ask(&broker, from, authorization, user).await;
        assert_eq!(refused.status, 403);
        refusals.push(refused.body);
    }
    refusals.dedup();
    assert_eq!(refusals.len(), 1);
    wait_for("the audit's lines", || {
        let log = broker.log();
        let has = |words: &str| log.contains(words);
        (has("\"task\":\"host keys\"") && has("is not one that counts") && has("is not at this address"))
            .then_some(())
    });
    assert!(!broker.log().contains(credential.trim()));

    // A new credential ends the one before, and a restart forgets neither.
    let again = broker.ask(&["host-credential", "add", "main/ts01"]);
    let newer = format!("Bearer {}", String::from_utf8(again.stdout).unwrap().trim());
    let broker = broker.kill_and_restart();
    assert_eq!(ask(&broker, "127.0.0.1", &right, "alice").await.status, 403);
    assert_eq!(
        ask(&broker, "127.0.0.1", &newer, "alice").await.text(),
        "ssh-ed25519 AAAA x\n"
    );
    let listed = broker.ask(&["host-credential", "list"]);
    assert!(String::from_utf8_lossy(&listed.stdout).contains("main/ts01"));
    let misspelt = broker.ask(&["host-credential", "add", "ts10"]);
    assert!(
        String::from_utf8_lossy(&misspelt.stderr).contains("did you mean"),
        "{misspelt:?}"
    );
}
