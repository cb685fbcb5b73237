//! `[profile.ID]` and `[profile_defaults]`: the session profiles.

use std::collections::BTreeSet;

use super::diagnostic::{Diagnostic, Problems};
use super::section::Section;
use super::session_keys::{self, Keys};
use super::source::Place;
use super::value::Located;
use crate::entitlement::{Glob, Profile, ProfileValue, Template};
use crate::model::{FarmName, Invalid, ProfileId, did_you_mean};

/// What the ids of notices begin with, which are no profiles of the configuration.
const NOTICE_PREFIX: &str = "notice-";
/// The text that `session_user` is where it was not written.
const SESSION_USER: &str = "${user}";

/// The profiles, and the ids of all that were written, faulty ones included.
pub(super) struct Profiles {
    pub(super) profiles: Vec<Profile>,
    pub(super) ids: ProfileIds,
}

/// The ids of profiles, to be found by globs.
#[derive(Debug, Default)]
pub(super) struct ProfileIds(Vec<WrittenId>);

/// One id.
#[derive(Debug)]
struct WrittenId {
    /// As globs compare it.
    folded: String,
    /// As it was written.
    text: String,
    header: Place,
}

impl ProfileIds {
    /// The positions of the ids that a glob stands for.
    pub(super) fn matching<'a>(&'a self, glob: &'a Glob) -> impl Iterator<Item = usize> + 'a {
        let start = self.0.partition_point(|id| id.folded.as_str() < glob.prefix());
        self.0
            .iter()
            .enumerate()
            .skip(start)
            .take_while(|(_, id)| id.folded.starts_with(glob.prefix()))
            .filter(|(_, id)| glob.matches(&id.folded))
            .map(|(position, _)| position)
    }

    /// The id nearest to a misspelt one.
    pub(super) fn nearest(&self, text: &str) -> Option<&str> {
        did_you_mean(text, self.0.iter().map(|id| id.text.as_str()))
    }

    /// Warns of the profiles whose positions are not among those that the rules give.
    pub(super) fn warn_of_others(&self, given: &BTreeSet<usize>, problems: &Problems) {
        for (position, id) in self.0.iter().enumerate() {
            if !given.contains(&position) {
                let message = format!("no rule gives profile `{}` to anybody", id.text);
                problems.add(Diagnostic::warning(&id.header, message));
            }
        }
    }
}

/// What a profile or the defaults say.
struct Draft {
    farm: Option<FarmName>,
    session_user: Option<Template>,
    keys: Keys,
}

/// Reads `[profile_defaults]` and `[profile.*]`. `farms` are the names of all farms.
pub(super) fn read(root: &mut Section<'_>, farms: &[String]) -> Profiles {
    let defaults = root.section("profile_defaults");
    if let Some(place) = defaults.place_of("name") {
        let message = "every profile needs a name of its own; [profile_defaults] has none to give";
        defaults.problems().error(place, message);
    }
    let mut defaults = draft(defaults, farms);
    if defaults.session_user.is_none() {
        defaults.session_user = Template::new(SESSION_USER).ok();
    }
    let mut profiles = Vec::new();
    let mut ids = Vec::new();
    for (id, section) in root.named("profile") {
        ids.push(WrittenId {
            folded: id.to_lowercase(),
            text: id.clone(),
            header: section.header().clone(),
        });
        profiles.extend(profile(&id, section, &defaults, farms));
    }
    ids.sort_by(|a, b| a.folded.cmp(&b.folded));
    for pair in ids.windows(2) {
        if let [first, second] = pair
            && first.folded == second.folded
        {
            let message = format!(
                "profile `{}` differs from `{}` only in case",
                second.text, first.text
            );
            root.problems().error(&second.header, message);
        }
    }
    let ids = ProfileIds(ids);
    Profiles { profiles, ids }
}

fn draft(mut section: Section<'_>, farms: &[String]) -> Draft {
    let problems = section.problems();
    let farm = section.take::<Located<FarmName>>("farm");
    if let Some(Located { value, place }) = &farm
        && !farms.iter().any(|name| name == value.as_str())
    {
        let hint = did_you_mean(value.as_str(), farms.iter().map(String::as_str)).map_or_else(
            || format!("write [farm.{value}.hosts.ts01]"),
            |meant| format!("did you mean `{meant}`?"),
        );
        problems.add_absence(Diagnostic::error(place, format!("there is no farm `{value}`")).hint(hint));
    }
    let session_user = section.take::<Located<Template>>("session_user");
    if let Some(Located { value, place }) = &session_user
        && is_blank(value)
    {
        problems.error(place, "`session_user` is blank");
    }
    Draft {
        farm: farm.map(|farm| farm.value),
        session_user: session_user.map(|user| user.value),
        keys: session_keys::read(section),
    }
}

fn profile(id: &str, section: Section<'_>, defaults: &Draft, farms: &[String]) -> Option<Profile> {
    let problems = section.problems();
    let header = section.header().clone();
    let id = profile_id(id)
        .map_err(|why| problems.error(&header, why.to_string()))
        .ok();
    if !section.has("name") {
        section.miss("name", "\"XFCE desktop\"");
    }
    if !section.has("farm") && defaults.farm.is_none() {
        section.miss("farm", "\"students\"");
    }
    let name_place = section.place_of("name").unwrap_or(&header).clone();
    let own = draft(section, farms);
    if let Some(ProfileValue::Text(name)) = own.keys.get("name")
        && is_blank(name)
    {
        problems.error(&name_place, "`name` is blank");
    }
    let mut keys = defaults.keys.clone();
    keys.extend(own.keys);
    let session_user = own.session_user.or_else(|| defaults.session_user.clone())?;
    Some(Profile {
        id: id?,
        farm: own.farm.or_else(|| defaults.farm.clone())?,
        session_user,
        keys,
    })
}

fn is_blank(template: &Template) -> bool {
    template.constant().is_some_and(|text| text.trim().is_empty())
}

fn profile_id(text: &str) -> Result<ProfileId, Invalid> {
    if text.to_lowercase().starts_with(NOTICE_PREFIX) {
        return Err(Invalid::Meaning {
            what: "profile id",
            why: "begins with `notice-`, which notices have to themselves",
        });
    }
    ProfileId::new(text)
}
