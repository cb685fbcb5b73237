//! When a ticket counts, and what ends it.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::directory::{AccountState, Refusal};
use crate::model::Now;

#[tokio::test]
async fn a_ticket_with_another_password_is_no_ticket_and_stays_one() {
    let lab = Lab::new();
    let ticket = lab.ticket(alice(0)).await;
    let guess = Form {
        password: "guess",
        ..alice(1)
    };
    assert_eq!(lab.list(guess.ticket(&ticket)).await.unwrap_err(), Failure::Wrong);
    assert_eq!(
        lab.event(guess.ticket(&ticket)).await.unwrap_err(),
        Failure::TicketInvalid
    );
    assert_eq!(lab.binds(), 2);
    assert_eq!(lab.proof(alice(2).ticket(&ticket)).await, Proof::Ticket);
}

#[tokio::test]
async fn tickets_of_nobody_are_no_error_beside_a_good_password() {
    let lab = Lab::new();
    for foreign in ["0", &"ab".repeat(32), &"ab".repeat(64)] {
        assert_eq!(lab.proof(alice(0).ticket(foreign)).await, Proof::Password);
    }
}

#[tokio::test]
async fn rotation_keeps_the_old_ticket_for_a_grace_and_the_end_for_all() {
    let lab = Lab::new();
    let first = lab.ticket(alice(0)).await;
    assert_eq!(
        new_ticket(&lab.list(alice(599).ticket(&first)).await.unwrap()),
        None
    );
    let rotated = lab.list(alice(600).ticket(&first)).await.unwrap();
    assert_eq!(rotated.proof(), Proof::Ticket);
    let second = new_ticket(&rotated).unwrap();
    assert_ne!(first, second);

    let late = lab.list(alice(719).ticket(&first)).await.unwrap();
    assert_eq!((late.proof(), new_ticket(&late)), (Proof::Ticket, None));
    assert_eq!(lab.proof(alice(719).ticket(&second)).await, Proof::Ticket);
    assert_eq!(
        lab.event(alice(720).ticket(&first)).await.unwrap_err(),
        Failure::TicketInvalid
    );

    let mut ticket = second;
    for second in (1200..10 * HOUR).step_by(600) {
        let verified = lab.list(alice(second).ticket(&ticket)).await.unwrap();
        assert_eq!(verified.proof(), Proof::Ticket);
        ticket = new_ticket(&verified).unwrap();
    }
    assert_eq!(lab.binds(), 1);
    assert_eq!(
        lab.proof(alice(10 * HOUR).ticket(&ticket)).await,
        Proof::Password,
        "ten hours are over"
    );
}

#[tokio::test]
async fn a_ticket_used_in_parallel_serves_all_and_is_exchanged_once() {
    let lab = Arc::new(Lab::new());
    let ticket = lab.ticket(alice(0)).await;
    let requests: Vec<_> = (0..40)
        .map(|_| {
            let (lab, ticket) = (lab.clone(), ticket.clone());
            tokio::spawn(async move { lab.list(alice(700).ticket(&ticket)).await })
        })
        .collect();
    let mut exchanged = 0;
    for request in requests {
        let verified = request.await.unwrap().unwrap();
        assert_eq!(verified.proof(), Proof::Ticket);
        exchanged += usize::from(new_ticket(&verified).is_some());
    }
    assert_eq!(exchanged, 1);
    assert_eq!(lab.binds(), 1);
}

#[tokio::test]
async fn tickets_end_after_idleness_and_use_keeps_them() {
    let lab = Lab::new();
    let ticket = lab.ticket(alice(0)).await;
    let used = 2 * HOUR - 1;
    lab.event(alice(used).ticket(&ticket)).await.unwrap();
    lab.event(alice(used + 2 * HOUR - 1).ticket(&ticket))
        .await
        .unwrap();
    let idle = alice(used + 2 * HOUR - 1 + 2 * HOUR).ticket(&ticket);
    assert_eq!(lab.event(idle).await.unwrap_err(), Failure::TicketInvalid);
    assert_eq!(lab.proof(idle).await, Proof::Password);
}

