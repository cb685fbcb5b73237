//! The store against real files.

mod farms;

use std::path::{Path, PathBuf};

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::model::{
    AuthorizedKey, Door, HostAddress, HostName, KeyDelivery, KeyTarget, Machine, PasswordEnd, SessionUser,
    Source, UserName,
};

fn at(second: i64) -> Now {
    Now::from_unix_ms(second * 1000)
}

fn account(user: &str) -> Account {
    Account {
        source: Source::Ldap,
        user: UserName::new(user).unwrap(),
    }
}

fn hash(number: u32) -> TicketHash {
    let mut bytes = [0; 32];
    bytes[..4].copy_from_slice(&number.to_le_bytes());
    TicketHash(bytes)
}

fn ticket(user: &str, number: u32) -> TicketRecord {
    TicketRecord {
        hash: hash(number),
        password_mac: [7; 32],
        account: account(user),
        door: Door::Plain,
        client: Some("2001:db8::/64".parse().unwrap()),
        login: at(100),
        issued: at(100),
        used: at(100),
        expires: at(1000),
        replaced: false,
        password_changed: Some(at(50)),
        password_end: None,
        former: None,
        change_only: false,
    }
}

fn lease(user: &str, farm: &str, host: &str) -> LeaseRecord {
    LeaseRecord {
        account: account(user),
        farm: FarmName::new(farm).unwrap(),
        offered: FarmName::new(farm).unwrap(),
        host: HostName::new(host).unwrap(),
        session_user: Some(SessionUser::new(user).unwrap()),
        since: at(100),
        confirmed: Some(at(105)),
        expires: at(200),
    }
}

fn state(folder: &TempDir) -> PathBuf {
    folder.path().join("state.db")
}

/// What a process that begins now would find, had this one been killed: a copy of the files as they are.
fn after_a_kill(path: &Path) -> (TempDir, Embedded) {
    let folder = tempfile::tempdir().unwrap();
    for suffix in ["", "-wal"] {
        let name = format!("state.db{suffix}");
        let _ = std::fs::copy(path.with_file_name(&name), folder.path().join(&name));
    }
    let store = Embedded::open(&state(&folder)).unwrap();
    (folder, store)
}

#[tokio::test]
async fn records_outlive_a_restart_unchanged() {
    let folder = tempfile::tempdir().unwrap();
    let unbound = TicketRecord {
        client: None,
        password_changed: None,
        password_end: Some(PasswordEnd::AfterLogins(3)),
        change_only: true,
        ..ticket("Ünal", 2)
    };
    let changed = TicketRecord {
        password_end: Some(PasswordEnd::At(at(5000))),
        former: Some(Box::new(FormerPassword {
            mac: [8; 32],
            client: "10.1.2.3/32".parse().unwrap(),
        })),
        ..ticket("alice", 4)
    };
    {
        let store = Embedded::open(&state(&folder)).unwrap();
        store.add_ticket(ticket("alice", 1)).await.unwrap();
        store.add_ticket(unbound.clone()).await.unwrap();
        store.add_ticket(changed.clone()).await.unwrap();
        store.put_lease(lease("alice", "students", "ts01")).await.unwrap();
    }
    let store = Embedded::open(&state(&folder)).unwrap();
    assert_eq!(store.ticket(hash(1)).await.unwrap(), Some(ticket("alice", 1)));
    assert_eq!(store.ticket(hash(2)).await.unwrap(), Some(unbound));
    assert_eq!(store.ticket(hash(4)).await.unwrap(), Some(changed));
    assert_eq!(store.ticket(hash(3)).await.unwrap(), None);
    assert_eq!(
        store.leases().await.unwrap(),
        [lease("alice", "students", "ts01")]
    );
}

