//! A change in the directory counts at a list that begins a second after it.

use super::*;

const STAFF: [&str; 2] = ["office", "terminal"];

#[tokio::test(flavor = "multi_thread")]
async fn members_come_and_go() {
    let lab = Lab::start();
    for _ in 0..5 {
        lab.change("add", "staff", "erin");
        sleep(PROMISE).await;
        assert_eq!(lab.list("erin").await, STAFF);
        lab.change("delete", "staff", "erin");
        sleep(PROMISE).await;
        assert!(lab.list("erin").await.is_empty());
    }
    assert_eq!(lab.searches_of_a_list("erin").await, 0, "all that from the copy");
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_are_made_renamed_and_removed() {
    let lab = Lab::start();
    let step = async |ldif: &str, user: &str, expected: &[&str]| {
        lab.slapd.modify(ldif);
        sleep(PROMISE).await;
        assert_eq!(lab.list(user).await, expected, "{ldif}");
    };
    let (staff, students) = (slapd::group("staff"), slapd::group("students"));
    // A chain breaks in the middle, and closes again around another group.
    step(
        &format!(
            "dn: {}\nchangetype: modrdn\nnewrdn: cn=night\ndeleteoldrdn: 1\n",
            slapd::group("it")
        ),
        "dave",
        &[],
    )
    .await;
    step(
        &format!(
            "dn: {staff}\nchangetype: modify\nadd: member\nmember: {}\n",
            slapd::group("night")
        ),
        "dave",
        &STAFF,
    )
    .await;
    // A second group of a name takes it from both.
    let older = format!("ou=older,{}", slapd::GROUPS);
    step(
        &format!(
            "dn: {older}\nchangetype: add\nobjectClass: organizationalUnit\nou: older\n\n\
             dn: cn=Staff,{older}\nchangetype: add\nobjectClass: groupOfNames\ncn: Staff\nmember: {}\n",
            slapd::person("bob")
        ),
        "alice",
        &[],
    )
    .await;
    step(
        &format!("dn: cn=staff,{older}\nchangetype: delete\n"),
        "alice",
        &STAFF,
    )
    .await;
    // Out of what is a group, and back.
    step(&format!("dn: {students}\nchangetype: delete\n"), "bob", &[]).await;
    step(
        &format!(
            "dn: {students}\nchangetype: add\nobjectClass: groupOfNames\ncn: students\nmember: {}\n",
            slapd::person("bob")
        ),
        "bob",
        &["xfce"],
    )
    .await;
    assert_eq!(lab.searches_of_a_list("dave").await, 0);
    assert_eq!(
        lab.broker.log().matches(KEPT).count(),
        1,
        "one copy took all of it"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_renaming_of_what_groups_lie_in_counts() {
    let lab = Lab::start();
    let place = |name: &str| format!("ou={name},{}", slapd::GROUPS);
    lab.slapd.add(&format!(
        "dn: {}\nobjectClass: organizationalUnit\nou: old\n\n\
         dn: cn=crew,{}\nobjectClass: groupOfNames\ncn: crew\nmember: {}\n",
        place("old"),
        place("old"),
        slapd::person("erin")
    ));
    // Staff holds the group by the name that it will have.
    lab.slapd.modify(&format!(
        "dn: {}\nchangetype: modify\nadd: member\nmember: cn=crew,{}\n",
        slapd::group("staff"),
        place("new")
    ));
    sleep(PROMISE).await;
    assert!(lab.list("erin").await.is_empty());
    lab.slapd.modify(&format!(
        "dn: {}\nchangetype: modrdn\nnewrdn: ou=new\ndeleteoldrdn: 1\n",
        place("old")
    ));
    sleep(PROMISE).await;
    assert_eq!(lab.list("erin").await, STAFF);
    lab.wait_for_copy(2);
    assert_eq!(lab.list("erin").await, STAFF);
    assert_eq!(lab.searches_of_a_list("erin").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_of_many_changes_counts_as_soon_as_the_first() {
    let lab = Lab::start();
    // slapd sends one change at a time between its other work, and answers probes in between.
    let members = |from: usize| {
        (from..from + 400)
            .map(|at| format!("member: uid=m{at},{}\n", slapd::PEOPLE))
            .collect::<String>()
    };
    let changes: String = (0..200)
        .map(|at| {
            format!(
                "dn: {}\nchangetype: modify\nreplace: member\n{}\n",
                slapd::group("helpdesk"),
                members(at)
            )
        })
        .collect();
    for _ in 0..3 {
        lab.slapd.modify(&changes);
        lab.change("add", "staff", "erin");
        sleep(PROMISE).await;
        assert_eq!(lab.list("erin").await, STAFF);
        lab.slapd.modify(&changes);
        lab.change("delete", "staff", "erin");
        sleep(PROMISE).await;
        assert!(lab.list("erin").await.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_of_ten_thousand_changes_at_once() {
    let members: String = (0..10_000)
        .map(|at| format!("member: uid=m{at},{}\n", slapd::PEOPLE))
        .collect();
    let huge = format!(
        "dn: cn=everybody,{}\nobjectClass: groupOfNames\ncn: everybody\n{members}\n",
        slapd::GROUPS
    );
    let slapd = Slapd::start_with(&(directory() + &huge), SYNCPROV);
    let text =
        configuration(&slapd, Reach::Plain, 1).replace("groups = [\"students\"]", "groups = [\"everybody\"]");
    let broker = Broker::start(&text);
    wait_for(&broker, KEPT, 1);
    for (how, expected) in [("add", &["xfce"][..]), ("delete", &[])] {
        change(&slapd, how, "everybody", "erin");
        sleep(PROMISE).await;
        assert_eq!(list_at(&broker, "erin", "").await, expected);
    }
    assert_eq!(group_searches(&slapd), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_removal_of_something_else_keeps_the_copy_current() {
    // slapd says nothing of it to those who did not ask for it, and yet its database is further than what it said.
    let lab = Lab::start();
    lab.slapd
        .modify(&format!("dn: {}\nchangetype: delete\n", slapd::person("bob")));
    sleep(PROMISE).await;
    assert_eq!(lab.searches_of_a_list("dave").await, 0);
}
