//! What a change of a password needs, and what counts after it.

use std::time::Duration;

use tokio::sync::Semaphore;

use super::*;
use crate::directory::{AccountState, PasswordState, Refusal, Rejection};

const NEW: &str = "avocado";

impl Lab {
    async fn change(&self, form: Form<'_>, new: &str) -> Result<Result<(), Rejection>, Failure> {
        let user = TypedName::new(form.user).unwrap();
        let password = |text: &str| Password::new(Secret::new(text.to_owned())).unwrap();
        let ticket = form
            .ticket
            .map(|text| TicketText::new(Secret::new(text.to_owned())).unwrap());
        let attempt = Attempt {
            user: &user,
            password: Some(&password(form.password)),
            ticket: ticket.as_ref(),
            door: Door::Plain,
            client: ClientAddress::new(form.client.parse().unwrap()),
            now: at(form.second),
            stages: &Stages::default(),
            gate: None,
        };
        let change = self.login.change_password(&attempt, &password(new)).await?;
        assert_eq!(change.account.to_string(), format!("ldap:{}", form.user));
        Ok(change.outcome)
    }

    fn password_will_do(&self, state: PasswordState) {
        let mut states = self.accounts.states.lock().unwrap();
        states.insert("alice".to_owned(), state);
    }

    /// A login of somebody who must change the password first: the ticket it gives.
    async fn change_only(&self, form: Form<'_>) -> Option<String> {
        let user = TypedName::new(form.user).unwrap();
        let attempt = Attempt {
            user: &user,
            password: Some(&Password::new(Secret::new(form.password.to_owned())).unwrap()),
            ticket: None,
            door: Door::Plain,
            client: ClientAddress::new(form.client.parse().unwrap()),
            now: at(form.second),
            stages: &Stages::default(),
            gate: None,
        };
        let proven = self.login.password_or_ticket(&attempt).await.unwrap();
        assert!(matches!(proven, Proven::ChangeOnly(_)), "{proven:?}");
        proven.ticket().unwrap().map(|text| text.expose().to_owned())
    }
}

fn now_with(password: &str, second: i64) -> Form<'_> {
    Form {
        password,
        ..alice(second)
    }
}

#[tokio::test]
async fn the_old_password_is_proven_afresh_whatever_ticket_there_is() {
    let lab = Lab::new();
    let ticket = lab.ticket(alice(0)).await;
    assert_eq!(lab.binds(), 1);
    let guess = now_with("guess", 1).ticket(&ticket);
    assert_eq!(lab.change(guess, NEW).await, Err(Failure::Wrong));
    assert_eq!(lab.change(guess, NEW).await, Err(Failure::RepeatedWrong));
    assert_eq!(lab.binds(), 2, "a wrong one counts once");
    assert_eq!(lab.list(guess).await.unwrap_err(), Failure::RepeatedWrong);

    assert_eq!(lab.change(alice(2).ticket(&ticket), NEW).await, Ok(Ok(())));
    assert_eq!(lab.binds(), 3, "a right ticket spares no bind here");
}

#[tokio::test]
async fn only_the_ticket_of_the_change_takes_the_old_password_and_only_from_there() {
    let lab = Lab::new();
    let (ticket, other) = (lab.ticket(alice(0)).await, lab.ticket(alice(0)).await);
    assert_eq!(lab.change(alice(10).ticket(&ticket), NEW).await, Ok(Ok(())));

    assert_eq!(lab.proof(alice(11).ticket(&ticket)).await, Proof::Ticket);
    assert_eq!(lab.proof(now_with(NEW, 11).ticket(&ticket)).await, Proof::Ticket);
    lab.event(alice(11).ticket(&ticket)).await.unwrap();
    let elsewhere = Form {
        client: "10.9.9.9",
        ..alice(12)
    };
    for refused in [alice(12), alice(12).ticket(&other), elsewhere.ticket(&ticket)] {
        assert_eq!(lab.list(refused).await.unwrap_err(), Failure::RepeatedWrong);
        assert!(lab.event(refused).await.is_err());
    }
    let for_another = now_with(NEW, 13).ticket(&other);
    assert_eq!(lab.proof(for_another).await, Proof::Password, "it is void");

    // It is exchanged, and the new one takes what the client goes on sending.
    let exchanged = lab.list(alice(700).ticket(&ticket)).await.unwrap();
    let next = new_ticket(&exchanged).unwrap();
    assert_eq!(lab.proof(alice(1000).ticket(&next)).await, Proof::Ticket);
    let elsewhere = Form {
        client: "10.9.9.9",
        ..alice(1000)
    };
    assert!(lab.event(elsewhere.ticket(&next)).await.is_err());
    let late = now_with("apple", 10 * HOUR).ticket(&next);
    assert_eq!(lab.list(late).await.unwrap_err(), Failure::Wrong, "until it ends");
}

