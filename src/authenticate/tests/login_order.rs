//! Who is asked what, in which order, and how often.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Semaphore;

use super::*;
use crate::directory::{AccountState, Refusal};

#[tokio::test]
async fn a_login_costs_one_search_and_one_bind_and_its_ticket_spares_the_next_bind() {
    let lab = Lab::new();
    let ticket = lab.ticket(alice(0)).await;
    assert_eq!(ticket.len(), 64);
    assert_eq!((lab.binds(), lab.accounts.finds.load(Ordering::SeqCst)), (1, 1));
    let again = lab.list(alice(60).ticket(&ticket)).await.unwrap();
    assert_eq!((user(&again), again.proof()), ("alice", Proof::Ticket));
    assert_eq!(new_ticket(&again), None);
    assert_eq!((lab.binds(), lab.accounts.finds.load(Ordering::SeqCst)), (1, 2));
}

#[tokio::test]
async fn the_name_is_the_directorys_and_not_the_typed_one() {
    let lab = Lab::new();
    let typed = Form {
        user: " ALICE ",
        ..alice(0)
    };
    let verified = lab.list(typed).await.unwrap();
    assert_eq!(user(&verified), "alice");
    let ticket = new_ticket(&verified).unwrap();
    assert_eq!(lab.proof(alice(1).ticket(&ticket)).await, Proof::Ticket);
}

#[tokio::test]
async fn the_next_person_at_the_seat_is_not_the_last_one() {
    let lab = Lab::new();
    lab.accounts.add("carol", "apple");
    let ticket = lab.ticket(alice(0)).await;

    let bob = Form {
        user: "bob",
        password: "banana",
        ..alice(1)
    };
    let verified = lab.list(bob.ticket(&ticket)).await.unwrap();
    assert_eq!((user(&verified), verified.proof()), ("bob", Proof::Password));
    assert!(new_ticket(&verified).is_some());

    let same_password = Form {
        user: "carol",
        ..alice(2)
    };
    let verified = lab.list(same_password.ticket(&ticket)).await.unwrap();
    assert_eq!((user(&verified), verified.proof()), ("carol", Proof::Password));

    let nobody = Form {
        user: "nobody",
        ..alice(3)
    };
    assert_eq!(
        lab.list(nobody.ticket(&ticket)).await.unwrap_err(),
        Failure::Unknown
    );

    assert_eq!(
        lab.proof(alice(4).ticket(&ticket)).await,
        Proof::Ticket,
        "alice lost nothing"
    );
}

#[tokio::test]
async fn the_bind_decides_about_a_lock_and_the_entry_about_the_rest() {
    for (state, right, wrong) in [
        (AccountState::Active, None, Failure::Wrong),
        (AccountState::Locked, None, Failure::Refused(Refusal::Locked)),
        (
            AccountState::Disabled,
            Some(Failure::Refused(Refusal::Disabled)),
            Failure::Wrong,
        ),
        (
            AccountState::Expired,
            Some(Failure::Refused(Refusal::Expired)),
            Failure::Wrong,
        ),
    ] {
        let lab = Lab::new();
        lab.accounts.change("alice", |entry, _| entry.state = state);
        assert_eq!(lab.list(alice(0)).await.err(), right);
        let guess = Form {
            password: "guess",
            ..alice(0)
        };
        assert_eq!(lab.list(guess).await.unwrap_err(), wrong);
        assert_eq!(lab.binds(), 2, "{state:?} takes the time of a bind");
    }
}

#[tokio::test]
async fn the_right_password_of_a_closed_account_shows_as_little_as_a_wrong_one() {
    for (state, refusal) in [
        (AccountState::Disabled, Refusal::Disabled),
        (AccountState::Expired, Refusal::Expired),
    ] {
        let lab = Lab::new();
        lab.accounts.change("alice", |entry, _| entry.state = state);
        let refused = Failure::Refused(refusal);
        assert_eq!(lab.list(alice(0)).await.unwrap_err(), refused);
        assert_eq!(lab.list(alice(1)).await.unwrap_err(), Failure::RepeatedWrong);
        assert_eq!(lab.binds(), 1, "a further bind would take its time");
        for (second, password) in (2..).zip(["guess0", "guess1", "guess2", "guess3"]) {
            let guess = Form {
                password,
                ..alice(second)
            };
            assert_eq!(lab.list(guess).await.unwrap_err(), Failure::Wrong);
        }
        let sixth = lab.list(alice(6)).await.unwrap_err();
        assert!(matches!(sixth, Failure::Throttled(_)), "{sixth:?}");
    }
}