#[tokio::test]
async fn a_file_of_the_first_version_is_taken_over() {
    let folder = tempfile::tempdir().unwrap();
    let file = rusqlite::Connection::open(state(&folder)).unwrap();
    file.execute_batch(OF_SCHEMA_1).unwrap();
    drop(file);
    let store = Embedded::open(&state(&folder)).unwrap();
    store.add_ticket(ticket("alice", 1)).await.unwrap();
    let seat = SeatRecord {
        account: account("alice"),
        network: "10.1.0.1".parse().unwrap(),
        used: at(100),
    };
    store.note_seat(seat.clone());
    drop(store);
    let store = Embedded::open(&state(&folder)).unwrap();
    assert_eq!(store.take_remembered().seats, [seat]);
    assert!(store.take_remembered().seats.is_empty());
}

#[tokio::test]
async fn notes_of_the_throttle_are_kept_until_they_are_old_or_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let attempt = |typed: &str, user: Option<&str>, host: u8, second| AttemptRecord {
        at: at(second),
        network: format!("10.1.0.{host}").parse().unwrap(),
        typed: typed.to_owned(),
        account: user.map(account),
        success: host == 9,
    };
    let notes = [
        attempt("ünal", Some("Ünal"), 1, 100),
        attempt("al@example.org", Some("Ünal"), 2, 200),
        attempt("nobody", None, 2, 300),
        attempt("bob", Some("bob"), 9, 400),
    ];
    let noted = || {
        let store = Embedded::open(&state(&folder)).unwrap();
        for note in &notes {
            store.note_attempt(note.clone());
        }
        drop(store);
        Embedded::open(&state(&folder)).unwrap()
    };
    let rest = || {
        Embedded::open(&state(&folder))
            .unwrap()
            .take_remembered()
            .attempts
    };
    for (which, gone, left) in [
        (Forgotten::Name("ünal".to_owned()), 2, vec![&notes[2], &notes[3]]),
        (
            Forgotten::Name("nobody".to_owned()),
            1,
            vec![&notes[0], &notes[1], &notes[3]],
        ),
        (Forgotten::Client(notes[1].network), 2, vec![&notes[0], &notes[3]]),
        (Forgotten::All, 4, Vec::new()),
    ] {
        let store = noted();
        assert_eq!(store.take_remembered().attempts, notes);
        assert_eq!(store.forget_attempts(which).await.unwrap(), gone);
        drop(store);
        assert_eq!(rest().iter().collect::<Vec<_>>(), left);
        Embedded::open(&state(&folder))
            .unwrap()
            .forget_attempts(Forgotten::All)
            .await
            .unwrap();
    }
    let store = noted();
    assert_eq!(store.prune_history(at(300), at(0)).await.unwrap(), 2);
    drop(store);
    assert_eq!(rest(), notes[2..]);
}

#[tokio::test]
async fn what_was_answered_outlives_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let store = Embedded::open(&state(&folder)).unwrap();
    for number in 1..=3 {
        store.add_ticket(ticket("alice", number)).await.unwrap();
    }
    store.add_ticket(ticket("bob", 9)).await.unwrap();
    assert_eq!(store.revoke_tickets(&account("bob")).await.unwrap(), 1);
    assert!(
        store
            .rotate_ticket(hash(1), at(220), ticket("alice", 4))
            .await
            .unwrap()
    );

    let (_files, restarted) = after_a_kill(&state(&folder));
    for number in 1..=4 {
        assert_eq!(
            restarted.ticket(hash(number)).await.unwrap(),
            store.ticket(hash(number)).await.unwrap(),
        );
    }
    assert!(restarted.ticket(hash(1)).await.unwrap().unwrap().replaced);
    assert!(restarted.ticket(hash(4)).await.unwrap().is_some());
    assert_eq!(restarted.ticket(hash(9)).await.unwrap(), None);
}

