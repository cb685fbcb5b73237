//! The copy gives the answers that the directory gives, whatever groups there are.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::sample::subsequence;
use proptest::test_runner::{Config, TestRunner};
use tokio::runtime::Runtime;
use x2godirector::directory::{Directory, Entry};
use x2godirector::model::{Membership, TypedName};

use crate::directory::{now, settings_of};

use super::*;

/// How often groups are made at random and compared.
const CASES: u32 = 12;
/// Where groups lie; a name in both places is nobody's alone.
const PLACES: [&str; 2] = [slapd::GROUPS, "ou=more,ou=groups,dc=example,dc=org"];
const NAMES: [&str; 5] = ["a", "B", "c d", "e, f", "Zo\u{eb}"];
const USERS: [&str; 2] = ["alice", "bob"];

/// The members of each group that there is, by name and place.
type Graph = BTreeMap<(usize, usize), Vec<String>>;

fn dn(name: usize, place: usize) -> String {
    format!("cn={},{}", ldap3::dn_escape(NAMES[name]), PLACES[place])
}

/// The same name as another tool might write it.
fn odd(dn: &str) -> String {
    dn.to_uppercase().replace(' ', "  ").replace(',', " , ")
}

fn graphs() -> impl Strategy<Value = Graph> {
    let groups = || (0..NAMES.len()).flat_map(|name| (0..PLACES.len()).map(move |place| (name, place)));
    let all: Vec<String> = groups()
        .map(|(name, place)| dn(name, place))
        .chain(USERS.map(slapd::person))
        .collect();
    let members = (subsequence(all, 0..=4), any::<bool>()).prop_map(|(members, oddly)| {
        let spelled = |member: String| if oddly { odd(&member) } else { member };
        members.into_iter().map(spelled).collect::<Vec<_>>()
    });
    prop::collection::btree_map(prop::sample::select(groups().collect::<Vec<_>>()), members, 0..=8)
}

/// Makes these groups instead of those.
fn replace(slapd: &Slapd, before: &Graph, after: &Graph) {
    let mut ldif = String::new();
    for (name, place) in before.keys().filter(|group| !after.contains_key(*group)) {
        ldif += &format!("dn: {}\nchangetype: delete\n\n", dn(*name, *place));
    }
    for ((name, place), members) in after {
        let members: String = members
            .iter()
            .map(|member| format!("member: {member}\n"))
            .collect();
        let dn = dn(*name, *place);
        ldif += &match before.contains_key(&(*name, *place)) {
            false => format!(
                "dn: {dn}\nchangetype: add\nobjectClass: groupOfNames\ncn: {}\nmember: cn=nobody\n{members}\n",
                NAMES[*name]
            ),
            true => format!("dn: {dn}\nchangetype: modify\nreplace: member\nmember: cn=nobody\n{members}\n"),
        };
    }
    if !ldif.is_empty() {
        slapd.modify(&ldif);
    }
}

/// The groups of a user, in an order of their own.
async fn groups(directory: &Directory, entry: &Entry) -> Vec<Membership> {
    let mut groups = directory.memberships(entry).await.unwrap();
    groups.sort_by_key(|group| group.dn.as_ref().map(|dn| dn.normal().to_owned()));
    groups
}

#[test]
fn random_groups_are_the_same_from_the_copy_as_from_the_directory() {
    let more = format!("dn: {}\nobjectClass: organizationalUnit\nou: more\n\n", PLACES[1]);
    let slapd = Slapd::start_with(&(slapd::people(&USERS) + &more), SYNCPROV);
    let runtime = Runtime::new().unwrap();
    let _within = runtime.enter();
    let mut settings = settings_of(&slapd);
    settings.sync = true;
    let keeping = Directory::start(settings).unwrap();
    let entries: Vec<Entry> = USERS
        .iter()
        .map(|name| {
            runtime
                .block_on(keeping.find(&TypedName::new(name).unwrap(), now()))
                .unwrap()
                .unwrap()
        })
        .collect();
    let before = std::cell::RefCell::new(Graph::new());
    let mut runner = TestRunner::new(Config {
        cases: CASES,
        max_shrink_iters: 8,
        failure_persistence: None,
        ..Config::default()
    });
    let outcome = runner.run(&graphs(), |graph| {
        replace(&slapd, &before.replace(graph.clone()), &graph);
        runtime.block_on(async {
            sleep(PROMISE).await;
            for entry in &entries {
                let asked = group_searches(&slapd);
                let kept = groups(&keeping, entry).await;
                prop_assert_eq!(group_searches(&slapd), asked, "from the copy");
                // What is remembered of names may be a minute old, where groups are searched for.
                searching_anew(&slapd, entry, &kept).await?;
            }
            Ok(())
        })
    });
    outcome.unwrap();
}

/// Compares with what a directory finds that remembers nothing.
async fn searching_anew(slapd: &Slapd, entry: &Entry, kept: &[Membership]) -> Result<(), TestCaseError> {
    let searching = Directory::start(settings_of(slapd)).unwrap();
    prop_assert_eq!(kept, groups(&searching, entry).await);
    Ok(())
}
