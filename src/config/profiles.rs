//! `[profile.ID]` and `[profile_defaults]`: the session profiles.

use std::collections::{HashMap, HashSet};

use super::diagnostic::{Diagnostic, Problems};
use super::profile_ids::{ProfileIds, WrittenId};
use super::section::{Section, missing};
use super::session_keys::{self, Keys};
use super::source::Place;
use super::value::Located;
use crate::entitlement::{Profile, ProfileValue, Template};
use crate::model::{FarmName, Invalid, ProfileId, did_you_mean};
use crate::placement::Farm;

/// The text that `session_user` is where it was not written.
const SESSION_USER: &str = "${user}";
/// Most profiles that a profile builds on, one on another.
const EXTENDS_MAX: usize = 16;

/// The profiles, and the ids of all that were written, faulty ones included.
pub(super) struct Profiles {
    pub(super) profiles: Vec<Profile>,
    pub(super) ids: ProfileIds,
}

/// What a profile or the defaults say.
struct Draft {
    farm: Option<FarmName>,
    session_user: Option<Template>,
    keys: Keys,
}

/// A profile as it was written, before it takes from those it builds on.
struct Written {
    id: String,
    header: Place,
    title: String,
    extends: Option<Located<String>>,
    /// Whether `farm` stands there, right or wrong.
    has_farm: bool,
    own: Draft,
}

/// Reads `[profile_defaults]` and `[profile.*]`. `farms` are the names of all farms.
pub(super) fn read(root: &mut Section<'_>, farms: &[String]) -> Profiles {
    let problems = root.problems();
    let defaults = root.section("profile_defaults");
    if let Some(place) = defaults.place_of("name") {
        let message = "every profile needs a name of its own; [profile_defaults] has none to give";
        problems.error(place, message);
    }
    let mut defaults = draft(defaults, farms);
    if defaults.session_user.is_none() {
        defaults.session_user = Template::new(SESSION_USER).ok();
    }
    let written: Vec<_> = root
        .named("profile")
        .into_iter()
        .map(|(id, section)| profile(id, section, farms))
        .collect();
    let family = Family::new(&written, problems);
    let profiles = (0..written.len())
        .filter_map(|at| family.profile(at, &defaults, problems))
        .collect();
    let extended: HashSet<usize> = family.parents.iter().copied().flatten().collect();
    let ids = written
        .iter()
        .enumerate()
        .map(|(at, profile)| WrittenId::new(&profile.id, &profile.header, extended.contains(&at)))
        .collect();
    let ids = ProfileIds::new(ids, problems);
    Profiles { profiles, ids }
}

impl Profiles {
    /// Warns of profiles that give a key which no host of their farm would come to know.
    pub(super) fn warn_of_autologin(&self, farms: &[Farm], problems: &Problems) {
        let without_keys: HashSet<_> = farms
            .iter()
            .filter(|farm| farm.key_delivery().is_none())
            .map(|farm| &farm.name)
            .collect();
        for Profile { id, farm, keys, .. } in &self.profiles {
            let gives_key = matches!(keys.get("autologin"), Some(ProfileValue::Flag(true)));
            if gives_key
                && without_keys.contains(farm)
                && let Some(header) = self.ids.header(id.as_str())
            {
                let message = format!(
                    "profile `{id}` has `autologin`, and the hosts of farm `{farm}` take no keys: the client asks for the \
                     password again"
                );
                let hint = format!(
                    "write agent = \"ssh\" or keys = \"command\" in [farm.{farm}], or autologin = false"
                );
                problems.add(Diagnostic::warning(header, message).hint(hint));
            }
        }
    }
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
        && value.constant().is_some_and(|text| text.trim().is_empty())
    {
        problems.error(place, "`session_user` is blank");
    }
    Draft {
        farm: farm.map(|farm| farm.value),
        session_user: session_user.map(|user| user.value),
        keys: session_keys::read(section),
    }
}

fn profile(id: String, mut section: Section<'_>, farms: &[String]) -> Written {
    if !section.has("name") {
        section.miss("name", "\"XFCE desktop\"");
    }
    Written {
        id,
        header: section.header().clone(),
        title: section.title(),
        extends: section.take("extends"),
        has_farm: section.has("farm"),
        own: draft(section, farms),
    }
}