#[tokio::test]
async fn a_rotated_ticket_ends_soon_and_is_not_rotated_again() {
    let folder = tempfile::tempdir().unwrap();
    let store = Embedded::open(&state(&folder)).unwrap();
    store.add_ticket(ticket("alice", 1)).await.unwrap();
    assert!(
        store
            .rotate_ticket(hash(1), at(220), ticket("alice", 2))
            .await
            .unwrap()
    );
    let old = store.ticket(hash(1)).await.unwrap().unwrap();
    assert!(old.replaced);
    assert_eq!(old.expires, at(220));
    assert!(
        !store
            .rotate_ticket(hash(1), at(230), ticket("alice", 3))
            .await
            .unwrap()
    );
    assert!(
        !store
            .rotate_ticket(hash(8), at(230), ticket("alice", 3))
            .await
            .unwrap()
    );
    assert_eq!(store.ticket(hash(3)).await.unwrap(), None);

    assert!(
        store
            .rotate_ticket(hash(2), at(5000), ticket("alice", 4))
            .await
            .unwrap()
    );
    let lasted_less = store.ticket(hash(2)).await.unwrap().unwrap();
    assert_eq!(lasted_less.expires, at(1000), "rotation prolongs nothing");

    assert_eq!(store.prune_tickets(at(219)).await.unwrap(), 0);
    assert_eq!(store.prune_tickets(at(220)).await.unwrap(), 1);
    assert_eq!(store.ticket(hash(1)).await.unwrap(), None);
}

#[tokio::test]
async fn of_parallel_rotations_one_wins() {
    let folder = tempfile::tempdir().unwrap();
    let store = std::sync::Arc::new(Embedded::open(&state(&folder)).unwrap());
    store.add_ticket(ticket("alice", 0)).await.unwrap();
    let rotations: Vec<_> = (1..=50)
        .map(|number| {
            let store = std::sync::Arc::clone(&store);
            tokio::spawn(async move {
                store
                    .rotate_ticket(hash(0), at(220), ticket("alice", number))
                    .await
                    .unwrap()
            })
        })
        .collect();
    let mut won = Vec::new();
    for (number, rotation) in (1..).zip(rotations) {
        if rotation.await.unwrap() {
            won.push(number);
        }
    }
    assert_eq!(won.len(), 1);
    for number in 1..=50 {
        let kept = store.ticket(hash(number)).await.unwrap().is_some();
        assert_eq!(kept, won == [number]);
    }
}

#[tokio::test]
async fn an_account_holds_a_bounded_number_of_tickets() {
    let folder = tempfile::tempdir().unwrap();
    let store = Embedded::open(&state(&folder)).unwrap();
    let most = u32::try_from(TICKETS_PER_ACCOUNT_MAX).unwrap();
    store.add_ticket(ticket("bob", 10_000)).await.unwrap();
    for number in 0..most {
        store.add_ticket(ticket("alice", number)).await.unwrap();
    }
    for number in (0..most).filter(|number| *number != 5) {
        store.touch_ticket(hash(number), at(150));
    }
    store.add_ticket(ticket("alice", most)).await.unwrap();
    assert_eq!(store.ticket(hash(5)).await.unwrap(), None, "unused for longest");
    assert!(
        store
            .rotate_ticket(hash(0), at(900), ticket("alice", most + 1))
            .await
            .unwrap()
    );
    assert_eq!(
        store.revoke_tickets(&account("alice")).await.unwrap(),
        TICKETS_PER_ACCOUNT_MAX
    );
    assert!(store.ticket(hash(10_000)).await.unwrap().is_some());
}

#[tokio::test]
async fn one_ticket_is_kept_of_an_account_unless_it_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let store = Embedded::open(&state(&folder)).unwrap();
    for (user, number) in [("alice", 1), ("alice", 2), ("bob", 3)] {
        store.add_ticket(ticket(user, number)).await.unwrap();
    }
    let kept = TicketRecord {
        password_changed: Some(at(60)),
        ..ticket("alice", 1)
    };
    assert_eq!(store.keep_only_ticket(kept.clone()).await.unwrap(), 2);
    assert_eq!(store.keep_only_ticket(ticket("alice", 9)).await.unwrap(), 1);
    assert_eq!(store.ticket(hash(9)).await.unwrap(), None, "it was never there");
    assert_eq!(store.ticket(hash(1)).await.unwrap(), None);
    assert!(store.ticket(hash(3)).await.unwrap().is_some());

    store.add_ticket(ticket("alice", 1)).await.unwrap();
    store.keep_only_ticket(kept.clone()).await.unwrap();
    let (_folder, store) = after_a_kill(&state(&folder));
    assert_eq!(store.ticket(hash(1)).await.unwrap(), Some(kept));
    assert_eq!(store.ticket(hash(2)).await.unwrap(), None);
}

