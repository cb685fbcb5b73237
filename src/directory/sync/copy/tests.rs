use proptest::prelude::*;

use super::*;

fn uuid(at: u8) -> Uuid {
    [at; 16]
}

fn found(dn: &str, attributes: &[(&str, &[&str])]) -> Found {
    let attributes = attributes.iter().map(|(name, values)| {
        (
            (*name).to_owned(),
            values.iter().map(|value| (*value).to_owned()).collect(),
        )
    });
    Found {
        dn: dn.to_owned(),
        attributes: attributes.collect(),
    }
}

fn group(name: &str, members: &[&str]) -> Record {
    record(&found(
        &format!("cn={name},dc=x"),
        &[("cn", &[name]), ("member", members)],
    ))
}

fn record(found: &Found) -> Record {
    Record::new(found, Schema::Rfc2307bis)
}

fn copy(groups: &[(u8, &str, &[&str])]) -> Copy {
    let mut copy = Copy::default();
    for (id, name, members) in groups {
        copy.put(uuid(*id), group(name, members)).unwrap();
    }
    copy
}

fn holding(copy: &Copy, dn: &str) -> Vec<String> {
    let groups = copy.holding(&[Way::Dn(Dn::new(dn).unwrap())]).unwrap();
    groups
        .iter()
        .map(|group| group.names[0].as_str().to_owned())
        .collect()
}

#[test]
fn members_come_and_go_with_their_group() {
    let mut copy = copy(&[
        (1, "a", &["uid=u,dc=x"]),
        (2, "b", &["UID=U, dc=x", "uid=v,dc=x"]),
    ]);
    assert_eq!(holding(&copy, "uid=u,dc=x"), ["a", "b"]);
    copy.put(uuid(2), group("b", &["uid=v,dc=x"])).unwrap();
    assert_eq!(holding(&copy, "uid=u,dc=x"), ["a"]);
    copy.put(uuid(1), group("c", &["uid=u,dc=x"])).unwrap();
    assert_eq!(holding(&copy, "uid=u,dc=x"), ["c"]);
    copy.remove(&uuid(1));
    copy.remove(&uuid(9));
    assert_eq!(holding(&copy, "uid=u,dc=x"), [""; 0]);
    assert_eq!(copy.len(), 1);
}

#[test]
fn a_level_is_reached_through_the_first_that_a_group_holds() {
    let copy = copy(&[
        (1, "top", &["cn=b,dc=x", "cn=a,dc=x"]),
        (2, "a", &["uid=u"]),
        (3, "b", &["uid=u"]),
    ]);
    let level = copy.holding(&[Way::Dn(Dn::new("uid=u").unwrap())]).unwrap();
    let outer = copy.holding_level(&level).unwrap();
    assert_eq!(outer.len(), 1);
    assert_eq!(outer[0].via, [GroupName::new("a").unwrap()]);
}

#[test]
fn a_name_is_unique_while_one_group_has_it() {
    let name = GroupName::new("A").unwrap();
    let mut copy = copy(&[(1, "a", &[]), (2, "b", &[])]);
    assert!(copy.is_unique(&name));
    copy.put(uuid(2), group("a", &[])).unwrap();
    assert!(!copy.is_unique(&name));
    copy.remove(&uuid(1));
    assert!(copy.is_unique(&name));
}

#[test]
fn a_group_that_cannot_be_named_is_an_error_to_its_members_alone() {
    let mut copy = copy(&[(1, "a", &["uid=u"])]);
    let nameless = found("cn=x,dc=x", &[("member", &["uid=v"])]);
    copy.put(uuid(2), record(&nameless)).unwrap();
    assert_eq!(holding(&copy, "uid=u"), ["a"]);
    assert!(copy.holding(&[Way::Dn(Dn::new("uid=v").unwrap())]).is_err());
}

#[test]
fn what_would_not_stay_current_or_fit_is_not_kept() {
    let mut copy = Copy::default();
    let dynamic = found("cn=d,dc=x", &[("cn", &["d"]), ("memberurl", &["ldap:///??sub"])]);
    assert_eq!(
        copy.put(uuid(1), record(&dynamic)),
        Err(Unfit::Dynamic("cn=d,dc=x".into()))
    );
    let huge = || Record {
        holds: vec![Arc::from("x".repeat(BYTES_MAX / 4))],
        ..group("g", &[])
    };
    let outcomes: Vec<_> = (2..6).map(|at| copy.put(uuid(at), huge())).collect();
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 3);
    assert_eq!(outcomes.last(), Some(&Err(Unfit::TooMuch)));
}

#[test]
fn groups_without_members_and_groups_below_others_are_known() {
    let mut copy = copy(&[(1, "a", &[]), (2, "b,cn=a", &["uid=u"])]);
    let posix = found("cn=p,dc=x", &[("cn", &["p"]), ("gidnumber", &["7"])]);
    copy.put(uuid(3), record(&posix)).unwrap();
    let mut empty: Vec<&str> = copy.empty().collect();
    empty.sort_unstable();
    assert_eq!(empty, ["cn=a,dc=x", "cn=p,dc=x"]);
    let below = |dn: &str| copy.has_below(&Dn::new(dn).unwrap());
    assert!(below("cn=A,dc=x") && below("dc=x") && !below("cn=p,dc=x"));
}

proptest! {
    /// However a copy came about, it is as one that was made at once of what is left.
    #[test]
    fn the_order_of_changes_leaves_nothing_behind(
        changes in proptest::collection::vec((0_u8..4, proptest::option::of((0_u8..3, proptest::collection::vec(0_u8..4, 0..4)))), 0..20)
    ) {
        let record = |(name, members): &(u8, Vec<u8>)| {
            let members: Vec<String> = members.iter().map(|member| format!("uid={member}")).collect();
            group(&format!("n{name}"), &members.iter().map(String::as_str).collect::<Vec<_>>())
        };
        let mut changed = Copy::default();
        let mut left = std::collections::BTreeMap::new();
        for (id, change) in &changes {
            match change {
                Some(change) => {
                    changed.put(uuid(*id), record(change)).unwrap();
                    left.insert(*id, change);
                }
                None => {
                    changed.remove(&uuid(*id));
                    left.remove(id);
                }
            }
        }
        let mut made = Copy::default();
        for (id, change) in left {
            made.put(uuid(id), record(change)).unwrap();
        }
        prop_assert_eq!(changed.bytes, made.bytes);
        prop_assert_eq!((changed.holding.len(), changed.named.len()), (made.holding.len(), made.named.len()));
        for member in 0..4 {
            let sorted = |copy: &Copy| { let mut names = holding(copy, &format!("uid={member}")); names.sort_unstable(); names };
            prop_assert_eq!(sorted(&changed), sorted(&made));
        }
    }
}
