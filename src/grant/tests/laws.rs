//! What holds whatever happens in whatever order.

use proptest::prelude::*;

use super::*;

/// What happens.
#[derive(Debug, Clone)]
enum Step {
    /// Somebody selects; the daemon may be killed while the key is on its way.
    Select {
        user: usize,
        farm: usize,
        hosts: Vec<usize>,
        cut_after: Option<u64>,
    },
    Mood(usize, Mood),
    Disk(bool),
    Pass(u64),
    Kill,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let mood = prop::sample::select(vec![
        Mood::Well,
        Mood::Well,
        Mood::Unreachable,
        Mood::Frozen,
        Mood::Mute,
        Mood::Late,
        Mood::Grumpy,
        Mood::Empty,
        Mood::Slow,
    ]);
    let hosts = prop::collection::vec(0..MACHINES.len(), 1..4);
    let select = (
        0..USERS.len(),
        0..FARMS.len(),
        hosts,
        prop::option::of(0..3000_u64),
    );
    let step = prop_oneof![
        6 => select.prop_map(|(user, farm, hosts, cut_after)| Step::Select { user, farm, hosts, cut_after }),
        3 => (0..MACHINES.len(), mood).prop_map(|(machine, mood)| Step::Mood(machine, mood)),
        1 => any::<bool>().prop_map(Step::Disk),
        4 => (0..200_000_u64).prop_map(Step::Pass),
        1 => Just(Step::Kill),
    ];
    prop::collection::vec(step, 1..40)
}

/// What must hold whatever happened.
fn check(world: &World, owners: &HashMap<u64, &str>) {
    for (machine, user, line) in world.all_lines() {
        let id = line.as_str().rsplit_once("x2godirector-").unwrap().1;
        let id = u64::from_str_radix(id, 16).unwrap();
        assert_eq!(owners[&id], user.as_str(), "a key of somebody else");
        assert!(line.as_str().contains(&public_key(user.as_str()).to_string()));
        let known = |record: &KeyRecord| record.id == KeyId(id) && record.target.machine == *machine;
        assert!(world.records.iter().any(known), "a line that nobody will remove");
    }
}

/// At most one key of an account in a farm counts.
fn check_live(world: &World, now: Now) {
    let mut live: HashMap<(&Account, &FarmName), KeyId> = HashMap::new();
    for record in world.records.iter().filter(|record| record.expires > now) {
        let id = live.entry((&record.account, &record.farm)).or_insert(record.id);
        assert_eq!(*id, record.id, "two keys of one account");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn keys_stay_with_their_users_and_go_in_the_end(steps in steps()) {
        let world: Arc<Mutex<World>> = Arc::default();
        let mut owners = HashMap::new();
        let mut random = 0;
        for part in steps.split_inclusive(|step| matches!(step, Step::Kill)) {
            run_until_killed(&world, async |lab, grants| {
                for step in part {
                    match step {
                        Step::Select { user, farm, hosts, cut_after } => {
                            random += 1;
                            let (user, farm) = (USERS[*user], FARMS[*farm]);
                            owners.insert(random, user);
                            let targets: Vec<_> = hosts.iter().map(|host| ssh(farm, MACHINES[*host])).collect();
                            let asked = asked(&USUAL, user, &targets, random);
                            let grants = Arc::clone(grants);
                            let giving = tokio::spawn(async move { grants.give(&Offer::new(user, farm), asked).await });
                            if let Some(cut_after) = cut_after {
                                lab.pass(Duration::from_millis(*cut_after)).await;
                            } else if giving.await.unwrap().is_ok() {
                                let world = lab.world.lock().unwrap();
                                let there = world.all_lines().iter().any(|(machine, _, line)| {
                                    **machine == targets[0].machine
                                        && line.as_str().ends_with(&KeyId(random).to_string())
                                });
                                assert!(there, "a key that opens nothing was given out");
                            }
                        }
                        Step::Mood(host, mood) => {
                            lab.world.lock().unwrap().moods.insert(machine(MACHINES[*host]), *mood);
                        }
                        Step::Disk(full) => lab.world.lock().unwrap().disk_full = *full,
                        Step::Pass(ms) => lab.pass(Duration::from_millis(*ms)).await,
                        Step::Kill => return,
                    }
                    let world = lab.world.lock().unwrap();
                    check(&world, &owners);
                    drop(world);
                    let now = lab.now();
                    check_live(&lab.world.lock().unwrap(), now);
                }
            });
        }
        world.lock().unwrap().moods.clear();
        run_until_killed(&world, async |lab, _| {
            lab.pass(Duration::from_hours(1)).await;
            lab.pass(Duration::from_hours(1)).await;
        });
        let world = world.lock().unwrap();
        prop_assert!(world.all_lines().is_empty(), "{:?}", world.all_lines());
        prop_assert!(world.records.is_empty());
    }
}