/// As version 1 of the schema had it, in the state file of an earlier version of this program.
const OF_SCHEMA_1: &str = "
    CREATE TABLE tickets (hash BLOB PRIMARY KEY, password_mac BLOB NOT NULL, source TEXT NOT NULL,
        user TEXT NOT NULL, door TEXT NOT NULL, client TEXT, login INTEGER NOT NULL, issued INTEGER NOT NULL,
        used INTEGER NOT NULL, expires INTEGER NOT NULL, replaced INTEGER NOT NULL, password_changed INTEGER
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX tickets_of_account ON tickets (source, user);
    CREATE INDEX tickets_by_end ON tickets (expires);
    CREATE TABLE leases (source TEXT NOT NULL, user TEXT NOT NULL, farm TEXT NOT NULL, host TEXT NOT NULL,
        since INTEGER NOT NULL, confirmed INTEGER, expires INTEGER NOT NULL, PRIMARY KEY (source, user, farm)
    ) STRICT, WITHOUT ROWID;
    PRAGMA user_version = 1;
";

#[tokio::test]
async fn tickets_and_leases_of_an_older_version_still_count() {
    let folder = tempfile::tempdir().unwrap();
    let old = rusqlite::Connection::open(state(&folder)).unwrap();
    old.execute_batch(OF_SCHEMA_1).unwrap();
    old.execute(
        "INSERT INTO tickets VALUES (?1, ?2, 'ldap', 'alice', 'plain', '2001:db8::/64', 100000, 100000, 100000,
         1000000, 0, 50000)",
        rusqlite::params![hash(1).0, [7_u8; 32]],
    )
    .unwrap();
    let kept = "INSERT INTO leases VALUES ('ldap', 'alice', 'students', 'ts01', 100000, 105000, 200000)";
    old.execute(kept, []).unwrap();
    drop(old);
    for _ in 0..2 {
        let store = Embedded::open(&state(&folder)).unwrap();
        assert_eq!(store.ticket(hash(1)).await.unwrap(), Some(ticket("alice", 1)));
        let held = LeaseRecord {
            session_user: None,
            ..lease("alice", "students", "ts01")
        };
        assert_eq!(store.leases().await.unwrap(), [held]);
    }
}

