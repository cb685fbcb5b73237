//! What changes for somebody when one set of profiles and rules takes the place of another.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;

use super::explain_text::Shown;
use super::situation_set::SituationSet;
use super::subject::Subject;
use super::{Policy, ProfileValue, Situations, TooManySituations};
use crate::model::session_key::Value;
use crate::model::{FarmName, Now, Person, ProfileId};

/// As a key of a profile that is none of the session keys.
const SESSION_USER: &str = "session_user";

/// Two policies side by side.
pub struct Comparison<'p> {
    old: &'p Policy,
    new: &'p Policy,
    situations: Situations,
}

/// Something that changes for somebody.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// What it is, said so that it is the same for everybody to whom the same happens.
    pub what: What,
    /// In which situations.
    pub when: SituationSet,
    /// The values of a key as this person gets them, in the first of those situations; none where they are as they
    /// are written, for everybody.
    pub rendered: Option<Rendered>,
}

/// A change, whomever it happens to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct What {
    /// The profile.
    pub profile: ProfileId,
    /// What becomes of it.
    pub kind: WhatKind,
}

/// What becomes of a profile.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum WhatKind {
    /// It was not offered and is.
    Gained,
    /// It was offered and is no more.
    Lost,
    /// It starts on another farm.
    Farm {
        /// The farm it started on.
        old: FarmName,
        /// The farm it starts on.
        new: FarmName,
    },
    /// A key has another value: `session_user` or a session key.
    Key {
        /// The key.
        key: &'static str,
        /// Its value as it was written, if there was one.
        old: Option<ProfileValue>,
        /// Its value as it is written, if there is one.
        new: Option<ProfileValue>,
    },
}

/// The value of a key as it was and as it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Rendered {
    /// Before, if there was one.
    pub old: Option<Value>,
    /// After, if there is one.
    pub new: Option<Value>,
}

impl<'p> Comparison<'p> {
    /// Puts two policies side by side, for all moments from `now` on.
    ///
    /// # Errors
    /// Their rules tell too many situations apart.
    pub fn new(old: &'p Policy, new: &'p Policy, now: Now) -> Result<Self, TooManySituations> {
        Ok(Self {
            situations: Situations::of([old, new], now)?,
            old,
            new,
        })
    }

    /// The situations that are tried.
    pub fn situations(&self) -> &Situations {
        &self.situations
    }

    /// What changes for this person, in order of profiles. Nothing changes if, and only if, what
    /// [`Policy::explain`] offers them is the same in every situation: profiles, farms, session users and keys.
    pub fn changes(&self, person: &Person) -> Vec<Change> {
        let mut changes = Changes {
            found: BTreeMap::new(),
            situations: self.situations.count(),
        };
        let rules = [self.old, self.new]
            .into_iter()
            .flat_map(|policy| policy.rules_about(person));
        for (context, situations) in self.situations.as_seen_by(rules) {
            let subject = Subject::new(person, context);
            let [old, new] = [self.old, self.new].map(|policy| offers(policy, &subject));
            changes.compare(&old, &new, &situations);
        }
        changes.found.into_values().flatten().collect()
    }
}

/// What one policy offers somebody on one request.
type Offers<'p> = BTreeMap<&'p ProfileId, Offered<'p>>;

/// A profile as somebody gets it.
struct Offered<'p> {
    farm: &'p FarmName,
    keys: BTreeMap<&'static str, OfferedKey>,
}

/// A key as somebody gets it, and as it was written.
struct OfferedKey {
    value: Value,
    written: ProfileValue,
}

impl OfferedKey {
    fn is_constant(&self) -> bool {
        match &self.written {
            ProfileValue::Text(template) => template.constant().is_some(),
            ProfileValue::Flag(_) | ProfileValue::Number(_) => true,
        }
    }
}

