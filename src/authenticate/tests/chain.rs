//! Two sources, one after the other: who is asked for whom, and whose ticket is whose.

use std::time::Duration;

use tokio::sync::Semaphore;

use super::*;
use crate::directory::AccountState;

/// A directory with alice, and a host with an alice of its own and carol.
struct Two {
    directory: Arc<FakeAccounts>,
    host: Arc<FakeAccounts>,
    login: Login,
    _folder: TempDir,
}

impl Two {
    fn new(when_unreachable: bool) -> Self {
        Self::with(FakeAccounts::of(Source::Ldap), when_unreachable)
    }

    fn with(directory: FakeAccounts, when_unreachable: bool) -> Self {
        let host = FakeAccounts::of(Source::Nss);
        directory.add("alice", "apple");
        host.add("alice", "avocado");
        host.add("carol", "cherry");
        let (directory, host) = (Arc::new(directory), Arc::new(host));
        let folder = tempfile::tempdir().unwrap();
        let chain = Chain::of(directory.clone()).then(host.clone(), when_unreachable);
        let store = Embedded::open(&folder.path().join("state.db")).unwrap();
        let checks = Arc::new(PasswordChecks::new());
        Self {
            login: Login::new(chain, checks, Arc::new(store), settings()),
            directory,
            host,
            _folder: folder,
        }
    }

    async fn list(&self, form: Form<'_>) -> Result<Verified, Failure> {
        send(&self.login, form, false).await
    }

    async fn account(&self, form: Form<'_>) -> String {
        self.list(form).await.unwrap().account().to_string()
    }

    /// How many passwords of users, and of nobody, the host has seen.
    fn seen_by_host(&self) -> (usize, usize) {
        (
            self.host.binds.load(Ordering::SeqCst),
            self.host.rejects.load(Ordering::SeqCst),
        )
    }

    fn set_directory_down(&self, down: bool) {
        self.directory.down.store(down, Ordering::SeqCst);
    }
}

fn form(user: &'static str, password: &'static str, second: i64) -> Form<'static> {
    Form {
        user,
        password,
        ..alice(second)
    }
}

fn is_unavailable(answer: &Result<Verified, Failure>) -> bool {
    matches!(answer, Err(Failure::Unavailable { .. }))
}

#[tokio::test]
async fn the_second_source_has_who_the_first_does_not_know() {
    let two = Two::new(false);
    assert_eq!(two.account(form("alice", "apple", 0)).await, "ldap:alice");
    assert_eq!(two.account(form("Carol", "cherry", 0)).await, "nss:carol");
    assert_eq!(two.seen_by_host(), (1, 0));
}

#[tokio::test]
async fn a_wrong_password_goes_to_no_second_source() {
    let two = Two::new(true);
    let of_the_host = form("alice", "avocado", 0);
    assert_eq!(two.list(of_the_host).await.unwrap_err(), Failure::Wrong);
    assert_eq!(two.list(of_the_host).await.unwrap_err(), Failure::RepeatedWrong);
    assert_eq!(two.seen_by_host(), (0, 0));
}

