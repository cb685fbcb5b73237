//! Whose accounts count and who checks passwords: a real directory, real PAM modules and real accounts of this
//! host. Makes throw-away accounts, so it takes root.

use std::time::Duration;

use serde_json::Value;

use crate::lab::broker::Broker;
use crate::lab::https::{HttpsClient, Trust};
use crate::lab::pam::{PamWorker, RIGHT, ThrowAwayUser};
use crate::lab::site::{self, Reach, list, post_from, profiles, ticket};
use crate::lab::slapd::{self, Slapd};

const PATIENCE: Duration = Duration::from_secs(30);
/// The deadline of PAM where it is to pass.
const SOON: Duration = Duration::from_secs(3);
const UNIX: &str = "auth required pam_unix.so\naccount required pam_unix.so\n";
const GRANTED: &str = "Access granted";
/// Nothing answers at this port.
const NO_HOST: u16 = 9;

/// What `[authentication]` says, with the worker.
fn authentication(worker: &PamWorker, timeout: Duration, lines: &str) -> String {
    format!(
        "\n[authentication]\n{lines}\n[authentication.pam]\nsocket = \"{}\"\ntimeout = \"{}s\"\n",
        worker.path("pam.sock").display(),
        timeout.as_secs(),
    )
}

/// A rule that gives the terminal to a group.
fn terminal_for(group: &str) -> String {
    format!("\n[rule.terminal-for-{group}]\ngroups = [\"{group}\"]\nprofiles = [\"terminal\"]\n")
}

/// A broker, what it asks, and a user of this host.
struct Lab {
    slapd: Slapd,
    worker: PamWorker,
    user: ThrowAwayUser,
    broker: Broker,
}

impl Lab {
    /// The directory of `site` and these entries more, the module that takes [`RIGHT`] from everybody, and these
    /// lines in `[authentication]`.
    fn start(ldif: &str, lines: &str) -> Self {
        Self::with_user(ThrowAwayUser::new(RIGHT), ldif, lines, PATIENCE)
    }

    fn with_user(user: ThrowAwayUser, ldif: &str, lines: &str, timeout: Duration) -> Self {
        let slapd = Slapd::start(&(site::directory() + ldif));
        let worker = PamWorker::misbehaving(timeout, "");
        let configuration = site::configuration(&slapd, Reach::Plain, NO_HOST).replace(
            "schema = ",
            "user_filter = \"(&(objectClass=posixAccount)(!(departmentNumber=13)))\"\nschema = ",
        ) + &authentication(&worker, timeout, lines)
            + &terminal_for(&user.group);
        Self {
            broker: Broker::start(&configuration),
            slapd,
            worker,
            user,
        }
    }

    async fn post(&self, user: &str, password: &str, ticket: &str) -> String {
        let (status, body) = post_from(self.broker.address, None, &list(user, password, ticket)).await;
        assert_eq!(status, 200, "{body}");
        body
    }

    /// Whether PAM was shown a password for this name.
    fn pam_was_asked(&self, name: &str) -> bool {
        self.worker.path(&format!("{name}.pid")).exists()
    }

    async fn is_ready(&self) -> bool {
        is_ready(&self.broker).await
    }

