//! The laws of the rules, tried on small random worlds.

use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::sample::{at, attribute, from, globs, group, groups, hours, person, profile, rule, text};
use super::{AttributeCondition, Context, Expectation, Explanation, Offer, Outcome, Policy, Profile, Rule};
use crate::model::Offered as _;
use crate::model::{Authenticated, Membership, Person, ProfileId};

/// Somebody who logged in.
struct LoggedIn(Person);

impl Authenticated for LoggedIn {
    fn person(&self) -> &Person {
        &self.0
    }
}

const USERS: [&str; 3] = ["alice", "Bob", "carol"];
const USER_PATTERNS: [&str; 5] = ["ALICE", "bob", "*", "c*", "?ob"];
const GROUPS: [&str; 5] = ["staff", "Students", "lab-1", "lab-2", "it"];
const GROUP_PATTERNS: [&str; 9] = [
    "staff",
    "students",
    "lab-*",
    "?t",
    "it*",
    "*",
    "nobody",
    "CN=Lab-1, OU=groups, dc=x",
    "cn=it,ou=other,dc=x",
];
const NETWORKS: [&str; 4] = ["10.0.0.0/8", "10.1.0.0/16", "2001:db8::/32", "192.0.2.1"];
pub(super) const ADDRESSES: [&str; 4] = ["10.1.2.3", "10.2.0.1", "2001:db8::7", "192.0.2.1"];
const ROOMS: [&str; 4] = ["a", " B", "ab", "$;{} "];
const ROOM_PATTERNS: [&str; 4] = ["A", "b", "a*", "*"];
const HOURS: [&str; 4] = [
    "Mon-Fri 07:00-20:00 Europe/Berlin",
    "Fri 22:00-06:00 America/New_York",
    "Sat-Mon 00:00-24:00 UTC",
    "12:00-12:01 Asia/Kathmandu",
];
const TIMES: [&str; 5] = [
    "2026-03-02T09:00:00+01:00",
    "2026-03-06T23:00:00-05:00",
    "2026-03-07T05:59:00-05:00",
    "2026-03-29T02:30:00Z",
    "2026-07-01T06:15:30Z",
];
const PROFILES: [&str; 6] = ["xfce", "xfce-big", "mate", "lab-kde", "lab-office", "Admin"];
const PROFILE_PATTERNS: [&str; 7] = ["xfce", "xfce*", "*", "lab-*", "mate", "admin", "none"];

fn a_membership() -> impl Strategy<Value = Membership> {
    (select(&GROUPS[..]), any::<bool>(), prop::bool::weighted(0.8)).prop_map(|(name, nested, unique)| {
        let via: &[&str] = if nested { &["helpdesk"] } else { &[] };
        Membership {
            unique,
            ..group(name, via)
        }
    })
}

prop_compose! {
    pub(super) fn a_person()(
        user in select(&USERS[..]),
        groups in vec(a_membership(), 0..5),
        uid in option::of("[0-9]{4}"),
        room in vec(select(&ROOMS[..]).prop_map(str::to_owned), 0..3),
    ) -> Person {
        let mut person = person(user, groups);
        person.uid = uid;
        person.attributes.insert("room".to_owned(), room);
        person
    }
}

fn a_context() -> impl Strategy<Value = Context> {
    (option::of(select(&ADDRESSES[..])), option::of(select(&TIMES[..]))).prop_map(|(address, time)| {
        let context = address.map_or(Context::default(), from);
        time.map_or(context, |time| at(time, context))
    })
}

fn some_attributes() -> impl Strategy<Value = Vec<AttributeCondition>> {
    let names = subsequence(&["Room", "title"][..], 0..2);
    (names, subsequence(&ROOM_PATTERNS[..], 1..3))
        .prop_map(|(names, values)| names.iter().map(|name| attribute(name, &values)).collect())
}

fn some(of: &'static [&'static str]) -> impl Strategy<Value = Vec<&'static str>> {
    prop_oneof![3 => Just(Vec::new()), 2 => subsequence(of, 1..3)]
}

