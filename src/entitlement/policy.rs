//! All profiles and rules of a configuration, prepared for answering: who is offered what.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::coverage::{Coverage, Resolver};
use super::draft::{Draft, Undrafted};
use super::explanation::Explanation;
use super::index::Index;
use super::matching::examine;
use super::subject::Subject;
use super::{AttributeCondition, Context, Offer, Profile, ProfileValue, Rule, Template};
use crate::model::{Authenticated, Person, ProfileId};

/// The profiles and rules of one configuration.
///
/// A profile is offered if at least one allow rule about it matches, no deny rule about it matches, and all
/// its texts can be rendered for the person. Preparing is done once, so that an answer takes the time of
/// the rules that name the person's groups and not of all rules there are.
pub struct Policy {
    /// In order of their ids.
    profiles: Vec<Profile>,
    /// In the order in which they set keys: by priority, then by name.
    rules: Vec<ResolvedRule>,
    index: Index,
}

/// A rule and the profiles it is about.
#[derive(Debug)]
struct ResolvedRule {
    rule: Rule,
    coverage: Coverage,
}

/// What the rules that match say: positions of rules, ascending.
pub(super) struct Verdicts {
    /// For each profile that an allow rule is about, those rules.
    granted: BTreeMap<usize, Vec<usize>>,
    /// The deny rules.
    denying: Vec<usize>,
}

impl fmt::Debug for Policy {
    /// What it was made of; everything else follows from that.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Policy")
            .field("profiles", &self.profiles)
            .field("rules", &self.rules().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

impl Policy {
    /// Prepares profiles with distinct ids and rules with distinct names; their order does not matter.
    pub fn new(mut profiles: Vec<Profile>, mut rules: Vec<Rule>) -> Self {
        profiles.sort_by(|a, b| a.id.cmp(&b.id));
        rules.sort_by(|a, b| (a.priority, &a.name).cmp(&(b.priority, &b.name)));
        let index = Index::new(rules.iter());
        let mut resolver = Resolver::new(&profiles);
        let rules = rules
            .into_iter()
            .map(|rule| ResolvedRule {
                coverage: resolver.coverage(&rule.profiles),
                rule,
            })
            .collect();
        Self {
            profiles,
            rules,
            index,
        }
    }

    /// What somebody is offered, in order of profile ids.
    pub fn offers(&self, who: &impl Authenticated, context: Context) -> Vec<Offer> {
        self.offers_among(who.person(), context, |_| true)
    }

    /// The offer of one profile, if [`Policy::offers`] has it.
    pub fn offer(&self, who: &impl Authenticated, context: Context, id: &ProfileId) -> Option<Offer> {
        self.offers_among(who.person(), context, |profile| profile.id == *id)
            .pop()
    }

    /// Whether exactly the profiles with these ids would be offered. Like [`Policy::explain`] it needs no proof.
    pub(super) fn would_offer(&self, person: &Person, context: Context, ids: &BTreeSet<ProfileId>) -> bool {
        let offered = self.offers_among(person, context, |_| true);
        offered.iter().map(Offer::profile_id).eq(ids)
    }

    /// What somebody would be offered and why. It needs no proof of who they are and gives nothing to
    /// anybody.
    pub fn explain(&self, person: &Person, context: Context) -> Explanation {
        Explanation::new(self, person, context)
    }

    /// The profiles, in order of their ids.
    pub fn profiles(&self) -> &[Profile] {
        &self.profiles
    }

    /// The rules, in the order in which they set keys.
    pub fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.rules.iter().map(|resolved| &resolved.rule)
    }

    /// The attributes that profiles and rules name, in lower case: what the directory must be asked for.
    pub fn attributes(&self) -> BTreeSet<&str> {
        let conditions = self.rules().flat_map(|rule| &rule.attributes);
        self.rendered_attributes()
            .into_iter()
            .chain(conditions.map(AttributeCondition::name))
            .collect()
    }

    /// Whether some profile may log in without a second password.
    pub fn has_autologin(&self) -> bool {
        let profiles = self.profiles.iter().map(|profile| &profile.keys);
        let sets = self.rules().map(|rule| &rule.set);
        let is_on = |keys: &BTreeMap<_, _>| keys.get("autologin") == Some(&ProfileValue::Flag(true));
        profiles.chain(sets).any(is_on)
    }

    /// Those of them that texts hold the value of, in lower case.
    pub fn rendered_attributes(&self) -> BTreeSet<&str> {
        self.templates().flat_map(Template::attributes).collect()
    }

    /// Whether a text holds the client's address.
    pub(super) fn shows_client(&self) -> bool {
        self.templates().any(Template::names_client)
    }

    /// Every text of the profiles and of what rules set.
    fn templates(&self) -> impl Iterator<Item = &Template> {
        let values = self
            .profiles
            .iter()
            .map(|profile| &profile.keys)
            .chain(self.rules().map(|rule| &rule.set))
            .flat_map(BTreeMap::values)
            .filter_map(|value| match value {
                ProfileValue::Text(template) => Some(template),
                ProfileValue::Flag(_) | ProfileValue::Number(_) => None,
            });
        self.profiles
            .iter()
            .map(|profile| &profile.session_user)
            .chain(values)
    }

    fn offers_among(
        &self,
        person: &Person,
        context: Context,
        wanted: impl Fn(&Profile) -> bool,
    ) -> Vec<Offer> {
        let subject = Subject::new(person, context);
        self.drafts(&subject, wanted)
            .map(|(profile, rules, draft)| Offer::new(&person.account, profile, &rules, draft))
            .collect()
    }

    /// The one way to offers: the wanted profiles that the rules give, in order of their ids, with the rules that
    /// give them.
    pub(super) fn drafts<'p>(
        &'p self,
        subject: &Subject<'_>,
        wanted: impl Fn(&Profile) -> bool,
    ) -> impl Iterator<Item = (&'p Profile, Vec<&'p Rule>, Draft<'p>)> {
        let matching = self
            .index
            .candidates(subject)
            .into_iter()
            .filter(|at| examine(&self.rules[*at].rule, subject).is_ok());
        let verdicts = self.verdicts(matching);
        let granted = verdicts.granted.keys().copied().collect::<Vec<_>>();
        granted.into_iter().filter_map(move |at| {
            let profile = &self.profiles[at];
            if !wanted(profile) || self.denied_by(&verdicts, at).next().is_some() {
                return None;
            }
            let draft = self.draft(&verdicts, at, subject).ok()?;
            let rules: Vec<_> = self.granted_by(&verdicts, at).collect();
            Some((profile, rules, draft))
        })
    }

