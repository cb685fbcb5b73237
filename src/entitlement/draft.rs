//! A granted profile put together for one person: the keys of the profile, what rules set over them, and
//! every text rendered.

use std::collections::BTreeMap;

use super::render::{Place, Unrenderable, render, session_user};
use super::subject::Subject;
use super::{Profile, ProfileValue, Rule};
use crate::model::SessionUser;
use crate::model::session_key::{self, Kind, Value};

/// A granted profile as one person gets it.
#[derive(Debug)]
pub(super) struct Draft<'a> {
    /// The name of the account on the hosts.
    pub(super) session_user: SessionUser,
    /// Every session key.
    pub(super) keys: BTreeMap<&'static str, DraftedKey<'a>>,
}

/// A session key and where its value came from.
#[derive(Debug)]
pub(super) struct DraftedKey<'a> {
    pub(super) value: Value,
    /// The same as it was written.
    pub(super) written: &'a ProfileValue,
    /// The rule that set it; the profile itself if none did.
    pub(super) set_by: Option<&'a Rule>,
}

/// Why nothing could be put together.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Undrafted {
    /// The key that stands in the way, as conf.d spells it.
    pub(super) key: &'static str,
    /// What is wrong with it.
    pub(super) why: Unrenderable,
}

impl<'a> Draft<'a> {
    /// Puts the profile together. `rules` are the allow rules that grant it, in the order in which they set
    /// keys: a later one counts over an earlier one. A text that a later rule replaces is not rendered, so it
    /// cannot stand in the way.
    ///
    /// # Errors
    /// Says which key stands in the way and why.
    pub(super) fn new(
        profile: &'a Profile,
        rules: impl Iterator<Item = &'a Rule>,
        subject: &Subject<'_>,
    ) -> Result<Self, Undrafted> {
        let mut chosen: BTreeMap<&'static str, (&'a ProfileValue, Option<&'a Rule>)> = profile
            .keys
            .iter()
            .map(|(key, value)| (*key, (value, None)))
            .collect();
        for rule in rules {
            chosen.extend(rule.set.iter().map(|(key, value)| (*key, (value, Some(rule)))));
        }
        let keys = chosen
            .into_iter()
            .map(|(key, (written, set_by))| {
                let value = value_of(key, written, subject).map_err(|why| Undrafted { key, why })?;
                let drafted = DraftedKey {
                    value,
                    written,
                    set_by,
                };
                Ok((key, drafted))
            })
            .collect::<Result<_, _>>()?;
        let session_user = session_user(&profile.session_user, subject).map_err(|why| Undrafted {
            key: "session_user",
            why,
        })?;
        Ok(Self { session_user, keys })
    }
}

fn value_of(key: &str, value: &ProfileValue, subject: &Subject<'_>) -> Result<Value, Unrenderable> {
    let template = match value {
        ProfileValue::Flag(flag) => return Ok(Value::Flag(*flag)),
        ProfileValue::Number(number) => return Ok(Value::Number(*number)),
        ProfileValue::Text(template) => template,
    };
    let text = render(template, Place::of(key), subject)?;
    if template.constant().is_none()
        && let Some(Kind::OneOf(words)) = session_key::find(key).map(|key| key.kind)
        && !words.contains(&text.as_str())
    {
        return Err(Unrenderable::NotAChoice);
    }
    Ok(Value::Text(text))
}

#[cfg(test)]
mod tests {
    use super::super::sample::{from, person, profile, rule, text};
    use super::*;
    use crate::model::Person;

    fn setting(name: &str, key: &'static str, value: ProfileValue) -> Rule {
        Rule {
            set: BTreeMap::from([(key, value)]),
            ..rule(name, &["*"])
        }
    }

    fn homeless() -> Person {
        let mut alice = person("alice", Vec::new());
        alice.home = None;
        alice
    }

    #[test]
    fn a_later_rule_counts_over_an_earlier_one_and_over_the_profile() {
        let profile = profile(
            "xfce",
            &[
                ("command", text("XFCE")),
                ("fullscreen", ProfileValue::Flag(true)),
            ],
        );
        let rules = [
            setting("a", "fullscreen", ProfileValue::Flag(true)),
            setting("b", "fullscreen", ProfileValue::Flag(false)),
            setting("c", "speed", ProfileValue::Number(4)),
        ];
        let alice = person("alice", Vec::new());
        let draft = Draft::new(&profile, rules.iter(), &Subject::new(&alice, from("10.0.0.1"))).unwrap();
        let told: Vec<_> = draft
            .keys
            .iter()
            .map(|(key, drafted)| {
                (
                    *key,
                    drafted.value.clone(),
                    drafted.set_by.map(|rule| rule.name.as_str()),
                )
            })
            .collect();
        assert_eq!(
            told,
            [
                ("command", Value::Text("XFCE".to_owned()), None),
                ("fullscreen", Value::Flag(false), Some("b")),
                ("speed", Value::Number(4), Some("c")),
            ]
        );
        assert_eq!(draft.session_user.as_str(), "alice");
    }

    #[test]
    fn a_text_that_cannot_be_rendered_tells_its_key_and_one_that_was_replaced_is_not_tried() {
        let profile = profile("xfce", &[("export", text("${home}/media:1;"))]);
        let homeless = homeless();
        let subject = Subject::new(&homeless, from("10.0.0.1"));
        let undrafted = Draft::new(&profile, std::iter::empty(), &subject).unwrap_err();
        assert_eq!(undrafted.key, "export");
        let rules = [setting("a", "export", text("/media:1;"))];
        assert!(Draft::new(&profile, rules.iter(), &subject).is_ok());
    }

    #[test]
    fn a_session_user_that_is_no_account_name_stands_in_the_way() {
        let profile = profile("xfce", &[]);
        let odd = person("alice smith", Vec::new());
        let undrafted = Draft::new(
            &profile,
            std::iter::empty(),
            &Subject::new(&odd, from("10.0.0.1")),
        )
        .unwrap_err();
        assert_eq!(undrafted.key, "session_user");
    }
}