#[tokio::test]
async fn uses_are_written_behind_and_at_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let store = Embedded::open(&state(&folder)).unwrap();
    store.add_ticket(ticket("alice", 1)).await.unwrap();
    store.touch_ticket(hash(1), at(300));
    store.touch_ticket(hash(1), at(200));
    store.touch_ticket(hash(2), at(300));
    assert_eq!(store.ticket(hash(1)).await.unwrap().unwrap().used, at(300));
    drop(store);
    let store = Embedded::open(&state(&folder)).unwrap();
    assert_eq!(store.ticket(hash(1)).await.unwrap().unwrap().used, at(300));

    store.touch_ticket(hash(1), at(400));
    let written = async {
        loop {
            let (_files, restarted) = after_a_kill(&state(&folder));
            if restarted.ticket(hash(1)).await.unwrap().unwrap().used == at(400) {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(30), written)
        .await
        .unwrap();
}

#[tokio::test]
async fn there_is_one_lease_per_account_and_farm() {
    let folder = tempfile::tempdir().unwrap();
    let store = Embedded::open(&state(&folder)).unwrap();
    store.put_lease(lease("alice", "students", "ts01")).await.unwrap();
    store.put_lease(lease("alice", "students", "ts02")).await.unwrap();
    store.put_lease(lease("alice", "staff", "ts03")).await.unwrap();
    store
        .remove_lease(&account("alice"), &FarmName::new("staff").unwrap())
        .await
        .unwrap();
    let held = store.leases().await.unwrap();
    assert_eq!(held, [lease("alice", "students", "ts02")]);
    let (_files, restarted) = after_a_kill(&state(&folder));
    assert_eq!(restarted.leases().await.unwrap(), held);
}

#[tokio::test]
async fn a_failing_write_is_told_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    drop(Embedded::open(&state(&folder)).unwrap());
    rusqlite::Connection::open(state(&folder))
        .unwrap()
        .execute_batch(
            "CREATE TRIGGER no_room BEFORE INSERT ON tickets WHEN NEW.user = 'mallory'
             BEGIN SELECT RAISE(FAIL, 'no room'); END;
             CREATE TRIGGER no_end BEFORE DELETE ON tickets WHEN OLD.user = 'trent'
             BEGIN SELECT RAISE(FAIL, 'no room'); END",
        )
        .unwrap();
    let store = Embedded::open(&state(&folder)).unwrap();
    store.add_ticket(ticket("alice", 1)).await.unwrap();
    store.add_ticket(ticket("trent", 5)).await.unwrap();
    store.touch_ticket(hash(1), at(300));

    let refused = store.add_ticket(ticket("mallory", 2)).await.unwrap_err();
    assert!(refused.to_string().contains("no room"));
    assert_eq!(store.ticket(hash(2)).await.unwrap(), None);
    let successor = ticket("mallory", 3);
    assert!(store.rotate_ticket(hash(1), at(220), successor).await.is_err());
    assert!(!store.ticket(hash(1)).await.unwrap().unwrap().replaced);
    assert!(store.revoke_tickets(&account("trent")).await.is_err());
    assert!(store.ticket(hash(5)).await.unwrap().is_some());

    store.add_ticket(ticket("alice", 4)).await.unwrap();
    let (_files, restarted) = after_a_kill(&state(&folder));
    let used = restarted.ticket(hash(1)).await.unwrap().unwrap().used;
    assert_eq!(used, at(300), "a use is not lost with a write that failed");
}

#[tokio::test]
async fn a_change_whose_caller_left_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let store = Embedded::open(&state(&folder)).unwrap();
    {
        let mut abandoned = store.add_ticket(ticket("alice", 1));
        let _ = poll_once(abandoned.as_mut()).await;
    }
    store.add_ticket(ticket("alice", 2)).await.unwrap();
    assert!(store.ticket(hash(1)).await.unwrap().is_some());
}

/// One poll of a future.
async fn poll_once<F: Future + ?Sized>(mut future: Pin<&mut F>) -> std::task::Poll<F::Output> {
    std::future::poll_fn(|context| std::task::Poll::Ready(future.as_mut().poll(context))).await
}

#[tokio::test]
async fn a_record_that_cannot_be_read_stops_the_start() {
    let folder = tempfile::tempdir().unwrap();
    {
        let store = Embedded::open(&state(&folder)).unwrap();
        store.add_ticket(ticket("alice", 1)).await.unwrap();
    }
    rusqlite::Connection::open(state(&folder))
        .unwrap()
        .execute("UPDATE tickets SET door = 'cellar'", [])
        .unwrap();
    let refusal = Embedded::open(&state(&folder)).err().unwrap().to_string();
    assert!(
        refusal.contains("state.db") && refusal.contains("cellar"),
        "{refusal}"
    );
}