prop_compose! {
    fn a_rule(name: String)(
        everyone in prop::bool::weighted(0.2),
        of in some(&GROUP_PATTERNS), all_of in some(&GROUP_PATTERNS), attributes in some_attributes(),
        times in some(&HOURS), users in some(&USER_PATTERNS), clients in some(&NETWORKS),
        except_of in some(&GROUP_PATTERNS), except_users in some(&USER_PATTERNS),
        except_clients in some(&NETWORKS),
        deny in prop::bool::weighted(0.3),
        about in subsequence(&PROFILE_PATTERNS[..], 1..3),
        set in option::of(select(&["quiet", "${uid}", "${client}", "${attr:room}", "${group:lab-*}"][..])),
        priority in 0_i64..2,
    ) -> Rule {
        let networks = |texts: Vec<&str>| texts.iter().map(|net| net.parse().unwrap()).collect();
        Rule {
            everyone,
            groups: groups(&of),
            all_groups: groups(&all_of),
            users: globs(&users),
            attributes,
            clients: networks(clients),
            hours: times.into_iter().map(hours).collect(),
            except_groups: groups(&except_of),
            except_users: globs(&except_users),
            except_clients: networks(except_clients),
            deny,
            set: set.map(|set| ("pack", text(set))).into_iter().collect(),
            priority,
            ..rule(&name, &about)
        }
    }
}

pub(super) fn some_rules() -> impl Strategy<Value = Vec<Rule>> {
    (0_usize..8).prop_flat_map(|count| {
        (0..count)
            .map(|at| a_rule(format!("rule-{at}")))
            .collect::<Vec<_>>()
    })
}

pub(super) fn all_profiles() -> Vec<Profile> {
    PROFILES
        .iter()
        .map(|id| {
            profile(
                id,
                &[
                    ("name", text("${user} at ${attr:room}")),
                    ("command", text("XFCE")),
                ],
            )
        })
        .chain([profile("plain", &[])])
        .collect()
}

fn explained_offers(explanation: &Explanation) -> Vec<&str> {
    explanation.offers.iter().map(String::as_str).collect()
}