#[tokio::test]
async fn a_shorter_lifetime_counts_for_tickets_issued_before() {
    let mut lab = Lab::new();
    let ticket = lab.ticket(alice(0)).await;
    lab.reload(Settings {
        ticket_lifetime: Duration::from_secs(60),
        ..settings()
    });
    assert_eq!(lab.proof(alice(59).ticket(&ticket)).await, Proof::Ticket);
    assert_eq!(lab.proof(alice(60).ticket(&ticket)).await, Proof::Password);
}

#[tokio::test]
async fn a_bound_ticket_counts_at_its_client_alone() {
    let mut lab = Lab::new();
    let ticket = lab.ticket(alice(0)).await;
    let elsewhere = Form {
        client: "10.1.2.4",
        ..alice(1)
    };
    assert_eq!(
        lab.event(elsewhere.ticket(&ticket)).await.unwrap_err(),
        Failure::TicketInvalid
    );
    assert_eq!(lab.proof(elsewhere.ticket(&ticket)).await, Proof::Password);
    let mapped = Form {
        client: "::ffff:10.1.2.3",
        ..alice(1)
    };
    assert_eq!(lab.proof(mapped.ticket(&ticket)).await, Proof::Ticket);

    let six = Form {
        client: "2001:db8::1",
        ..alice(2)
    };
    let ticket = lab.ticket(six).await;
    let same_64 = Form {
        client: "2001:db8::2:3:4:5",
        ..six
    };
    assert_eq!(lab.proof(same_64.ticket(&ticket)).await, Proof::Ticket);

    lab.reload(Settings {
        bind_ticket_to_client: false,
        ..settings()
    });
    let free = lab.ticket(alice(3)).await;
    assert_eq!(lab.proof(elsewhere.ticket(&free)).await, Proof::Ticket);
    lab.reload(settings());
    assert_eq!(
        lab.proof(alice(4).ticket(&free)).await,
        Proof::Password,
        "it is bound to nobody"
    );
}

#[tokio::test]
async fn a_restart_loses_no_ticket_and_the_file_holds_no_secret() {
    let lab = Lab::new();
    let ticket = lab.ticket(alice(0)).await;
    let path = lab.folder.path().join("state.db");
    let mut bytes = std::fs::read(&path).unwrap();
    bytes.extend(std::fs::read(path.with_extension("db-wal")).unwrap());
    let holds = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(holds("alice"));
    assert!(!holds(&ticket) && !holds("apple"));

    let lab = lab.restart(|_| ());
    assert_eq!(lab.proof(alice(60).ticket(&ticket)).await, Proof::Ticket);
}

#[tokio::test]
async fn a_deleted_user_loses_the_tickets() {
    let lab = Lab::new();
    let ticket = lab.ticket(alice(0)).await;
    let other = lab.ticket(alice(0)).await;
    lab.accounts.remove("alice");
    assert_eq!(
        lab.list(alice(1).ticket(&ticket)).await.unwrap_err(),
        Failure::Unknown
    );
    lab.accounts.add("alice", "apple");
    for ticket in [&ticket, &other] {
        let event = alice(2).ticket(ticket);
        assert_eq!(lab.event(event).await.unwrap_err(), Failure::TicketInvalid);
    }
}

#[tokio::test]
async fn a_user_who_may_not_log_in_loses_the_tickets_at_once() {
    for state in [
        AccountState::Disabled,
        AccountState::Expired,
        AccountState::Locked,
    ] {
        let lab = Lab::new();
        let ticket = lab.ticket(alice(0)).await;
        let others = lab
            .ticket(Form {
                user: "bob",
                password: "banana",
                ..alice(0)
            })
            .await;
        lab.accounts.change("alice", |entry, _| entry.state = state);
        let event = lab.event(alice(1).ticket(&ticket)).await;
        assert_eq!(event.unwrap_err(), Failure::TicketInvalid);
        lab.accounts
            .change("alice", |entry, _| entry.state = AccountState::Active);
        let revived = lab.event(alice(2).ticket(&ticket)).await;
        assert_eq!(revived.unwrap_err(), Failure::TicketInvalid, "{state:?}");
        let bob = Form {
            user: "bob",
            password: "banana",
            ..alice(2)
        };
        assert!(lab.event(bob.ticket(&others)).await.is_ok());
    }
}

