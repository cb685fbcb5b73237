//! `[[expect]]`: tests that live with the rules. One that does not hold is an error like any other, so that
//! neither a start nor a reload takes rules that do something else than their admin wrote down.

use std::collections::BTreeSet;

use super::diagnostic::{Diagnostic, Problems};
use super::profile_ids::ProfileIds;
use super::section::{Section, list};
use super::source::Place;
use super::value::{ByName, Located, Named};
use crate::entitlement::{Context, Expectation, Policy};
use crate::model::{Attributes, ClientAddress, Membership, Now, Person, ProfileId, UserName};

/// An expectation and where it says what is offered.
pub(super) struct Written {
    expectation: Expectation,
    place: Place,
}

/// Reads `[[expect]]`.
pub(super) fn read(root: &mut Section<'_>, profiles: &ProfileIds) -> Vec<Written> {
    root.listed("expect")
        .into_iter()
        .filter_map(|section| expectation(section, profiles))
        .collect()
}

fn expectation(mut section: Section<'_>, profiles: &ProfileIds) -> Option<Written> {
    let problems = section.problems();
    let user = section.require::<UserName>("user", "\"alice\"");
    let groups = section.take::<Vec<Membership>>("groups").unwrap_or_default();
    let client = section.take::<ClientAddress>("from");
    let now = section.take::<Now>("at");
    let mut attributes = Attributes::new();
    for Named { name, values } in section
        .take("attributes")
        .map_or_else(Vec::new, |ByName(named)| named)
    {
        let values: Vec<String> = values;
        attributes
            .entry(name.value.to_lowercase())
            .or_default()
            .extend(values);
    }
    let offers = section.require::<Located<Vec<Located<String>>>>("offers", "[\"xfce\"]");
    section.finish();
    let Located { value, place } = offers?;
    let offers = value
        .into_iter()
        .filter_map(|id| profile_id(&id, profiles, problems))
        .collect::<BTreeSet<_>>();
    Some(Written {
        expectation: Expectation {
            person: Person::supposed(user?, groups, attributes),
            context: Context { client, now },
            offers,
        },
        place,
    })
}

fn profile_id(id: &Located<String>, profiles: &ProfileIds, problems: &Problems) -> Option<ProfileId> {
    if !profiles.contains(&id.value) {
        let hint = profiles
            .nearest(&id.value)
            .map(|meant| format!("did you mean {}?", list(&[meant])));
        let message = format!("there is no profile `{}`", id.value);
        problems.add_absence(Diagnostic::error(&id.place, message).hint(hint));
    }
    // One that is there and no id has been noted where it is.
    ProfileId::new(&id.value).ok()
}

/// Notes every expectation that does not hold, and those that say nothing.
pub(super) fn run(written: &[Written], policy: &Policy, problems: &Problems) {
    for Written { expectation, place } in written {
        if let Err(unmet) = expectation.check(policy) {
            let hint = unmet.hint().map(str::to_owned);
            problems.add(Diagnostic::error(place, unmet.to_string()).hint(hint));
        } else if expectation.is_trivial(policy) {
            let message = "this holds whatever the rules give: none of them is about this user, these groups \
                           or these attributes";
            problems.add(Diagnostic::warning(place, message));
        }
    }
}