#[tokio::test]
async fn who_may_not_log_in_at_the_first_source_is_nobody_at_the_second() {
    let two = Two::new(true);
    two.directory
        .change("alice", |entry, _| entry.state = AccountState::Disabled);
    for password in ["apple", "avocado"] {
        assert!(two.list(form("alice", password, 0)).await.is_err());
    }
    two.directory.hide("alice");
    for password in ["apple", "avocado"] {
        let answer = two.list(form("ALICE", password, 40)).await;
        assert_eq!(answer.unwrap_err(), Failure::Unknown);
    }
    assert_eq!(two.seen_by_host(), (0, 0));
    assert_eq!(two.host.finds.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn another_spelling_does_not_lead_around_the_first_source() {
    let two = Two::new(false);
    two.host.alias("alice@example.org", "alice");
    two.host.alias("carol@example.org", "carol");
    let answer = two.list(form("alice@example.org", "avocado", 0)).await;
    assert_eq!(answer.unwrap_err(), Failure::Unknown);
    assert_eq!(two.seen_by_host(), (0, 0));
    assert_eq!(
        two.account(form("carol@example.org", "cherry", 0)).await,
        "nss:carol"
    );
}

#[tokio::test]
async fn a_first_source_that_cannot_be_asked_is_passed_only_where_that_was_asked_for() {
    let two = Two::new(false);
    two.set_directory_down(true);
    for form in [form("carol", "cherry", 0), form("alice", "avocado", 0)] {
        assert!(is_unavailable(&two.list(form).await));
    }
    assert_eq!(two.seen_by_host(), (0, 0));
    assert!(!two.login.is_ready());

    let two = Two::new(true);
    two.set_directory_down(true);
    assert!(two.login.is_ready());
    assert_eq!(two.account(form("carol", "cherry", 0)).await, "nss:carol");
    assert_eq!(two.account(form("alice", "avocado", 0)).await, "nss:alice");
    let wrong = two.list(form("alice", "apple", 0)).await;
    assert_eq!(wrong.unwrap_err(), Failure::Wrong);
    two.host.down.store(true, Ordering::SeqCst);
    assert!(!two.login.is_ready());
    two.set_directory_down(false);
    assert!(two.login.is_ready());
}

/// Only the directory could have said that there is no bob, and the answer takes the time of a check.
#[tokio::test]
async fn a_name_that_only_the_unreachable_source_could_know_is_not_unknown() {
    let two = Two::new(true);
    two.directory.add("bob", "banana");
    let ticket = new_ticket(&two.list(form("bob", "banana", 0)).await.unwrap()).unwrap();
    two.set_directory_down(true);
    let bob = form("bob", "banana", 1).ticket(&ticket);
    assert!(is_unavailable(&two.list(bob).await));
    assert!(is_unavailable(&send(&two.login, bob, true).await));
    assert_eq!(two.seen_by_host(), (0, 1));
    two.set_directory_down(false);
    let bob = two.list(bob).await.unwrap();
    assert_eq!(bob.proof(), Proof::Ticket, "the ticket lasts");
}

/// Else an outage of the directory would refuse its users, and whoever sits beside them, when it is over.
#[tokio::test]
async fn a_name_that_could_not_be_asked_for_counts_nothing() {
    let two = Two::new(true);
    two.directory.add("bob", "banana");
    two.set_directory_down(true);
    for second in 0..20 {
        assert!(is_unavailable(&two.list(form("bob", "banana", second)).await));
    }
    assert_eq!(two.login.throttled_now(at(20)), []);
    assert_eq!(two.seen_by_host(), (0, 20), "each takes the time of a check");
    two.set_directory_down(false);
    assert_eq!(two.account(form("bob", "banana", 20)).await, "ldap:bob");
}

#[tokio::test]
async fn a_ticket_of_one_source_is_none_for_the_same_name_in_the_other() {
    let two = Two::new(true);
    // The same password in both, as people have it.
    two.host
        .change("alice", |_, password| *password = "apple".to_owned());
    let of_directory = two.list(alice(0)).await.unwrap();
    let of_directory = new_ticket(&of_directory).unwrap();

    two.set_directory_down(true);
    let on_host = two.list(alice(1).ticket(&of_directory)).await.unwrap();
    assert_eq!(on_host.account().to_string(), "nss:alice");
    assert_eq!(on_host.proof(), Proof::Password);
    let of_host = new_ticket(&on_host).unwrap();
    let again = two.list(alice(2).ticket(&of_host)).await.unwrap();
    assert_eq!(again.proof(), Proof::Ticket);

    two.set_directory_down(false);
    let back = two.list(alice(3).ticket(&of_host)).await.unwrap();
    assert_eq!(back.account().to_string(), "ldap:alice");
    assert_eq!(back.proof(), Proof::Password);
    let event = send(&two.login, alice(4).ticket(&of_host), true).await;
    assert_eq!(event.unwrap_err(), Failure::TicketInvalid);
    let kept = two.list(alice(5).ticket(&of_directory)).await.unwrap();
    assert_eq!(kept.proof(), Proof::Ticket);
}

#[tokio::test]
async fn a_wrong_password_is_remembered_for_its_source() {
    let two = Two::new(true);
    let guess = form("alice", "guess", 0);
    assert_eq!(two.list(guess).await.unwrap_err(), Failure::Wrong);
    two.set_directory_down(true);
    assert_eq!(two.list(guess).await.unwrap_err(), Failure::Wrong);
    assert_eq!(two.list(guess).await.unwrap_err(), Failure::RepeatedWrong);
    assert_eq!(two.seen_by_host(), (1, 0));
}

/// The directory answers at once here and the host slowly.
#[tokio::test]
async fn every_failure_takes_as_long_as_at_the_slower_source() {
    let mut host = FakeAccounts::of(Source::Nss);
    host.gate = Semaphore::new(0);
    host.add("carol", "cherry");
    let host = Arc::new(host);
    let directory = Arc::new(FakeAccounts::of(Source::Ldap));
    directory.add("alice", "apple");
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(Embedded::open(&folder.path().join("state.db")).unwrap());
    let chain = Chain::of(directory).then(host.clone(), false);
    let login = Login::new(chain, Arc::new(PasswordChecks::new()), store, settings());

    let slow = Duration::from_millis(100);
    let hashing = async {
        tokio::time::sleep(slow).await;
        host.gate.add_permits(1);
    };
    let (refused, ()) = tokio::join!(send(&login, form("carol", "guess", 0), false), hashing);
    assert_eq!(refused.unwrap_err(), Failure::Wrong);

    for (user, expected) in [("alice", Failure::Wrong), ("nobody", Failure::Unknown)] {
        let begun = tokio::time::Instant::now();
        let answer = send(&login, form(user, "guess", 0), false).await;
        assert_eq!(answer.unwrap_err(), expected);
        assert!(begun.elapsed() >= slow / 2, "{user}");
    }
}
