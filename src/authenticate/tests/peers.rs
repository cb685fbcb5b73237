//! Users of this machine: whom the kernel's word proves, and whom not.

use std::sync::atomic::Ordering;

use super::*;
use crate::directory::{AccountState, Key, Refusal};
use crate::observe::Stages;
use crate::socket::Peer;

/// The user id of everybody in the directory of these tests.
const UID: u32 = 1042;

async fn peer(lab: &Lab, uid: u32, name: &str) -> Result<Verified, Failure> {
    lab.login
        .peer(&Peer::supposed(uid, name), at(0), &Stages::default())
        .await
}

#[tokio::test]
async fn the_account_with_the_name_and_the_id_is_proven_without_a_bind_or_a_ticket() {
    let lab = Lab::new();
    let verified = peer(&lab, UID, "ALICE").await.unwrap();
    assert_eq!((user(&verified), verified.proof()), ("alice", Proof::Peer));
    assert_eq!(new_ticket(&verified), None);
    assert_eq!(lab.binds(), 0);
}

#[tokio::test]
async fn who_has_only_the_name_or_only_the_id_is_nobody() {
    let lab = Lab::new();
    assert_eq!(peer(&lab, 0, "alice").await.unwrap_err(), Failure::OtherUid(0));
    assert_eq!(peer(&lab, UID, "mallory").await.unwrap_err(), Failure::Unknown);
    let odd: [&[&str]; 4] = [&[], &["1042", "1043"], &["x"], &["4294968338"]];
    for values in odd {
        lab.accounts.change("alice", |entry, _| {
            let values = values.iter().map(|value| (*value).to_owned()).collect();
            entry.attributes.insert("uidnumber".to_owned(), values);
        });
        let failure = peer(&lab, UID, "alice").await.unwrap_err();
        assert_eq!(failure, Failure::OtherUid(UID), "{values:?}");
    }
}

#[tokio::test]
async fn an_account_of_this_host_is_known_by_its_own_id() {
    let lab = Lab::new();
    // What stands among the attributes is for rules and profiles.
    lab.accounts.change("alice", |entry, _| entry.key = Key::Uid(7));
    assert!(peer(&lab, 7, "alice").await.is_ok());
    assert_eq!(
        peer(&lab, UID, "alice").await.unwrap_err(),
        Failure::OtherUid(UID)
    );
    lab.accounts.change("alice", |entry, _| entry.key = Key::Unproven);
    assert_eq!(
        peer(&lab, UID, "alice").await.unwrap_err(),
        Failure::OtherUid(UID)
    );
}

#[tokio::test]
async fn a_closed_account_is_refused_and_loses_its_tickets() {
    for (state, refusal) in [
        (AccountState::Locked, Refusal::Locked),
        (AccountState::Disabled, Refusal::Disabled),
        (AccountState::Expired, Refusal::Expired),
    ] {
        let lab = Lab::new();
        let ticket = lab.ticket(alice(0)).await;
        lab.accounts.change("alice", |entry, _| entry.state = state);
        let failure = peer(&lab, UID, "alice").await.unwrap_err();
        assert_eq!(failure, Failure::Refused(refusal));
        lab.accounts
            .change("alice", |entry, _| entry.state = AccountState::Active);
        assert_eq!(lab.proof(alice(1).ticket(&ticket)).await, Proof::Password);
    }
}

#[tokio::test]
async fn an_outage_says_nothing_about_the_user() {
    let lab = Lab::new();
    lab.accounts.down.store(true, Ordering::SeqCst);
    assert!(matches!(
        peer(&lab, UID, "alice").await,
        Err(Failure::Unavailable { .. })
    ));
}

#[tokio::test]
async fn failed_logins_of_others_do_not_stop_a_peer() {
    let lab = Lab::new();
    for second in 0..10 {
        let wrong = format!("wrong{second}");
        let form = Form {
            password: &wrong,
            second,
            ..alice(0)
        };
        lab.list(form).await.unwrap_err();
    }
    assert!(peer(&lab, UID, "alice").await.is_ok());
}