#[tokio::test]
async fn the_same_wrong_password_is_tried_once_in_half_a_minute() {
    let lab = Lab::new();
    let guess = |second| Form {
        password: "guess",
        ..alice(second)
    };
    assert_eq!(lab.list(guess(0)).await.unwrap_err(), Failure::Wrong);
    assert_eq!(lab.list(guess(29)).await.unwrap_err(), Failure::RepeatedWrong);
    let spelt_otherwise = Form {
        user: "ALICE",
        ..guess(29)
    };
    assert_eq!(
        lab.list(spelt_otherwise).await.unwrap_err(),
        Failure::RepeatedWrong
    );
    assert_eq!(lab.binds(), 1);
    let other = Form {
        password: "guess2",
        ..alice(1)
    };
    assert_eq!(lab.list(other).await.unwrap_err(), Failure::Wrong);
    let bob = Form {
        user: "bob",
        ..guess(1)
    };
    assert_eq!(lab.list(bob).await.unwrap_err(), Failure::Wrong);
    assert_eq!(lab.proof(alice(2)).await, Proof::Password);
    assert_eq!(lab.binds(), 4);
    assert_eq!(lab.list(guess(30)).await.unwrap_err(), Failure::Wrong);
    assert_eq!(lab.binds(), 5);
}

#[tokio::test]
async fn a_password_that_became_the_right_one_is_tried() {
    let lab = Lab::new();
    let next = Form {
        password: "avocado",
        ..alice(0)
    };
    assert_eq!(lab.list(next).await.unwrap_err(), Failure::Wrong);
    lab.accounts.change("alice", |entry, password| {
        *password = "avocado".to_owned();
        entry.password_changed = Some(at(1));
    });
    assert_eq!(lab.proof(Form { second: 2, ..next }).await, Proof::Password);
}

#[tokio::test]
async fn an_unknown_name_takes_the_way_of_a_wrong_password() {
    let lab = Lab::new();
    let nobody = |second| Form {
        user: "nobody",
        ..alice(second)
    };
    let rejects = || lab.accounts.rejects.load(Ordering::SeqCst);
    for (second, expected) in [(0, 1), (1, 1), (29, 1), (30, 2)] {
        assert_eq!(lab.list(nobody(second)).await.unwrap_err(), Failure::Unknown);
        assert_eq!(rejects(), expected, "after {second} s");
    }
    assert_eq!(lab.binds(), 0);
}

#[tokio::test]
async fn an_unknown_name_takes_as_long_as_a_password_that_the_directory_hashes_slowly() {
    let lab = lab_with_gate();
    let slow = Duration::from_millis(100);
    let wrong = Form {
        password: "pear",
        ..alice(0)
    };
    let hashing = async {
        tokio::time::sleep(slow).await;
        lab.accounts.gate.add_permits(1);
    };
    let (refused, ()) = tokio::join!(lab.list(wrong), hashing);
    assert_eq!(refused.unwrap_err(), Failure::Wrong);

    let begun = tokio::time::Instant::now();
    let nobody = Form {
        user: "nobody",
        ..wrong
    };
    assert_eq!(lab.list(nobody).await.unwrap_err(), Failure::Unknown);
    // The check began a little after the time was taken.
    assert!(begun.elapsed() >= slow / 2);
}

#[tokio::test]
async fn an_empty_password_goes_nowhere() {
    let lab = Lab::new();
    let ticket = lab.ticket(alice(0)).await;
    let empty = Form {
        password: "",
        ..alice(1)
    };
    assert_eq!(lab.list(empty).await.unwrap_err(), Failure::NoPassword);
    assert_eq!(
        lab.list(empty.ticket(&ticket)).await.unwrap_err(),
        Failure::NoPassword
    );
    assert_eq!(
        lab.event(empty.ticket(&ticket)).await.unwrap_err(),
        Failure::TicketInvalid
    );
    let asked = |count: &AtomicUsize| count.load(Ordering::SeqCst);
    assert_eq!(asked(&lab.accounts.finds), 1);
    assert_eq!((lab.binds(), asked(&lab.accounts.rejects)), (1, 0));
}