fn ids(offers: &[Offer]) -> Vec<&str> {
    offers.iter().map(|offer| offer.profile_id().as_str()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn a_selection_is_what_the_list_has(rules in some_rules(), who in a_person(), context in a_context()) {
        let policy = Policy::new(all_profiles(), rules);
        let who = LoggedIn(who);
        let list = policy.offers(&who, context);
        prop_assert!(list.is_sorted_by(|a, b| a.profile_id() < b.profile_id()));
        for profile in policy.profiles() {
            let listed = list.iter().find(|offer| *offer.profile_id() == profile.id);
            let selected = policy.offer(&who, context, &profile.id);
            prop_assert_eq!(selected.as_ref(), listed);
        }
        prop_assert_eq!(policy.offer(&who, context, &ProfileId::new("other").unwrap()), None);
    }

    /// The explanation tries every rule, so this also shows that the index hides no rule from a list.
    #[test]
    fn an_explanation_tells_what_the_list_has(
        rules in some_rules(), who in a_person(), context in a_context(),
    ) {
        let policy = Policy::new(all_profiles(), rules);
        let explanation = policy.explain(&who, context);
        let list = policy.offers(&LoggedIn(who), context);
        prop_assert_eq!(explained_offers(&explanation), ids(&list));
        for offer in &list {
            let explained = explanation.profiles.iter().find(|p| p.id == *offer.profile_id()).unwrap();
            prop_assert_eq!(&explained.granted_by[..], offer.rules());
            let Outcome::Offered { session_user, keys, .. } = &explained.outcome else {
                panic!("{explained:?}");
            };
            prop_assert_eq!(session_user, offer.session_user().as_str());
            let values: BTreeMap<_, _> = keys.iter().map(|(key, told)| (*key, told.value.clone())).collect();
            prop_assert_eq!(&values, offer.keys());
        }
    }

    #[test]
    fn an_expectation_is_met_by_exactly_what_the_list_has(
        rules in some_rules(), who in a_person(), context in a_context(),
        offers in subsequence(&PROFILES[..], 0..3),
    ) {
        let policy = Policy::new(all_profiles(), rules);
        let list: BTreeSet<_> = policy
            .offers(&LoggedIn(who.clone()), context)
            .iter()
            .map(|offer| offer.profile_id().clone())
            .collect();
        let offers: BTreeSet<_> = offers.iter().map(|id| ProfileId::new(id).unwrap()).collect();
        let met = |offers: &BTreeSet<ProfileId>| {
            let (person, offers) = (who.clone(), offers.clone());
            Expectation { person, context, offers }.check(&policy)
        };
        prop_assert_eq!(met(&list), Ok(()));
        prop_assert_eq!(met(&offers).is_ok(), offers == list);
    }

    #[test]
    fn deny_always_wins(rules in some_rules(), who in a_person(), context in a_context(), about in 0_usize..6) {
        let denied = PROFILES[about];
        let mut with_deny = rules;
        with_deny.push(Rule { everyone: true, deny: true, ..rule("deny", &[denied]) });
        let list = Policy::new(all_profiles(), with_deny).offers(&LoggedIn(who), context);
        prop_assert!(!ids(&list).contains(&denied));
    }

    #[test]
    fn another_deny_rule_never_gives(
        rules in some_rules(), extra in a_rule("extra".to_owned()), who in a_person(), context in a_context(),
    ) {
        let who = LoggedIn(who);
        let before = Policy::new(all_profiles(), rules.clone()).offers(&who, context);
        let mut more = rules;
        more.push(Rule { deny: true, ..extra });
        for offer in Policy::new(all_profiles(), more).offers(&who, context) {
            prop_assert!(before.contains(&offer));
        }
    }

    #[test]
    fn a_rule_about_other_profiles_changes_nothing(
        rules in some_rules(), extra in a_rule("extra".to_owned()), who in a_person(), context in a_context(),
    ) {
        let who = LoggedIn(who);
        let before = Policy::new(all_profiles(), rules.clone()).offers(&who, context);
        let mut more = rules;
        more.insert(0, Rule { profiles: globs(&["plain"]), ..extra });
        let mut after = Policy::new(all_profiles(), more).offers(&who, context);
        after.retain(|offer| offer.profile_id().as_str() != "plain");
        let mut before = before;
        before.retain(|offer| offer.profile_id().as_str() != "plain");
        prop_assert_eq!(before, after);
    }

    #[test]
    fn a_rule_about_other_people_changes_nothing(
        rules in some_rules(), extra in a_rule("extra".to_owned()), who in a_person(), context in a_context(),
        how in 0..4,
    ) {
        let others = match how {
            0 => Rule { groups: groups(&["nobody", "cn=nobody,ou=groups,dc=x"]), ..extra },
            1 => Rule { all_groups: groups(&["staff", "nobody"]), ..extra },
            2 => Rule { users: globs(&["mallory"]), ..extra },
            _ => Rule { attributes: vec![attribute("title", &["*"])], ..extra },
        };
        let who = LoggedIn(who);
        let before = Policy::new(all_profiles(), rules.clone()).offers(&who, context);
        let mut more = rules;
        more.push(others);
        prop_assert_eq!(before, Policy::new(all_profiles(), more).offers(&who, context));
    }

    #[test]
    fn the_order_of_the_files_does_not_matter(
        (rules, shuffled) in some_rules().prop_flat_map(|r| (Just(r.clone()), Just(r).prop_shuffle())),
        profiles in Just(all_profiles()).prop_shuffle(),
        who in a_person(), context in a_context(),
    ) {
        let who = LoggedIn(who);
        prop_assert_eq!(
            Policy::new(all_profiles(), rules).offers(&who, context),
            Policy::new(profiles, shuffled).offers(&who, context)
        );
    }

    /// Without `set`: a rule that no longer matches no longer sets a text that could not be rendered.
    #[test]
    fn knowing_less_never_gives_more(
        rules in some_rules(), who in a_person(), address in select(&ADDRESSES[..]),
        time in select(&TIMES[..]),
    ) {
        let rules = rules.into_iter().map(|rule| Rule { set: BTreeMap::new(), ..rule }).collect();
        let policy = Policy::new(all_profiles(), rules);
        let everything = at(time, from(address));
        let known = policy.offers(&LoggedIn(who.clone()), everything);
        for less in [Context { client: None, ..everything }, Context { now: None, ..everything }] {
            let hidden = policy.offers(&LoggedIn(who.clone()), less);
            prop_assert!(ids(&hidden).iter().all(|id| ids(&known).contains(id)));
        }

        let mut shared = who.clone();
        for group in &mut shared.groups {
            group.unique = false;
        }
        let shared = policy.offers(&LoggedIn(shared), everything);
        prop_assert!(ids(&shared).iter().all(|id| ids(&known).contains(id)));
    }

    #[test]
    fn no_group_and_no_name_is_anybody_else(rules in some_rules(), context in a_context()) {
        let narrow: Vec<_> = rules.into_iter().filter(|rule| !rule.groups.is_empty()).collect();
        let stranger = LoggedIn(person("mallory", Vec::new()));
        prop_assert_eq!(Policy::new(all_profiles(), narrow).offers(&stranger, context), vec![]);
    }
}
