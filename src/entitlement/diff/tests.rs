use std::collections::BTreeSet;

use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::super::laws::{ADDRESSES, a_person, all_profiles, some_rules};
use super::super::sample::{at, from, globs, group, groups, hours, person, profile, rule, text};
use super::super::{Context, Explanation, Outcome, Profile, Rule};
use super::*;

/// A Monday morning. Europe changes its clocks four weeks later, America a week later.
fn now() -> Now {
    at("2026-03-02T09:00:00+01:00", Context::default()).now.unwrap()
}

/// A year in milliseconds.
const YEAR_MS: i64 = 365 * 24 * 3_600_000;

/// What differs between two explanations: which profile, and `gained`, `lost` or the name of a key.
fn differences(old: &Explanation, new: &Explanation) -> BTreeSet<(ProfileId, String)> {
    let offers = |explanation: &Explanation| -> BTreeMap<ProfileId, BTreeMap<String, String>> {
        let offered = |outcome: &Outcome| match outcome {
            Outcome::Offered {
                farm,
                session_user,
                keys,
            } => {
                let fixed = [("farm", farm.to_string()), ("session_user", session_user.clone())];
                let fixed = fixed.map(|(key, value)| (key.to_owned(), value));
                let keys = keys
                    .iter()
                    .map(|(key, told)| ((*key).to_owned(), format!("{:?}", told.value)));
                Some(keys.chain(fixed).collect())
            }
            _ => None,
        };
        let profiles = explanation.profiles.iter();
        profiles
            .filter_map(|profile| Some((profile.id.clone(), offered(&profile.outcome)?)))
            .collect()
    };
    let (old, new) = (offers(old), offers(new));
    let ids: BTreeSet<&ProfileId> = old.keys().chain(new.keys()).collect();
    let of_profile = |id: &&ProfileId| match (old.get(*id), new.get(*id)) {
        (None, _) => vec!["gained".to_owned()],
        (_, None) => vec!["lost".to_owned()],
        (Some(old), Some(new)) => {
            let keys: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
            let changed = keys.into_iter().filter(|key| old.get(*key) != new.get(*key));
            changed.cloned().collect()
        }
    };
    ids.into_iter()
        .flat_map(|id| of_profile(&id).into_iter().map(|kind| (id.clone(), kind)))
        .collect()
}

/// The changes of one situation, said like [`differences`].
fn changes_in(changes: &[Change], situation: usize) -> BTreeSet<(ProfileId, String)> {
    let here = changes.iter().filter(|change| change.when.contains(situation));
    here.map(|change| {
        let kind = match &change.what.kind {
            WhatKind::Gained => "gained",
            WhatKind::Lost => "lost",
            WhatKind::Farm { .. } => "farm",
            WhatKind::Key { key, .. } => key,
        };
        (change.what.profile.clone(), kind.to_owned())
    })
    .collect()
}

/// The situation that a request is in, found anew.
fn situation_of(situations: &Situations, context: Context) -> usize {
    let in_list = |list: &Vec<crate::model::Network>| {
        let mut list = list.iter();
        list.any(|network| context.client.is_some_and(|client| network.contains(client)))
    };
    let place = situations.places.iter().position(|place| {
        let lists = situations.networks.iter().map(in_list);
        let (flags, rest) = place.holds.split_at(situations.networks.len());
        let family = |client: crate::model::ClientAddress| client.ip().is_ipv6();
        flags.iter().copied().eq(lists)
            && (situations.places.len() == 1 || rest[0] == context.client.is_some())
            && (situations
                .places
                .iter()
                .all(|place| !place.holds[flags.len() + 1])
                || rest[1] == context.client.is_some_and(family))
    });
    let moment = situations.moments.iter().position(|moment| {
        let hours = situations.hours.iter();
        let lists = hours.map(|list| list.iter().any(|hours| hours.contains(context.now.unwrap())));
        moment.holds.iter().copied().eq(lists)
    });
    place.expect("a kind of place") * situations.moments.len() + moment.expect("a kind of moment")
}

/// The profiles with another farm, a key more and one that is written in another way.
fn other_profiles() -> Vec<Profile> {
    let mut profiles = all_profiles();
    profiles[0].farm = FarmName::new("other").unwrap();
    profiles[1].keys.insert("fullscreen", ProfileValue::Flag(true));
    profiles[2].keys.insert("name", text("${user} from ${client}"));
    profiles.remove(3);
    profiles
}

