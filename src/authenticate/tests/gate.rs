//! Somebody else's say: after the throttle, before the directory, and never for a ticket.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::{Lab, alice};
use crate::authenticate::{Closed, Failure, Gate, GateAnswer, Proof};
use crate::model::TypedName;

/// Lets nobody through but carol, and counts who came.
#[derive(Debug, Default)]
struct Shut(AtomicUsize);

impl Shut {
    fn asked(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

impl Gate for Shut {
    fn admit<'a>(&'a self, user: &'a TypedName) -> GateAnswer<'a> {
        self.0.fetch_add(1, Ordering::SeqCst);
        let carol = user.as_str() == "carol";
        Box::pin(async move { carol.then_some(()).ok_or(Closed("shut".to_owned())) })
    }
}

#[tokio::test(start_paused = true)]
async fn a_shut_gate_costs_the_directory_nothing_and_does_not_end_tickets() {
    let lab = Lab::new();
    let shut = Shut::default();
    let ticket = lab.ticket(alice(0)).await;
    let binds = lab.binds();
    let form = super::Form {
        gate: Some(&shut),
        ..alice(1)
    };
    assert_eq!(
        lab.list(form).await.unwrap_err(),
        Failure::Closed(Closed("shut".to_owned()))
    );
    assert_eq!((lab.binds(), shut.asked()), (binds, 1));
    assert_eq!(lab.proof(form.ticket(&ticket)).await, Proof::Ticket);
    assert_eq!((lab.binds(), shut.asked()), (binds, 1));
}

#[tokio::test(start_paused = true)]
async fn a_ticket_that_no_longer_counts_is_no_way_round_the_gate() {
    let lab = Lab::new();
    let shut = Shut::default();
    let ticket = lab.ticket(alice(0)).await;
    lab.accounts
        .change("alice", |entry, _| entry.password_changed = Some(super::at(1)));
    let binds = lab.binds();
    let form = super::Form {
        gate: Some(&shut),
        ..alice(1)
    };
    assert_eq!(
        lab.list(form.ticket(&ticket)).await.unwrap_err(),
        Failure::Closed(Closed("shut".to_owned()))
    );
    assert_eq!((lab.binds(), shut.asked()), (binds, 1));
}

#[tokio::test(start_paused = true)]
async fn the_throttle_comes_first() {
    let lab = Lab::new();
    let shut = Shut::default();
    for second in 0..10 {
        let wrong = super::Form {
            password: &format!("wrong{second}"),
            ..alice(second)
        };
        lab.list(wrong).await.unwrap_err();
    }
    let form = super::Form {
        gate: Some(&shut),
        ..alice(20)
    };
    assert!(matches!(lab.list(form).await.unwrap_err(), Failure::Throttled(_)));
    assert_eq!(shut.asked(), 0);
}