#[tokio::test]
async fn where_tickets_are_free_the_old_password_is_not() {
    let mut lab = Lab::new();
    lab.reload(Settings {
        bind_ticket_to_client: false,
        ..settings()
    });
    let ticket = lab.ticket(alice(0)).await;
    assert_eq!(lab.change(alice(1).ticket(&ticket), NEW).await, Ok(Ok(())));
    let elsewhere = |password| Form {
        client: "10.9.9.9",
        ..now_with(password, 2)
    };
    assert!(lab.event(elsewhere("apple").ticket(&ticket)).await.is_err());
    assert!(lab.event(elsewhere(NEW).ticket(&ticket)).await.is_ok());
    let exchanged = lab.list(alice(700).ticket(&ticket)).await.unwrap();
    let next = new_ticket(&exchanged).unwrap();
    let later = Form {
        second: 701,
        ..elsewhere("apple")
    };
    assert!(lab.event(later.ticket(&next)).await.is_err());
    assert!(lab.event(alice(701).ticket(&next)).await.is_ok());
}

#[tokio::test]
async fn a_change_counts_at_once_in_the_memory_of_wrong_passwords() {
    let lab = Lab::new();
    // A directory that does not tell when a password was changed.
    lab.accounts
        .change("alice", |entry, _| entry.password_changed = None);
    let new = now_with(NEW, 0);
    assert_eq!(lab.list(new).await.unwrap_err(), Failure::Wrong);
    assert_eq!(lab.change(alice(1), NEW).await, Ok(Ok(())));
    let binds = lab.binds();
    assert_eq!(lab.proof(now_with(NEW, 2)).await, Proof::Password);
    assert_eq!(lab.list(alice(2)).await.unwrap_err(), Failure::RepeatedWrong);
    assert_eq!(lab.binds(), binds + 1, "the old one is not shown again");
    assert_eq!(lab.change(now_with(NEW, 3), "apple").await, Ok(Ok(())));
    assert_eq!(lab.proof(alice(4)).await, Proof::Password, "and back");
}

#[tokio::test]
async fn a_change_outlives_a_restart_and_a_later_one_by_others_ends_it() {
    let lab = Lab::new();
    let ticket = lab.ticket(alice(0)).await;
    assert_eq!(lab.change(alice(1).ticket(&ticket), NEW).await, Ok(Ok(())));
    let lab = lab.restart(|_| ());
    assert_eq!(lab.proof(alice(2).ticket(&ticket)).await, Proof::Ticket);
    lab.accounts.change("alice", |entry, password| {
        *password = "almond".to_owned();
        entry.password_changed = Some(at(3));
    });
    for password in ["apple", NEW] {
        let void = now_with(password, 4).ticket(&ticket);
        assert_eq!(lab.event(void).await.unwrap_err(), Failure::TicketInvalid);
    }
}

#[tokio::test]
async fn a_change_that_is_not_made_changes_nothing() {
    let lab = Lab::new();
    let ticket = lab.ticket(alice(0)).await;
    let other = lab.ticket(alice(0)).await;
    let form = alice(1).ticket(&ticket);
    assert_eq!(lab.change(form, "abc").await, Ok(Err(Rejection::TooShort)));
    assert_eq!(lab.change(form, "apple").await, Ok(Err(Rejection::Same)));
    let guess = now_with("guess", 1);
    assert_eq!(lab.change(guess, "guess").await, Err(Failure::Wrong));
    let nobody = Form {
        user: "nobody",
        ..alice(1)
    };
    assert_eq!(lab.change(nobody, NEW).await, Err(Failure::Unknown));
    for ticket in [&ticket, &other] {
        assert_eq!(lab.proof(alice(2).ticket(ticket)).await, Proof::Ticket);
    }
    lab.accounts
        .change("alice", |entry, _| entry.state = AccountState::Disabled);
    let closed = lab.change(alice(3).ticket(&ticket), NEW).await;
    assert_eq!(closed, Err(Failure::Refused(Refusal::Disabled)));
}

#[tokio::test]
async fn a_change_that_cannot_be_kept_is_told_as_what_it_is() {
    let lab = Lab::new();
    let ticket = lab.ticket(alice(0)).await;
    let lab = lab.restart(|path| {
        let file = rusqlite::Connection::open(path).unwrap();
        file.execute_batch(
            "CREATE TRIGGER full BEFORE DELETE ON tickets BEGIN SELECT RAISE(ABORT, 'disk full'); END;",
        )
        .unwrap();
    });
    let Err(Failure::Unavailable { cause }) = lab.change(alice(1).ticket(&ticket), NEW).await else {
        panic!("tickets that could not be ended");
    };
    assert!(cause.contains("the password was changed"), "{cause}");
    assert!(cause.contains("disk full"), "{cause}");
}