#[tokio::test]
async fn any_request_that_sees_the_lock_ends_the_tickets() {
    let lab = Lab::new();
    let ticket = lab.ticket(alice(0)).await;
    lab.accounts
        .change("alice", |entry, _| entry.state = AccountState::Disabled);
    assert_eq!(
        lab.list(alice(1)).await.unwrap_err(),
        Failure::Refused(Refusal::Disabled)
    );
    lab.accounts
        .change("alice", |entry, _| entry.state = AccountState::Active);
    assert!(lab.event(alice(2).ticket(&ticket)).await.is_err());
}

#[tokio::test]
async fn a_changed_password_ends_the_tickets_of_the_old_one() {
    let lab = Lab::new();
    let ticket = lab.ticket(alice(0)).await;
    let idle_seat = lab.ticket(alice(0)).await;
    lab.accounts.change("alice", |entry, password| {
        *password = "avocado".to_owned();
        entry.password_changed = Some(at(10));
    });
    assert_eq!(
        lab.list(alice(20).ticket(&ticket)).await.unwrap_err(),
        Failure::Wrong
    );
    assert!(lab.event(alice(21).ticket(&idle_seat)).await.is_err());
    lab.accounts.change("alice", |entry, _| {
        entry.password_changed = Some(Now::from_unix_ms(0))
    });
    let undone = lab.event(alice(22).ticket(&ticket)).await;
    assert!(undone.is_err(), "it is gone and not only void");
    let new = Form {
        password: "avocado",
        ..alice(30)
    };
    let ticket = lab.ticket(new).await;
    assert_eq!(lab.proof(new.ticket(&ticket)).await, Proof::Ticket);
}

#[tokio::test]
async fn a_directory_that_counts_days_or_has_another_clock_voids_what_it_must_and_no_more() {
    const DAY: i64 = 86_400_000;
    let today = Now::from_unix_ms(at(0).unix_ms() / DAY * DAY);
    let ahead = at(HOUR);
    for changed in [today, ahead] {
        let lab = Lab::new();
        let before = lab.ticket(alice(0)).await;
        lab.accounts
            .change("alice", |entry, _| entry.password_changed = Some(changed));
        assert!(
            lab.event(alice(1).ticket(&before)).await.is_err(),
            "issued before the change"
        );
        let after = lab.ticket(alice(2)).await;
        assert_eq!(lab.proof(alice(3).ticket(&after)).await, Proof::Ticket);
    }
}

#[tokio::test]
async fn an_event_never_binds_and_never_changes_the_ticket() {
    let lab = Lab::new();
    let ticket = lab.ticket(alice(0)).await;
    let event = lab.event(alice(HOUR).ticket(&ticket)).await.unwrap();
    assert_eq!((user(&event), new_ticket(&event)), ("alice", None));
    assert_eq!(lab.event(alice(1)).await.unwrap_err(), Failure::TicketInvalid);
    let bob = Form {
        user: "bob",
        ..alice(1)
    };
    assert_eq!(
        lab.event(bob.ticket(&ticket)).await.unwrap_err(),
        Failure::TicketInvalid
    );
    assert_eq!(lab.binds(), 1);
}

#[tokio::test]
async fn a_store_that_cannot_write_shuts_nobody_out_and_revives_no_ticket() {
    let lab = Lab::new();
    let ticket = lab.ticket(alice(0)).await;
    let lab = lab.restart(let_changes_fail);

    let verified = lab.list(alice(1)).await.unwrap();
    assert!(verified.ticket().is_err());
    let due = lab.list(alice(700).ticket(&ticket)).await.unwrap();
    assert_eq!(due.proof(), Proof::Ticket);
    assert!(due.ticket().is_err());

    lab.accounts
        .change("alice", |entry, _| entry.state = AccountState::Disabled);
    let not_ended = lab.list(alice(701).ticket(&ticket)).await.unwrap_err();
    assert!(matches!(not_ended, Failure::Unavailable { .. }), "{not_ended}");
}