#[derive(Debug, Clone)]
enum Step {
    Add(u32, u32),
    Rotate(u32, u32, u32),
    Revoke(u32),
    KeepOnly(u32, u32),
    Prune(i64),
    Touch(u32, i64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let one = prop_oneof![
        (0..3u32, 0..200u32).prop_map(|(user, number)| Step::Add(user, number)),
        (0..3u32, 0..200u32, 0..200u32).prop_map(|(user, old, new)| Step::Rotate(user, old, new)),
        (0..3u32).prop_map(Step::Revoke),
        (0..3u32, 0..200u32).prop_map(|(user, number)| Step::KeepOnly(user, number)),
        (900..1100i64).prop_map(Step::Prune),
        (0..200u32, 0..2000i64).prop_map(|(number, used)| Step::Touch(number, used)),
    ];
    proptest::collection::vec(one, 1..60)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn memory_and_file_agree_after_any_changes(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let folder = tempfile::tempdir().unwrap();
            let store = Embedded::open(&state(&folder)).unwrap();
            for step in steps {
                match step {
                    Step::Add(user, number) => {
                        let _ = store.add_ticket(ticket(&format!("user{user}"), number)).await;
                    }
                    Step::Rotate(user, old, new) => {
                        let successor = ticket(&format!("user{user}"), new);
                        let _ = store.rotate_ticket(hash(old), at(950), successor).await;
                    }
                    Step::Revoke(user) => {
                        store.revoke_tickets(&account(&format!("user{user}"))).await.unwrap();
                    }
                    Step::KeepOnly(user, number) => {
                        let kept = ticket(&format!("user{user}"), number);
                        store.keep_only_ticket(kept).await.unwrap();
                    }
                    Step::Prune(second) => {
                        store.prune_tickets(at(second)).await.unwrap();
                    }
                    Step::Touch(number, second) => store.touch_ticket(hash(number), at(second)),
                }
            }
            let mut before = Vec::new();
            for number in 0..200 {
                before.push(store.ticket(hash(number)).await.unwrap());
            }
            drop(store);
            let store = Embedded::open(&state(&folder)).unwrap();
            for (number, kept) in (0..).zip(before) {
                assert_eq!(store.ticket(hash(number)).await.unwrap(), kept);
            }
        });
    }
}

fn key(user: &str, farm: &str, id: u64, host: &str) -> KeyRecord {
    KeyRecord {
        id: KeyId(id),
        account: account(user),
        farm: FarmName::new(farm).unwrap(),
        session_user: SessionUser::new(user).unwrap(),
        target: KeyTarget {
            farm: FarmName::new("proxies").unwrap(),
            host: HostName::new(host).unwrap(),
            machine: Machine::new(&HostAddress::new(host).unwrap(), 2222),
            delivery: KeyDelivery::Ssh,
        },
        line: AuthorizedKey::new("restrict,from=\"::1\" ssh-ed25519 AAAA+/== x2godirector-1").unwrap(),
        placed: at(id.min(1000).cast_signed()),
        expires: at(2000),
    }
}

async fn keys(store: &Embedded) -> Vec<KeyRecord> {
    let mut keys = store.keys().await.unwrap();
    keys.sort_by_key(|key| (key.id, key.target.host.to_string()));
    keys
}

#[tokio::test]
async fn keys_outlive_a_kill_until_they_are_removed() {
    let folder = tempfile::tempdir().unwrap();
    let store = Embedded::open(&state(&folder)).unwrap();
    let first = [
        key("alice", "students", 1, "ts01"),
        key("alice", "students", 1, "ts02"),
    ];
    let others = [
        key("alice", "staff", 2, "ts01"),
        key("bob", "students", u64::MAX, "ts01"),
    ];
    store.put_key(first.to_vec()).await.unwrap();
    for other in &others {
        store.put_key(vec![other.clone()]).await.unwrap();
    }
    let (_folder, found) = after_a_kill(&state(&folder));
    assert_eq!(keys(&found).await, [&first[..], &others].concat());

    let next = key("alice", "students", 3, "ts02");
    store.put_key(vec![next.clone()]).await.unwrap();
    store
        .remove_key(KeyId(1), &first[0].target.machine)
        .await
        .unwrap();
    store
        .remove_key(KeyId(1), &first[0].target.machine)
        .await
        .unwrap();
    let ended = KeyRecord {
        expires: next.placed,
        ..first[1].clone()
    };
    let expected = [ended, others[0].clone(), next, others[1].clone()];
    assert_eq!(keys(&store).await, expected);
    let (_folder, found) = after_a_kill(&state(&folder));
    assert_eq!(keys(&found).await, expected);
}