#[tokio::test]
async fn a_password_that_must_be_changed_opens_nothing_until_it_is() {
    let lab = Lab::new();
    let before = lab.ticket(alice(0)).await;
    lab.accounts
        .change("alice", |entry, _| entry.password_changed = Some(at(1)));
    lab.password_will_do(PasswordState::MustChange);
    let event = lab.event(alice(2).ticket(&before)).await;
    assert_eq!(event.unwrap_err(), Failure::TicketInvalid);
    let ticket = lab.change_only(alice(3)).await.unwrap();
    let form = alice(4).ticket(&ticket);
    assert_eq!(lab.list(form).await.unwrap_err(), Failure::MustChange);
    assert_eq!(lab.event(form).await.unwrap_err(), Failure::TicketInvalid);
    let guess = now_with("guess", 4).ticket(&ticket);
    assert_eq!(lab.change(guess, NEW).await, Err(Failure::Wrong));

    assert_eq!(lab.change(alice(5).ticket(&ticket), NEW).await, Ok(Ok(())));
    assert_eq!(lab.proof(alice(6).ticket(&ticket)).await, Proof::Ticket);
    assert_eq!(lab.proof(now_with(NEW, 6)).await, Proof::Password);
}

#[tokio::test]
async fn a_password_that_can_only_be_changed_elsewhere_gets_no_ticket() {
    let lab = Lab::new();
    lab.password_will_do(PasswordState::MustChangeElsewhere);
    assert_eq!(lab.change_only(alice(0)).await, None);
    assert_eq!(lab.change(alice(1), NEW).await, Ok(Err(Rejection::Elsewhere)));
}

#[tokio::test]
async fn a_ticket_knows_when_its_password_ends_and_ends_with_it() {
    use crate::model::PasswordEnd;
    let lab = Lab::new();
    let day = Duration::from_secs(24 * 3600);
    lab.password_will_do(PasswordState::Expires(day));
    let end = Some(PasswordEnd::At(at(0).plus(day)));
    let verified = lab.list(alice(0)).await.unwrap();
    assert_eq!(verified.password_end(), end);
    let ticket = new_ticket(&verified).unwrap();
    let again = lab.list(alice(700).ticket(&ticket)).await.unwrap();
    assert_eq!((again.proof(), again.password_end()), (Proof::Ticket, end));

    lab.password_will_do(PasswordState::Expires(Duration::from_secs(60)));
    let short = lab.ticket(alice(1000)).await;
    assert!(lab.event(alice(1059).ticket(&short)).await.is_ok());
    assert!(lab.event(alice(1060).ticket(&short)).await.is_err());
    lab.password_will_do(PasswordState::Grace(2));
    let by_grace = lab.list(alice(1061)).await.unwrap();
    assert_eq!(by_grace.password_end(), Some(PasswordEnd::AfterLogins(2)));
}

#[tokio::test]
async fn one_wrong_old_password_in_many_changes_and_logins_at_once_counts_once() {
    let lab = Arc::new(Lab::new());
    lab.accounts.gate.forget_permits(Semaphore::MAX_PERMITS);
    let work: Vec<_> = (0..10)
        .map(|number| {
            let lab = Arc::clone(&lab);
            tokio::spawn(async move {
                let guess = now_with("guess", 0);
                if number % 2 == 0 {
                    lab.change(guess, NEW).await.err()
                } else {
                    lab.list(guess).await.err()
                }
            })
        })
        .collect();
    while lab.binds() == 0 {
        tokio::task::yield_now().await;
    }
    lab.accounts.gate.add_permits(100);
    for one in work {
        let failure = one.await.unwrap().unwrap();
        assert!(
            matches!(failure, Failure::Wrong | Failure::RepeatedWrong),
            "{failure:?}"
        );
    }
    assert_eq!(lab.binds(), 1);
}

#[tokio::test]
async fn wrong_old_passwords_count_in_the_throttle() {
    let lab = Lab::new();
    let ticket = lab.ticket(alice(0)).await;
    for number in 0..5 {
        let guess = format!("guess {number}");
        let refused = lab.change(now_with(&guess, 1), NEW).await;
        assert_eq!(refused, Err(Failure::Wrong));
    }
    let binds = lab.binds();
    let change = lab.change(alice(2).ticket(&ticket), NEW).await;
    assert!(matches!(change, Err(Failure::Throttled(_))), "{change:?}");
    let login = lab.list(alice(2)).await;
    assert!(matches!(login, Err(Failure::Throttled(_))), "{login:?}");
    assert_eq!(lab.binds(), binds);
    assert_eq!(lab.proof(alice(2).ticket(&ticket)).await, Proof::Ticket);
    assert_eq!(lab.change(alice(1000).ticket(&ticket), NEW).await, Ok(Ok(())));
}