/// Lets every change of the tickets fail, as a full disk would.
fn let_changes_fail(path: &Path) {
    for change in ["INSERT", "UPDATE OF replaced", "DELETE"] {
        let name = change.replace(' ', "_");
        let trigger = format!(
            "CREATE TRIGGER {name}_ BEFORE {change} ON tickets BEGIN SELECT RAISE(FAIL, 'no room'); END"
        );
        rusqlite::Connection::open(path)
            .unwrap()
            .execute_batch(&trigger)
            .unwrap();
    }
}

/// What Python X2Go sends: the password once, and from then on the ticket in its place.
fn by_json(second: i64) -> Form<'static> {
    Form {
        door: Door::Json,
        ..alice(second)
    }
}

#[tokio::test]
async fn a_ticket_of_the_json_door_counts_there_without_a_password() {
    let lab = Lab::new();
    let ticket = lab.ticket(by_json(0)).await;
    let alone = Form {
        password: "",
        ..by_json(1).ticket(&ticket)
    };
    assert_eq!(lab.proof(alone).await, Proof::Ticket);
    assert_eq!(lab.binds(), 1);

    let rotated = lab.list(Form { second: 600, ..alone }).await.unwrap();
    let next = new_ticket(&rotated).unwrap();
    assert_eq!(
        lab.proof(Form { second: 601, ..alone }.ticket(&next)).await,
        Proof::Ticket
    );

    lab.accounts
        .change("alice", |entry, _| entry.password_changed = Some(at(602)));
    let after = Form { second: 603, ..alone }.ticket(&next);
    assert_eq!(lab.list(after).await.unwrap_err(), Failure::TicketInvalid);
    assert_eq!(lab.binds(), 1);
}

#[tokio::test]
async fn a_ticket_of_the_json_door_carries_no_guess_past_the_throttle() {
    let lab = Lab::new();
    let ticket = lab.ticket(by_json(0)).await;
    assert_eq!(lab.proof(by_json(1).ticket(&ticket)).await, Proof::Password);

    let finds = || lab.accounts.finds.load(Ordering::SeqCst);
    let guess = |second| Form {
        user: "bob",
        ..by_json(second).ticket(&ticket)
    };
    for (second, password) in (2..).zip(["a", "b", "c", "d", "e"]) {
        let refused = lab
            .list(Form {
                password,
                ..guess(second)
            })
            .await;
        assert_eq!(refused.unwrap_err(), Failure::Wrong);
    }
    let searched = finds();
    let refused = lab
        .list(Form {
            password: "f",
            ..guess(8)
        })
        .await
        .unwrap_err();
    assert!(matches!(refused, Failure::Throttled(_)), "{refused:?}");
    assert_eq!(finds(), searched, "nobody is searched for");
}

#[tokio::test]
async fn a_ticket_of_one_door_opens_no_other() {
    let lab = Lab::new();
    let (plain, json) = (lab.ticket(alice(0)).await, lab.ticket(by_json(0)).await);
    let without_password = |form: Form<'static>| Form { password: "", ..form };
    for (form, ticket) in [(alice(1), &json), (by_json(1), &plain), (alice(1), &plain)] {
        let refused = lab.list(without_password(form).ticket(ticket)).await.unwrap_err();
        assert_eq!(refused, Failure::NoPassword, "{form:?}");
    }
    assert_eq!(lab.proof(alice(1).ticket(&json)).await, Proof::Password);
}

#[tokio::test]
async fn a_ticket_of_the_json_door_stays_with_its_client_whatever_the_settings_say() {
    let mut lab = Lab::new();
    lab.reload(Settings {
        bind_ticket_to_client: false,
        ..settings()
    });
    let ticket = lab.ticket(by_json(0)).await;
    let elsewhere = Form {
        password: "",
        client: "192.0.2.99",
        ..by_json(1).ticket(&ticket)
    };
    assert_eq!(lab.list(elsewhere).await.unwrap_err(), Failure::NoPassword);
    let at_home = Form {
        client: SEAT,
        ..elsewhere
    };
    assert_eq!(lab.proof(at_home).await, Proof::Ticket);
}