/// The profiles with the ones they build on.
struct Family<'w> {
    written: &'w [Written],
    /// For each profile, the position of the one it extends.
    parents: Vec<Option<usize>>,
}

impl<'w> Family<'w> {
    /// Finds what each profile extends, and notes what is not there.
    fn new(written: &'w [Written], problems: &Problems) -> Self {
        let positions: HashMap<&str, usize> = written
            .iter()
            .enumerate()
            .map(|(at, profile)| (profile.id.as_str(), at))
            .collect();
        let parent = |profile: &Written| {
            let Located { value, place } = profile.extends.as_ref()?;
            let parent = positions.get(value.as_str()).copied();
            if parent.is_none() {
                let hint = did_you_mean(value, positions.keys().copied())
                    .map(|meant| format!("did you mean `{meant}`?"));
                let message = format!("there is no profile `{value}` to extend");
                problems.add_absence(Diagnostic::error(place, message).hint(hint));
            }
            parent
        };
        Self {
            parents: written.iter().map(parent).collect(),
            written,
        }
    }

    /// The profile at a position with all that it takes from those it builds on, and from the defaults.
    fn profile(&self, at: usize, defaults: &Draft, problems: &Problems) -> Option<Profile> {
        let written = self.written.get(at)?;
        let id = profile_id(&written.id)
            .map_err(|why| problems.error(&written.header, why.to_string()))
            .ok();
        let line = self.line(at, problems)?;
        if defaults.farm.is_none() && !line.iter().any(|profile| profile.has_farm) {
            problems.add_absence(missing("farm", &written.header, &written.title, "\"students\""));
        }
        let drafts = || line.iter().map(|profile| &profile.own).chain([defaults]);
        let mut keys = Keys::new();
        for draft in drafts().rev() {
            keys.extend(draft.keys.iter().map(|(key, value)| (*key, value.clone())));
        }
        Some(Profile {
            id: id?,
            farm: drafts().find_map(|draft| draft.farm.clone())?,
            session_user: drafts().find_map(|draft| draft.session_user.clone())?,
            keys,
        })
    }

    /// A profile and those it builds on, itself first; none if there is no end to them, which is noted at one
    /// of them.
    fn line(&self, at: usize, problems: &Problems) -> Option<Vec<&'w Written>> {
        let mut line = vec![at];
        let mut next = self.parents.get(at).copied().flatten();
        while let Some(parent) = next {
            if line.contains(&parent) {
                // Every profile of a circle finds it, and those beside it, too; the first of it tells.
                if parent == at && line.iter().min() == Some(&at) {
                    self.note_circle(&line, problems);
                }
                return None;
            }
            if line.len() > EXTENDS_MAX {
                let written = self.written.get(at)?;
                let place = written
                    .extends
                    .as_ref()
                    .map_or(&written.header, |extends| &extends.place);
                let message = format!(
                    "profile `{}` builds on more than {EXTENDS_MAX} others",
                    written.id
                );
                problems.error(place, message);
                return None;
            }
            line.push(parent);
            next = self.parents.get(parent).copied().flatten();
        }
        Some(line.into_iter().filter_map(|at| self.written.get(at)).collect())
    }

    fn note_circle(&self, circle: &[usize], problems: &Problems) {
        let mut members = circle.iter().filter_map(|at| self.written.get(*at));
        let Some((first, extends)) = members
            .next()
            .and_then(|first| Some((first, first.extends.as_ref()?)))
        else {
            return;
        };
        let others: Vec<_> = members
            .filter_map(|member| Some(format!("`{}` ({})", member.id, member.extends.as_ref()?.place)))
            .collect();
        let through = match others.as_slice() {
            [] => String::new(),
            others => format!(" through {}", others.join(", ")),
        };
        problems.error(
            &extends.place,
            format!("profile `{}` extends itself{through}", first.id),
        );
    }
}

fn profile_id(text: &str) -> Result<ProfileId, Invalid> {
    let id = ProfileId::new(text)?;
    if id.is_notice() {
        return Err(Invalid::Meaning {
            what: "profile id",
            why: "begins with `notice-`, which notices have to themselves",
        });
    }
    Ok(id)
}