fn offers<'p>(policy: &'p Policy, subject: &Subject<'_>) -> Offers<'p> {
    policy
        .drafts(subject, |_| true)
        .map(|(profile, _, draft)| {
            let user = OfferedKey {
                value: Value::Text(draft.session_user.to_string()),
                written: ProfileValue::Text(profile.session_user.clone()),
            };
            let keys = draft.keys.into_iter().map(|(key, drafted)| {
                let written = drafted.written.clone();
                let value = drafted.value;
                (key, OfferedKey { value, written })
            });
            let offered = Offered {
                farm: &profile.farm,
                keys: keys.chain([(SESSION_USER, user)]).collect(),
            };
            (&profile.id, offered)
        })
        .collect()
}

/// The changes found so far, by profile.
struct Changes {
    found: BTreeMap<ProfileId, Vec<Change>>,
    situations: usize,
}

impl Changes {
    /// Adds what differs between two lists of offers, which somebody gets in these situations.
    fn compare(&mut self, old: &Offers<'_>, new: &Offers<'_>, situations: &[usize]) {
        for (id, offer) in old {
            match new.get(id) {
                None => self.add(id, WhatKind::Lost, None, situations),
                Some(now) => self.compare_offer(id, offer, now, situations),
            }
        }
        for id in new.keys().filter(|id| !old.contains_key(*id)) {
            self.add(id, WhatKind::Gained, None, situations);
        }
    }

    fn compare_offer(&mut self, id: &ProfileId, old: &Offered<'_>, new: &Offered<'_>, situations: &[usize]) {
        if old.farm != new.farm {
            let (old, new) = (old.farm.clone(), new.farm.clone());
            self.add(id, WhatKind::Farm { old, new }, None, situations);
        }
        for (key, before) in &old.keys {
            let after = new.keys.get(key);
            if after.map(|after| &after.value) != Some(&before.value) {
                self.add_key(id, key, Some(before), after, situations);
            }
        }
        for (key, after) in new.keys.iter().filter(|(key, _)| !old.keys.contains_key(*key)) {
            self.add_key(id, key, None, Some(after), situations);
        }
    }

    fn add_key(
        &mut self,
        id: &ProfileId,
        key: &'static str,
        old: Option<&OfferedKey>,
        new: Option<&OfferedKey>,
        situations: &[usize],
    ) {
        let differs_by_person = [old, new].into_iter().flatten().any(|value| !value.is_constant());
        let rendered = differs_by_person.then(|| Rendered {
            old: old.map(|value| value.value.clone()),
            new: new.map(|value| value.value.clone()),
        });
        let kind = WhatKind::Key {
            key,
            old: old.map(|value| value.written.clone()),
            new: new.map(|value| value.written.clone()),
        };
        self.add(id, kind, rendered, situations);
    }

    fn add(&mut self, id: &ProfileId, kind: WhatKind, rendered: Option<Rendered>, situations: &[usize]) {
        if !self.found.contains_key(id) {
            self.found.insert(id.clone(), Vec::new());
        }
        let Some(of_profile) = self.found.get_mut(id) else {
            return;
        };
        let at = of_profile.iter().position(|change| change.what.kind == kind);
        let at = at.unwrap_or_else(|| {
            of_profile.push(Change {
                what: What {
                    profile: id.clone(),
                    kind,
                },
                when: SituationSet::none_of(self.situations),
                rendered,
            });
            of_profile.len() - 1
        });
        if let Some(change) = of_profile.get_mut(at) {
            for situation in situations {
                change.when.insert(*situation);
            }
        }
    }
}

/// `gained`, `lost`, or what was and what is.
impl fmt::Display for WhatKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gained => f.write_str("gained"),
            Self::Lost => f.write_str("lost"),
            Self::Farm { old, new } => write!(f, "farm: {old} → {new}"),
            Self::Key { key, old, new } => {
                let [old, new] = [old, new].map(|value| value.as_ref().map(ProfileValue::as_written));
                write!(f, "{key}: {}", Rendered { old, new })
            }
        }
    }
}

impl fmt::Display for Rendered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        value(self.old.as_ref(), f)?;
        f.write_str(" → ")?;
        value(self.new.as_ref(), f)
    }
}

fn value(value: Option<&Value>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match value {
        Some(value) => write!(f, "{}", Shown(value)),
        None => f.write_str("not set"),
    }
}
