//! Small persons, profiles and rules for the tests of this room.

use std::collections::BTreeMap;

use super::{AttributeCondition, Context, Glob, GroupPattern, Hours, Profile, ProfileValue, Rule, Template};
use crate::model::{
    Account, Attributes, ClientAddress, Dn, FarmName, GroupName, Membership, Now, Person, ProfileId, Source,
    UserName,
};

pub(super) fn person(user: &str, groups: Vec<Membership>) -> Person {
    Person {
        account: Account {
            source: Source::Ldap,
            user: UserName::new(user).unwrap(),
        },
        uid: Some("1001".to_owned()),
        home: Some(format!("/home/{user}")),
        groups,
        attributes: Attributes::new(),
    }
}

/// A group whose entry is `cn=NAME,ou=groups,dc=x`.
pub(super) fn group(name: &str, via: &[&str]) -> Membership {
    Membership {
        name: GroupName::new(name).unwrap(),
        dn: Some(Dn::new(&format!("cn={name},ou=groups,dc=x")).unwrap()),
        via: via.iter().map(|name| GroupName::new(name).unwrap()).collect(),
        unique: true,
    }
}

pub(super) fn from(address: &str) -> Context {
    Context {
        client: Some(ClientAddress::new(address.parse().unwrap())),
        now: None,
    }
}

/// The context at a moment, like `2026-03-02T09:00:00+01:00`.
pub(super) fn at(time: &str, context: Context) -> Context {
    let time: jiff::Timestamp = time.parse().unwrap();
    Context {
        now: Some(Now::from_unix_ms(time.as_millisecond())),
        ..context
    }
}

pub(super) fn hours(text: &str) -> Hours {
    Hours::new(text, |name| {
        jiff::tz::TimeZone::get(name).map_err(|error| error.to_string())
    })
    .unwrap()
}

pub(super) fn attribute(name: &str, values: &[&str]) -> AttributeCondition {
    AttributeCondition::new(name, globs(values)).unwrap()
}

pub(super) fn text(text: &str) -> ProfileValue {
    ProfileValue::Text(Template::new(text).unwrap())
}

pub(super) fn profile(id: &str, keys: &[(&'static str, ProfileValue)]) -> Profile {
    Profile {
        id: ProfileId::new(id).unwrap(),
        farm: FarmName::new("farm").unwrap(),
        session_user: Template::new("${user}").unwrap(),
        keys: keys.iter().cloned().collect(),
    }
}

pub(super) fn globs(texts: &[&str]) -> Vec<Glob> {
    texts.iter().map(|text| Glob::new(text).unwrap()).collect()
}

pub(super) fn groups(texts: &[&str]) -> Vec<GroupPattern> {
    texts
        .iter()
        .map(|text| GroupPattern::new(text).unwrap())
        .collect()
}

/// A rule without conditions; it matches nobody.
pub(super) fn rule(name: &str, profiles: &[&str]) -> Rule {
    Rule {
        name: name.to_owned(),
        everyone: false,
        groups: Vec::new(),
        all_groups: Vec::new(),
        users: Vec::new(),
        attributes: Vec::new(),
        clients: Vec::new(),
        hours: Vec::new(),
        except_groups: Vec::new(),
        except_users: Vec::new(),
        except_clients: Vec::new(),
        deny: false,
        profiles: globs(profiles),
        set: BTreeMap::new(),
        priority: 0,
    }
}