proptest! {
    /// Whatever the client's address and whenever it comes, within the next year: what changes there and then is
    /// what the changes of the situation say that stands for it.
    #[test]
    fn every_request_is_in_a_situation_that_tells_its_changes(
        old in some_rules(), new in some_rules(), other in any::<bool>(), who in a_person(),
        address in option::of(prop_oneof![select(&ADDRESSES[..]), select(&["10.1.255.255", "11.0.0.0", "::1"][..])]),
        later in 0..YEAR_MS,
    ) {
        let profiles = if other { other_profiles() } else { all_profiles() };
        let (old, new) = (Policy::new(all_profiles(), old), Policy::new(profiles, new));
        let comparison = Comparison::new(&old, &new, now()).unwrap();
        let context = Context {
            now: Some(Now::from_unix_ms(now().unix_ms() + later)),
            ..address.map_or(Context::default(), from)
        };
        let situation = situation_of(comparison.situations(), context);
        prop_assert_eq!(
            changes_in(&comparison.changes(&who), situation),
            differences(&old.explain(&who, context), &new.explain(&who, context))
        );
    }

    /// Nothing changes if, and only if, the explanations are alike in one request of every situation.
    #[test]
    fn nothing_changes_where_all_explanations_are_alike(
        old in some_rules(), new in some_rules(), same in any::<bool>(), who in a_person(),
    ) {
        let new = if same { old.clone() } else { new };
        let (old, new) = (Policy::new(all_profiles(), old), Policy::new(all_profiles(), new));
        let comparison = Comparison::new(&old, &new, now()).unwrap();
        let situations = comparison.situations();
        let contexts = situations.places.iter().flat_map(|place| {
            let moments = situations.moments.iter();
            moments.map(|moment| Context { client: place.sample, now: Some(moment.sample) })
        });
        let mut contexts = contexts.map(|context| (old.explain(&who, context), new.explain(&who, context)));
        let alike = contexts.all(|(old, new)| differences(&old, &new).is_empty());
        prop_assert_eq!(comparison.changes(&who).is_empty(), alike);
        prop_assert!(!same || alike);
    }
}

/// What changes for alice in group staff, in words.
fn told(old: &Policy, new: &Policy) -> Vec<String> {
    let alice = person("alice", vec![group("staff", &[])]);
    let comparison = Comparison::new(old, new, now()).unwrap();
    let changes = comparison.changes(&alice).into_iter();
    changes
        .map(|change| {
            let when = comparison.situations().told(&change.when).join("; or ");
            let rendered = change.rendered.map(|rendered| format!(" [{rendered}]"));
            format!(
                "{} {}{} {when}",
                change.what.profile,
                change.what.kind,
                rendered.unwrap_or_default()
            )
        })
        .collect()
}

fn staff(profiles: &[&str]) -> Rule {
    Rule {
        groups: groups(&["staff"]),
        ..rule("staff", profiles)
    }
}

#[test]
fn gains_and_losses_come_with_their_conditions() {
    let profiles = || vec![profile("exam", &[]), profile("office", &[]), profile("xfce", &[])];
    let old = Policy::new(profiles(), vec![staff(&["xfce", "exam"])]);
    let new = vec![
        staff(&["xfce"]),
        Rule {
            hours: vec![hours("Mon-Fri 07:00-20:00 Europe/Berlin")],
            clients: vec!["10.20.0.0/16".parse().unwrap()],
            name: "office".to_owned(),
            ..staff(&["office"])
        },
        Rule {
            clients: vec!["10.99.0.0/16".parse().unwrap()],
            users: globs(&["alice"]),
            deny: true,
            ..rule("guests", &["xfce"])
        },
    ];
    assert_eq!(
        told(&old, &Policy::new(profiles(), new)),
        [
            "exam lost ",
            "office gained from 10.20.0.0/16, within Mon-Fri 07:00-20:00 Europe/Berlin",
            "xfce lost from 10.99.0.0/16; or from an unknown address",
        ]
    );
}

#[test]
fn keys_are_compared_as_the_person_gets_them() {
    let old = profile(
        "xfce",
        &[
            ("command", text("XFCE")),
            ("export", text("${home}/a:1;")),
            ("name", text("alice")),
        ],
    );
    let mut new = profile(
        "xfce",
        &[
            ("export", text("${home}/b:1;")),
            ("fullscreen", ProfileValue::Flag(true)),
            ("name", text("${user}")),
        ],
    );
    new.farm = FarmName::new("other").unwrap();
    let policy = |profile| Policy::new(vec![profile], vec![staff(&["*"])]);
    assert_eq!(
        told(&policy(old), &policy(new)),
        [
            "xfce farm: farm → other ",
            "xfce command: \"XFCE\" → not set ",
            "xfce export: \"${home}/a:1;\" → \"${home}/b:1;\" [\"/home/alice/a:1;\" → \"/home/alice/b:1;\"] ",
            "xfce fullscreen: not set → true ",
        ]
    );
}

#[test]
fn rules_about_others_make_no_situations_for_somebody() {
    let others = (0..40).map(|at| Rule {
        groups: groups(&["students"]),
        clients: vec![format!("10.{at}.0.0/16").parse().unwrap()],
        ..rule(&format!("r{at}"), &["xfce"])
    });
    let policy = Policy::new(vec![profile("xfce", &[])], others.collect());
    let situations = Situations::of([&policy, &policy], now()).unwrap();
    assert_eq!(situations.count(), 42);
    let alice = person("alice", vec![group("staff", &[])]);
    // Her address is known, or it is not.
    assert_eq!(situations.as_seen_by(policy.rules_about(&alice)).len(), 2);
}

#[test]
fn too_many_situations_are_refused() {
    let many = (0..200).map(|at| Rule {
        clients: vec![format!("10.{at}.0.0/16").parse().unwrap()],
        hours: vec![hours(&format!("{:02}:{:02}-24:00 UTC", at / 60, at % 60))],
        ..rule(&format!("r{at}"), &["xfce"])
    });
    let policy = Policy::new(Vec::new(), many.collect());
    let error = Situations::of([&policy, &policy], now()).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("202 kinds of places and 200 kinds of moments"),
        "{error}"
    );
}
