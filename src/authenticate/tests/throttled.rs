//! What a login costs whom the throttle refuses, and what counts.

use std::sync::atomic::Ordering;

use tokio::task::JoinSet;

use super::*;
use crate::authenticate::throttle::Which;
use crate::directory::AccountState;

fn guess(number: usize, second: i64) -> (String, i64) {
    (format!("guess{number}"), second)
}

impl Lab {
    async fn guess(&self, user: &str, (password, second): (String, i64)) -> Failure {
        let form = Form {
            user,
            password: &password,
            ..alice(second)
        };
        self.list(form).await.unwrap_err()
    }

    fn asked(&self) -> (usize, usize, usize) {
        let count = |count: &std::sync::atomic::AtomicUsize| count.load(Ordering::SeqCst);
        let FakeAccounts {
            finds,
            binds,
            rejects,
            ..
        } = &*self.accounts;
        (count(finds), count(binds), count(rejects))
    }
}

fn which(failure: &Failure) -> Option<Which> {
    match failure {
        Failure::Throttled(refused) => Some(refused.which),
        _ => None,
    }
}

#[tokio::test]
async fn a_refused_name_costs_no_search_and_no_bind() {
    let lab = Lab::new();
    for number in 0..5 {
        assert_eq!(lab.guess("alice", guess(number, 0)).await, Failure::Wrong);
    }
    let asked = lab.asked();
    let right = lab.list(alice(1)).await.unwrap_err();
    assert_eq!(which(&right), Some(Which::User));
    assert_eq!(lab.asked(), asked);
    for number in 0..5 {
        assert_eq!(lab.guess("nobody", guess(number, 0)).await, Failure::Unknown);
    }
    let asked = lab.asked();
    assert_eq!(which(&lab.guess("nobody", guess(9, 1)).await), Some(Which::User));
    assert_eq!(lab.asked(), asked);
}

#[tokio::test]
async fn all_spellings_of_a_name_share_one_counter() {
    let lab = Lab::new();
    lab.accounts.alias("alice@example.org", "alice");
    let spellings = [
        "alice",
        "ALICE",
        " Alice ",
        "alice@example.org",
        "Alice@Example.Org",
    ];
    for (number, spelling) in spellings.iter().enumerate() {
        assert_eq!(lab.guess(spelling, guess(number, 0)).await, Failure::Wrong);
    }
    let binds = lab.binds();
    for spelling in spellings {
        assert_eq!(which(&lab.guess(spelling, guess(9, 1)).await), Some(Which::User));
    }
    assert_eq!(lab.binds(), binds);
}

#[tokio::test]
async fn a_ticket_with_its_password_is_never_refused() {
    let lab = Lab::new();
    let ticket = lab.ticket(alice(0)).await;
    for number in 0..6 {
        lab.guess("alice", guess(number, 1)).await;
    }
    assert_eq!(which(&lab.list(alice(2)).await.unwrap_err()), Some(Which::User));
    assert_eq!(lab.proof(alice(2).ticket(&ticket)).await, Proof::Ticket);
}

#[tokio::test]
async fn the_same_wrong_password_counts_once_and_a_directory_that_is_down_counts_nothing() {
    let lab = Lab::new();
    for _ in 0..20 {
        lab.guess("alice", guess(0, 0)).await;
    }
    lab.accounts.down.store(true, Ordering::SeqCst);
    for number in 10..20 {
        lab.guess("alice", guess(number, 0)).await;
    }
    lab.accounts.down.store(false, Ordering::SeqCst);
    for number in 1..5 {
        assert_eq!(lab.guess("alice", guess(number, 0)).await, Failure::Wrong);
    }
    assert_eq!(which(&lab.guess("alice", guess(5, 0)).await), Some(Which::User));
}

#[tokio::test]
async fn what_the_directory_refuses_counts_too() {
    let lab = Lab::new();
    lab.accounts
        .change("alice", |entry, _| entry.state = AccountState::Locked);
    for number in 0..5 {
        assert_eq!(which(&lab.guess("alice", guess(number, 0)).await), None);
    }
    assert_eq!(which(&lab.guess("alice", guess(5, 0)).await), Some(Which::User));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_guesses_at_once_are_five() {
    let lab = Arc::new(Lab::new());
    let mut guesses = JoinSet::new();
    for number in 0..100 {
        let lab = Arc::clone(&lab);
        guesses.spawn(async move { lab.guess("alice", guess(number, 0)).await });
    }
    let failures = guesses.join_all().await;
    assert_eq!(lab.binds(), 5);
    let wrong = failures
        .iter()
        .filter(|failure| **failure == Failure::Wrong)
        .count();
    assert_eq!(wrong, 5);
    assert_eq!(failures.iter().filter_map(which).count(), 95);
}

#[tokio::test]
async fn a_reload_keeps_what_was_counted() {
    let mut lab = Lab::new();
    for number in 0..4 {
        lab.guess("alice", guess(number, 0)).await;
    }
    let mut stricter = settings();
    Arc::make_mut(&mut stricter.throttle).user.count = 3;
    lab.reload(stricter);
    assert_eq!(which(&lab.guess("alice", guess(4, 1)).await), Some(Which::User));
    lab.reload(settings());
    assert_eq!(lab.proof(alice(2)).await, Proof::Password);
}
