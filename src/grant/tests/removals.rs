//! Keys that are added while others are removed.

use super::*;

/// Selects as alice on that host, as soon as a client would give up.
async fn select(grants: &Grants, host: &str, random: u64) -> Result<Given, NoKey> {
    let offer = Offer::new("alice", "students");
    let targets = [ssh("students", host)];
    let given = grants.give(&offer, asked(&USUAL, "alice", &targets, random));
    let given = tokio::time::timeout(Duration::from_secs(2), given).await;
    given.unwrap_or(Err(NoKey::Late))
}

#[test]
fn a_removal_that_a_frozen_host_keeps_under_way_costs_no_new_key() {
    let world: Arc<Mutex<World>> = Arc::default();
    run_until_killed(&world, async |lab, grants| {
        select(grants, "ts01", 1).await.unwrap();
        let moods = |mood| lab.world.lock().unwrap().moods.insert(machine("ts01"), mood);
        moods(Mood::Frozen);
        // The end of the first key is asked of ts01 from here on.
        for random in 2..6 {
            select(grants, "ts02", random).await.unwrap();
            lab.pass(Duration::from_secs(1)).await;
        }
        moods(Mood::Well);
        lab.pass(Duration::from_mins(1)).await;
        let world = lab.world.lock().unwrap();
        let lines = world.all_lines();
        assert!(
            lines.iter().all(|(_, _, line)| line.as_str().ends_with("5")),
            "{lines:?}"
        );
        assert!(!lines.is_empty());
    });
}

/// Lets alice select on ts01 every 3 s for so long, through a proxy that is frozen: a key is being added all the time.
async fn rush(lab: &Lab, grants: &Grants, seconds: u64) {
    lab.world
        .lock()
        .unwrap()
        .moods
        .insert(machine("ts02"), Mood::Frozen);
    let targets = [ssh("students", "ts01"), ssh("students", "ts02")];
    for random in 100..100 + seconds / 3 {
        let offer = Offer::new("alice", "students");
        let given = grants.give(&offer, asked(&USUAL, "alice", &targets, random));
        given.await.unwrap();
        lab.pass(Duration::from_secs(2)).await;
    }
}

#[test]
fn a_removal_does_not_wait_for_ever_for_keys_that_are_added_and_loses_none() {
    let world: Arc<Mutex<World>> = Arc::default();
    run_until_killed(&world, async |lab, grants| {
        select(grants, "ts03", 1).await.unwrap();
        rush(lab, grants, 120).await;
        assert!(
            grants.counts(lab.now()).removed > 0,
            "nothing was removed all the time"
        );
        lab.pass(Duration::from_secs(15)).await;
        let world = lab.world.lock().unwrap();
        let lines = world.all_lines();
        let newest = KeyId(139).to_string();
        assert!(
            lines.iter().any(|(_, _, line)| line.as_str().ends_with(&newest)),
            "{lines:?}"
        );
    });
}

#[test]
fn a_removal_that_waits_keeps_nobody_elses_waiting() {
    let world: Arc<Mutex<World>> = Arc::default();
    run_until_killed(&world, async |lab, grants| {
        let targets = [ssh("staff", "ts01")];
        let bob = Offer::new("bob", "staff");
        let given = grants.give(&bob, asked(&USUAL, "bob", &targets, 1));
        given.await.unwrap();
        // At the end alice has forty keys on ts01 to be removed, and most of them wait.
        rush(lab, grants, 126).await;
        let world = lab.world.lock().unwrap();
        let of_bob = |(_, user, _): &&(&Machine, &SessionUser, &AuthorizedKey)| user.as_str() == "bob";
        assert_eq!(world.all_lines().iter().filter(of_bob).count(), 0);
    });
}

#[test]
fn a_host_has_its_time_to_write_from_when_it_is_asked() {
    let world: Arc<Mutex<World>> = Arc::default();
    run_until_killed(&world, async |lab, grants| {
        select(grants, "ts01", 1).await.unwrap();
        let record = lab.world.lock().unwrap().records[0].clone();
        // The request was slow.
        let asked = record.placed.plus(Duration::from_secs(100));
        let mut book = book::Book::default();
        book.put(&[record], asked);
        assert!(book.due(asked.plus(Duration::from_secs(29))).is_empty());
        assert_eq!(book.due(asked.plus(Duration::from_secs(30))).len(), 1);
    });
}

#[test]
fn a_key_is_not_lost_to_the_removal_of_another() {
    let world: Arc<Mutex<World>> = Arc::default();
    run_until_killed(&world, async |lab, grants| {
        lab.world
            .lock()
            .unwrap()
            .moods
            .insert(machine("ts01"), Mood::Slow);
        for random in 1..4 {
            select(grants, "ts01", random).await.unwrap();
            lab.pass(Duration::from_millis(1500)).await;
        }
        lab.pass(Duration::from_secs(30)).await;
        {
            let world = lab.world.lock().unwrap();
            let lines = world.all_lines();
            assert!(
                !lines.is_empty(),
                "the removal of the first wrote the file without the third"
            );
            assert!(
                lines.iter().all(|(_, _, line)| line.as_str().ends_with("3")),
                "{lines:?}"
            );
        }
        lab.pass(Duration::from_mins(3)).await;
        let world = lab.world.lock().unwrap();
        assert!(world.all_lines().is_empty() && world.records.is_empty());
    });
}