    /// Waits until the broker says that it is ready, or that it is not.
    async fn until_ready(&self, ready: bool) {
        for _ in 0..600 {
            if self.is_ready().await == ready {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("ready is still {}: {}", !ready, self.broker.log());
    }

    /// The audit line of the last list.
    fn last_list(&self) -> String {
        last_list(&self.broker)
    }
}

async fn is_ready(broker: &Broker) -> bool {
    let mut client = HttpsClient::connect(broker.address, Trust::Anybody, None)
        .await
        .unwrap();
    client.get("/readyz").await.unwrap().status == 200
}

fn last_list(broker: &Broker) -> String {
    let log = broker.log();
    let mut lists = log.lines().filter(|line| line.contains("\"task\":\"list\""));
    lists.next_back().unwrap_or_else(|| panic!("{log}")).to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_of_this_host_need_no_directory() {
    let user = ThrowAwayUser::new("correct horse");
    let worker = PamWorker::start(UNIX, PATIENCE, "");
    let configuration = format!(
        "[directory]\nsource = \"nss\"\n[farm.main.hosts.ts01]\naddress = \"127.0.0.1\"\nport = {NO_HOST}\n\
         [profile_defaults]\nfarm = \"main\"\n[profile.terminal]\nname = \"Terminal\"\nsession_user = \"${{attr:uid}}\"\n\
         [profile.own]\nname = \"Own\"\nexport = \"${{home}}/x;\"\n[rule.own]\ngroups = [\"{}\"]\nprofiles = [\"own\"]\n{}{}",
        user.name,
        terminal_for(&user.group),
        authentication(&worker, PATIENCE, "methods = [\"pam\"]"),
    );
    let broker = Broker::start(&configuration);
    let ask = async |name: &str, password: &str, ticket: &str| {
        post_from(broker.address, None, &list(name, password, ticket))
            .await
            .1
    };
    let reply = ask(&user.name, "correct+horse", "").await;
    // By the primary group and by the other one.
    assert_eq!(profiles(&reply), ["own", "terminal"]);
    assert!(reply.contains(&format!("/home/{}/x", user.name)), "{reply}");
    let account = format!("nss:{}", user.name);
    assert!(last_list(&broker).contains(&account), "{}", last_list(&broker));
    let again = ask(&format!("+{}+", user.name), "correct+horse", ticket(&reply)).await;
    assert!(again.contains(GRANTED));
    assert!(
        last_list(&broker).contains("\"proof\":\"ticket\""),
        "{}",
        last_list(&broker)
    );

    assert!(!ask(&user.name, "wrong", "").await.contains(GRANTED));
    assert!(last_list(&broker).contains("wrong password"));
    assert!(!ask("nobody-here", "wrong", "").await.contains(GRANTED));
    assert!(last_list(&broker).contains("unknown user"));
    for system in ["root", "daemon"] {
        assert!(!ask(system, "correct+horse", "").await.contains(GRANTED));
        assert!(last_list(&broker).contains("unknown user"));
    }
    assert!(broker.log().contains("below min_uid"));

    let explained = broker.run(&["explain", &user.name, "--format", "json"]);
    let explained: Value = serde_json::from_slice(&explained.stdout).unwrap();
    assert_eq!(explained["user"], user.name.as_str());
    assert_eq!(explained["offers"], serde_json::json!(["own", "terminal"]));
    let root = broker.run(&["explain", "root"]);
    let said = String::from_utf8_lossy(&root.stderr).into_owned();
    assert!(
        !root.status.success() && said.contains("min_uid is 1000"),
        "{said}"
    );

    // As if the password had been changed on another day, and as if the account had ended.
    user.age(&["--lastday", "2020-01-01"]);
    let changed = ask(&user.name, "correct+horse", ticket(&reply)).await;
    assert!(
        last_list(&broker).contains("\"proof\":\"password\""),
        "{}",
        last_list(&broker)
    );
    user.age(&["--expiredate", "2020-01-02"]);
    assert!(
        !ask(&user.name, "correct+horse", ticket(&changed))
            .await
            .contains(GRANTED)
    );
    assert!(
        last_list(&broker).contains("account expired"),
        "{}",
        last_list(&broker)
    );
    let (name, gone) = (user.name.clone(), ticket(&changed).to_owned());
    drop(user);
    assert!(!ask(&name, "correct+horse", &gone).await.contains(GRANTED));
    assert!(
        last_list(&broker).contains("unknown user"),
        "{}",
        last_list(&broker)
    );
    drop(worker);
    for _ in 0..600 {
        if !is_ready(&broker).await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("still ready without a worker");
}

#[tokio::test(flavor = "multi_thread")]
async fn pam_checks_the_passwords_of_the_directorys_users() {
    let others = slapd::people(&["becomes-root"]);
    let lab = Lab::start(&others, "methods = [\"pam\"]");
    let reply = lab.post("ALICE", RIGHT, "").await;
    assert_eq!(profiles(&reply), ["office", "terminal"]);
    assert!(lab.last_list().contains("ldap:alice"), "{}", lab.last_list());
    assert!(lab.pam_was_asked("alice") && !lab.pam_was_asked("ALICE"));
    assert!(!lab.post("alice", "alice-secret", "").await.contains(GRANTED));
    assert_eq!(lab.slapd.binds(&slapd::person("alice")), 0);

    // A module that answers for somebody else.
    assert!(!lab.post("becomes-root", RIGHT, "").await.contains(GRANTED));
    assert!(lab.last_list().contains("another account"), "{}", lab.last_list());
    // The host's own users are nobody here.
    assert!(!lab.post(&lab.user.name, RIGHT, "").await.contains(GRANTED));
    assert!(!lab.pam_was_asked(&lab.user.name));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_of_the_directory_never_reaches_pam() {
    let people = slapd::people(&["closed", "filtered", "twice"])
        .replace("uid: closed\n", "uid: closed\nshadowExpire: 0\n")
        .replace("uid: filtered\n", "uid: filtered\ndepartmentNumber: 13\n")
        + "dn: cn=other,ou=people,dc=example,dc=org\nobjectClass: inetOrgPerson\nobjectClass: posixAccount\n\
           uid: twice\ncn: other\nsn: x\nuidNumber: 30000\ngidNumber: 10000\nhomeDirectory: /home/twice\n\n\
           dn: uid=device,ou=groups,dc=example,dc=org\nobjectClass: account\nuid: device\n\n";
    let lab = Lab::start(&people, "methods = [\"ldap\", \"pam\"]");
    for name in ["alice", "closed", "filtered", "twice", "device"] {
        assert!(!lab.post(name, RIGHT, "").await.contains(GRANTED), "{name}");
        assert!(!lab.pam_was_asked(name), "{name}");
    }
    assert!(lab.post("alice", "alice-secret", "").await.contains(GRANTED));
    assert!(lab.last_list().contains("ldap:alice"), "{}", lab.last_list());
    assert!(!lab.pam_was_asked("alice"));

    let reply = lab.post(&lab.user.name, RIGHT, "").await;
    assert_eq!(profiles(&reply), ["terminal"]);
    assert!(lab.last_list().contains(&format!("nss:{}", lab.user.name)));
    assert!(!lab.post(&lab.user.name, "guess", "").await.contains(GRANTED));
    assert!(!lab.post("root", RIGHT, "").await.contains(GRANTED));
    assert!(!lab.pam_was_asked("root"));

    let explained = lab.broker.run(&["explain", &lab.user.name]);
    assert!(String::from_utf8_lossy(&explained.stdout).contains("terminal"));
    let closed = lab.broker.run(&["explain", "filtered"]);
    let said = String::from_utf8_lossy(&closed.stderr).into_owned();
    assert!(
        !closed.status.success() && said.contains("the directory has that name"),
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_that_is_down_stops_everybody() {
    let mut lab = Lab::start("", "methods = [\"ldap\", \"pam\"]");
    lab.until_ready(true).await;
    lab.slapd.kill();
    lab.until_ready(false).await;
    assert!(!lab.post(&lab.user.name, RIGHT, "").await.contains(GRANTED));
    assert!(lab.last_list().contains("unavailable"), "{}", lab.last_list());
    assert!(!lab.pam_was_asked(&lab.user.name));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_name_in_two_sources_is_two_accounts() {
    let user = ThrowAwayUser::new(RIGHT);
    let name = user.name.clone();
    // The same password in both, as people have it.
    let twin = slapd::people(&[&name]).replace(&format!("{name}-secret"), RIGHT);
    let lines = "methods = [\"ldap\", \"pam\"]\nfallback_when_unreachable = true";
    let mut lab = Lab::with_user(user, &twin, lines, PATIENCE);
    let proven = |lab: &Lab, source: &str, proof: &str| {
        let line = lab.last_list();
        assert!(line.contains(&format!("{source}:{name}")), "{line}");
        assert!(line.contains(&format!("\"proof\":\"{proof}\"")), "{line}");
    };
    let of_directory = ticket(&lab.post(&name, RIGHT, "").await).to_owned();
    proven(&lab, "ldap", "password");
    assert!(!lab.pam_was_asked(&name));

    lab.slapd.kill();
    let on_host = lab.post(&name, RIGHT, &of_directory).await;
    proven(&lab, "nss", "password");
    let of_host = ticket(&on_host).to_owned();
    lab.post(&name, RIGHT, &of_host).await;
    proven(&lab, "nss", "ticket");
    assert!(lab.is_ready().await, "the host's accounts are there");
    // Whom only the directory could know is not called unknown.
    assert!(!lab.post("alice", RIGHT, "").await.contains(GRANTED));
    assert!(lab.last_list().contains("unavailable"), "{}", lab.last_list());

    lab.slapd.restart();
    for _ in 0..600 {
        lab.post(&name, RIGHT, &of_host).await;
        if lab.last_list().contains("ldap:") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    proven(&lab, "ldap", "password");
    lab.post(&name, RIGHT, &of_directory).await;
    proven(&lab, "ldap", "ticket");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_hangs_holds_up_only_who_needs_it() {
    let user = ThrowAwayUser::new(RIGHT);
    let hanging = user.other_name("hang");
    let lines = "methods = [\"ldap\", \"pam\"]";
    let mut lab = Lab::with_user(user, "", lines, SOON);
    let address = lab.broker.address;
    let ask = |name: &str| {
        let form = list(name, RIGHT, "");
        tokio::spawn(async move { post_from(address, None, &form).await.1 })
    };
    // A module hangs until its process is killed.
    let hung = ask(&hanging.name);
    lab.worker.process_of(&hanging.name).await;
    assert!(lab.post("alice", "alice-secret", "").await.contains(GRANTED));
    assert!(lab.post(&lab.user.name, RIGHT, "").await.contains(GRANTED));
    assert!(!hung.is_finished());
    assert!(!hung.await.unwrap().contains(GRANTED));
    assert!(lab.last_list().contains("unavailable"), "{}", lab.last_list());

    // The lookup of users hangs.
    lab.worker.process().signal("STOP");
    let looked_up = ask(&lab.user.name);
    assert!(lab.post("bob", "bob-secret", "").await.contains(GRANTED));
    assert!(!looked_up.is_finished());
    lab.worker.process().signal("CONT");
    assert!(looked_up.await.unwrap().contains(GRANTED));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_killed_in_the_middle_of_logins_costs_those_and_counts_against_nobody() {
    let people = slapd::people(&["slow-one", "slow-two", "slow-three"]);
    let mut lab = Lab::start(&people, "methods = [\"pam\"]");
    let kept = ticket(&lab.post("alice", RIGHT, "").await).to_owned();
    let address = lab.broker.address;
    let logins = ["slow-one", "slow-two", "slow-three"].map(|name| {
        let form = list(name, RIGHT, "");
        tokio::spawn(async move { post_from(address, None, &form).await })
    });
    for name in ["slow-one", "slow-two", "slow-three"] {
        lab.worker.process_of(name).await;
    }
    lab.worker.kill();
    for login in logins {
        let (status, body) = login.await.unwrap();
        assert!(status == 200 && !body.contains(GRANTED), "{status} {body}");
        assert!(lab.last_list().contains("unavailable"), "{}", lab.last_list());
    }
    assert!(
        lab.post("alice", RIGHT, &kept).await.contains(GRANTED),
        "by her ticket"
    );
    lab.until_ready(false).await;

    lab.worker.start_again();
    lab.until_ready(true).await;
    for name in ["slow-one", "slow-two", "slow-three", "bob"] {
        assert!(lab.post(name, RIGHT, "").await.contains(GRANTED), "{name}");
    }
    assert!(
        !lab.broker.log().contains("wrong password"),
        "{}",
        lab.broker.log()
    );
}
