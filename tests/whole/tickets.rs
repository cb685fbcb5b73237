//! Tickets and passwords against a real slapd: what a login costs it, and what ends a ticket.

use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use tokio::task::JoinSet;
use x2godirector::authenticate::{
    Attempt, Failure, Login, Method, PasswordChecks, Proof, Proven, Settings, Verified,
};
use x2godirector::directory::{Directory, Refusal};
use x2godirector::identity::Identity;
use x2godirector::model::{Authenticated, ClientAddress, Door, Secret, TicketText, TypedName};
use x2godirector::observe::Stages;
use x2godirector::store::Embedded;

use crate::directory::{directory, now, password};
use crate::lab::slapd::{self, Slapd};

const POLICY: &str = "moduleload ppolicy\noverlay ppolicy";

/// A login path over a real directory and a real state file.
struct Broker {
    directory: Directory,
    login: Login,
    _folder: TempDir,
}

fn broker(server: &Slapd) -> Broker {
    let folder = tempfile::tempdir().unwrap();
    let directory = directory(server);
    let login = Login::new(
        Arc::new(directory.clone()),
        Arc::new(PasswordChecks::new()),
        Arc::new(Embedded::open(&folder.path().join("state.db")).unwrap()),
        Settings {
            methods: vec![Method::Ldap],
            ticket_lifetime: Duration::from_secs(36_000),
            ticket_idle: Duration::from_secs(7_200),
            bind_ticket_to_client: true,
            throttle: Arc::default(),
        },
    );
    Broker {
        directory,
        login,
        _folder: folder,
    }
}

impl Broker {
    async fn list(&self, user: &str, secret: &str, ticket: Option<&str>) -> Result<Verified, Failure> {
        let ticket = ticket.map(|text| TicketText::new(Secret::new(text.to_owned())).unwrap());
        self.login
            .password_or_ticket(&Attempt {
                user: &TypedName::new(user).unwrap(),
                password: Some(&password(secret)),
                ticket: ticket.as_ref(),
                door: Door::Plain,
                client: ClientAddress::new([127, 0, 0, 1].into()),
                now: now(),
                stages: &Stages::default(),
                gate: None,
            })
            .await
            .and_then(Proven::verified)
    }

    /// A login by password: the ticket it gives.
    async fn ticket(&self, user: &str, secret: &str) -> String {
        let verified = self.list(user, secret, None).await.unwrap();
        assert_eq!(verified.proof(), Proof::Password);
        verified.ticket().unwrap().unwrap().expose().to_owned()
    }
}

fn replace(attribute: &str, value: &str) -> String {
    let alice = slapd::person("alice");
    format!("dn: {alice}\nchangetype: modify\nreplace: {attribute}\n{attribute}: {value}\n\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_spares_the_directory_the_bind() {
    let staff = slapd::group_of_names("staff", &[&slapd::person("alice")]);
    let server = Slapd::start(&(slapd::people(&["alice"]) + &staff));
    let broker = broker(&server);
    let ticket = broker.ticket("Alice", "alice-secret").await;
    assert_eq!(server.binds(&slapd::person("alice")), 1);

    let verified = broker.list("alice", "alice-secret", Some(&ticket)).await.unwrap();
    assert_eq!(verified.proof(), Proof::Ticket);
    assert_eq!(server.binds(&slapd::person("alice")), 1);
    let identity = Identity::read(&verified, &broker.directory).await.unwrap();
    let person = identity.person();
    assert_eq!(person.account.to_string(), "ldap:alice");
    assert_eq!(person.uid.as_deref(), Some("20000"));
    assert_eq!(person.home.as_deref(), Some("/home/alice"));
    assert!(person.groups.iter().any(|group| group.name.as_str() == "staff"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_counts_one_failure_however_often_it_comes() {
    let server = Slapd::start_with(&slapd::people(&["alice"]), POLICY);
    let broker = Arc::new(broker(&server));
    let mut requests = JoinSet::new();
    for _ in 0..8 {
        let broker = Arc::clone(&broker);
        requests.spawn(async move { broker.list("alice", "guess", None).await.unwrap_err() });
    }
    let failures = requests.join_all().await;
    assert_eq!(
        failures
            .iter()
            .filter(|failure| **failure == Failure::Wrong)
            .count(),
        1
    );
    assert_eq!(
        broker.list("ALICE", "guess", None).await.unwrap_err(),
        Failure::RepeatedWrong
    );
    assert_eq!(server.binds(&slapd::person("alice")), 1);
    broker.ticket("alice", "alice-secret").await;
    assert_eq!(
        broker.list("nobody", "guess", None).await.unwrap_err(),
        Failure::Unknown
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happens_to_the_account_happens_to_its_tickets() {
    let server = Slapd::start_with(&slapd::people(&["alice"]), POLICY);
    let broker = broker(&server);
    let secret = "alice-secret";

    let ticket = broker.ticket("alice", secret).await;
    server.modify(&replace("userPassword", "other-secret"));
    let old = broker.list("alice", secret, Some(&ticket)).await;
    assert_eq!(old.unwrap_err(), Failure::Wrong);

    let secret = "other-secret";
    let ticket = broker.ticket("alice", secret).await;
    server.modify(&replace("pwdAccountLockedTime", "000001010000Z"));
    let closed = broker.list("alice", secret, Some(&ticket)).await;
    assert_eq!(closed.unwrap_err(), Failure::Refused(Refusal::Disabled));

    let alice = slapd::person("alice");
    server.modify(&format!(
        "dn: {alice}\nchangetype: modify\ndelete: pwdAccountLockedTime\n\n"
    ));
    let opened = broker.list("alice", secret, Some(&ticket)).await.unwrap();
    assert_eq!(opened.proof(), Proof::Password, "the ticket does not come back");
    let ticket = opened.ticket().unwrap().unwrap().expose();

    server.modify(&format!("dn: {alice}\nchangetype: delete\n\n"));
    let deleted = broker.list("alice", secret, Some(ticket)).await;
    assert_eq!(deleted.unwrap_err(), Failure::Unknown);
}