#[tokio::test]
async fn a_directory_that_is_down_is_no_wrong_password() {
    let lab = Lab::new();
    let ticket = lab.ticket(alice(0)).await;
    lab.accounts.down.store(true, Ordering::SeqCst);
    for form in [alice(1), alice(1).ticket(&ticket)] {
        let failure = lab.list(form).await.unwrap_err();
        assert!(matches!(failure, Failure::Unavailable { .. }), "{failure}");
    }
    lab.accounts.down.store(false, Ordering::SeqCst);
    assert_eq!(lab.proof(alice(2).ticket(&ticket)).await, Proof::Ticket);
    assert_eq!(lab.proof(alice(2)).await, Proof::Password);
}

/// A lab whose binds wait until the test lets them go on.
fn lab_with_gate() -> Lab {
    let mut accounts = FakeAccounts::new();
    accounts.add("alice", "apple");
    accounts.gate = Semaphore::new(0);
    Lab::with(Arc::new(accounts), tempfile::tempdir().unwrap())
}

/// Lets other tasks run until the condition holds.
async fn until(condition: impl Fn() -> bool) {
    let holds = async {
        while !condition() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), holds)
        .await
        .unwrap();
}

/// What five equal requests get that all wait for one bind.
async fn five_at_once(password: &'static str) -> Vec<Option<Failure>> {
    let lab = Arc::new(lab_with_gate());
    let form = Form { password, ..alice(0) };
    let requests: Vec<_> = (0..5)
        .map(|_| {
            let lab = lab.clone();
            tokio::spawn(async move { lab.list(form).await.err() })
        })
        .collect();
    until(|| lab.accounts.finds.load(Ordering::SeqCst) == 5 && lab.binds() > 0).await;
    lab.accounts.gate.add_permits(5);
    let mut failures = Vec::new();
    for request in requests {
        failures.push(request.await.unwrap());
    }
    assert_eq!(lab.binds(), 1);
    failures
}

#[tokio::test]
async fn requests_repeated_in_parallel_share_one_bind() {
    assert_eq!(five_at_once("apple").await, [const { None }; 5]);
    let (repeated, first): (Vec<_>, Vec<_>) = five_at_once("guess")
        .await
        .into_iter()
        .partition(|failure| *failure == Some(Failure::RepeatedWrong));
    assert_eq!(first, [Some(Failure::Wrong)]);
    assert_eq!(repeated.len(), 4);
}

#[tokio::test]
async fn a_check_whose_request_went_away_is_remembered() {
    let lab = Arc::new(lab_with_gate());
    let guess = Form {
        password: "guess",
        ..alice(0)
    };
    let request = tokio::spawn({
        let lab = lab.clone();
        async move { lab.list(guess).await }
    });
    until(|| lab.binds() > 0).await;
    request.abort();
    assert!(request.await.unwrap_err().is_cancelled());
    lab.accounts.gate.add_permits(5);
    assert_eq!(lab.list(guess).await.unwrap_err(), Failure::RepeatedWrong);
    assert_eq!(lab.binds(), 1);
}

#[tokio::test]
async fn a_check_that_panics_costs_one_login() {
    let lab = Lab::new();
    lab.accounts.broken.store(true, Ordering::SeqCst);
    let failure = lab.list(alice(0)).await.unwrap_err();
    assert!(matches!(failure, Failure::Unavailable { .. }), "{failure}");
    lab.accounts.broken.store(false, Ordering::SeqCst);
    assert_eq!(lab.proof(alice(0)).await, Proof::Password);
}

#[tokio::test]
async fn nothing_secret_is_printed() {
    let lab = Lab::new();
    let verified = lab.list(alice(0)).await.unwrap();
    let printed = format!("{verified:?}");
    assert!(printed.contains("alice"));
    assert!(!printed.contains("apple") && !printed.contains(&new_ticket(&verified).unwrap()));
}