    /// The rules that may match somebody whose client may be anywhere at any time; no other rule does.
    pub(super) fn rules_about(&self, person: &Person) -> impl Iterator<Item = &Rule> {
        let candidates = self.index.candidates(&Subject::new(person, Context::default()));
        candidates.into_iter().map(|at| &self.rules[at].rule)
    }

    /// What the rules at these positions, which match, say of the profiles.
    pub(super) fn verdicts(&self, matching: impl Iterator<Item = usize>) -> Verdicts {
        let mut verdicts = Verdicts {
            granted: BTreeMap::new(),
            denying: Vec::new(),
        };
        for at in matching {
            let resolved = &self.rules[at];
            if resolved.rule.deny {
                verdicts.denying.push(at);
                continue;
            }
            for profile in resolved.coverage.iter() {
                let rules = verdicts.granted.entry(profile).or_default();
                if rules.last() != Some(&at) {
                    rules.push(at);
                }
            }
        }
        verdicts
    }

    /// The matching allow rules about the profile at this position, in the order in which they set keys.
    pub(super) fn granted_by(&self, verdicts: &Verdicts, profile: usize) -> impl Iterator<Item = &Rule> {
        let rules = verdicts.granted.get(&profile).into_iter().flatten();
        rules.map(|at| &self.rules[*at].rule)
    }

    /// The matching deny rules about the profile at this position.
    pub(super) fn denied_by(&self, verdicts: &Verdicts, profile: usize) -> impl Iterator<Item = &Rule> {
        verdicts
            .denying
            .iter()
            .map(|at| &self.rules[*at])
            .filter(move |resolved| resolved.coverage.contains(profile))
            .map(|resolved| &resolved.rule)
    }

    /// The granted profile at this position, put together for the person.
    pub(super) fn draft<'a>(
        &'a self,
        verdicts: &Verdicts,
        profile: usize,
        subject: &Subject<'_>,
    ) -> Result<Draft<'a>, Undrafted> {
        Draft::new(
            &self.profiles[profile],
            self.granted_by(verdicts, profile),
            subject,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::{attribute, profile, rule, text};
    use super::*;

    #[test]
    fn the_attributes_of_profiles_and_rules_are_asked_for() {
        let mut by_uid = profile("a", &[("name", text("${user} ${attr:Room}"))]);
        by_uid.session_user = Template::new("${attr:uid}").unwrap();
        let setting = Rule {
            set: BTreeMap::from([("command", text("run ${attr:departmentNumber}"))]),
            attributes: vec![attribute("Title", &["*"])],
            ..rule("r", &["*"])
        };
        let policy = Policy::new(vec![by_uid], vec![setting]);
        assert_eq!(
            policy.attributes().into_iter().collect::<Vec<_>>(),
            ["departmentnumber", "room", "title", "uid"]
        );
        assert!(!policy.rendered_attributes().contains("title"));
    }
}
