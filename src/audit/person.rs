//! The person of a decision as the rules saw them, to be asked again later.

use serde::{Deserialize, Serialize};

use super::line::bytes_in_line;
use crate::model::{Account, Attributes, Dn, GroupName, Invalid, Membership, Person};

/// Most bytes of groups and attributes in a line. With the rest of the line they stay below 48 KiB, where systemd's
/// journal begins to cut what comes from standard error (journald.conf(5), `LineMax=`).
const BYTES_MAX: usize = 32 << 10;
/// What the names of the fields of one group or attribute add.
const FIELDS_BYTES: usize = 48;

/// Somebody's groups, and those of their attributes that rules and profiles use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedPerson {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    uid: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    home: Option<String>,
    #[serde(default)]
    groups: Vec<RecordedGroup>,
    #[serde(default, skip_serializing_if = "Attributes::is_empty")]
    attributes: Attributes,
    /// Whether something was left out because there was too much.
    #[serde(default, skip_serializing_if = "is_false")]
    cut: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct RecordedGroup {
    name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    dn: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    via: Vec<String>,
    /// Whether another group has the name too.
    #[serde(default, skip_serializing_if = "is_false")]
    shared: bool,
}

impl RecordedPerson {
    /// What of a person goes into a line; `attributes` are the names, in lower case, of those that count.
    pub fn new(person: &Person, attributes: &[String]) -> Self {
        let mut left = BYTES_MAX;
        let used = |name: &String| Some((name.clone(), person.attributes.get(name)?.clone()));
        let attributes: Attributes = attributes
            .iter()
            .filter_map(used)
            .filter(|(name, values)| fits(&mut left, values.iter().chain([name])))
            .collect();
        let groups: Vec<_> = person
            .groups
            .iter()
            .map(RecordedGroup::new)
            .filter(|group| fits(&mut left, group.via.iter().chain(&group.dn).chain([&group.name])))
            .collect();
        Self {
            uid: person.uid.clone(),
            home: person.home.clone(),
            cut: groups.len() < person.groups.len() || left == 0,
            groups,
            attributes,
        }
    }

    /// Whether this is all that the rules saw.
    pub fn is_whole(&self) -> bool {
        !self.cut
    }

    /// The person, who proves nothing.
    ///
    /// # Errors
    /// A name in the line is none.
    pub fn person(&self, account: Account) -> Result<Person, Invalid> {
        Ok(Person {
            account,
            uid: self.uid.clone(),
            home: self.home.clone(),
            groups: self
                .groups
                .iter()
                .map(RecordedGroup::membership)
                .collect::<Result<_, _>>()?,
            attributes: self.attributes.clone(),
        })
    }
}

impl RecordedGroup {
    fn new(membership: &Membership) -> Self {
        Self {
            name: membership.name.to_string(),
            dn: membership.dn.as_ref().map(ToString::to_string),
            via: membership.via.iter().map(ToString::to_string).collect(),
            shared: !membership.unique,
        }
    }

    fn membership(&self) -> Result<Membership, Invalid> {
        Ok(Membership {
            name: GroupName::new(&self.name)?,
            dn: self.dn.as_deref().map(Dn::new).transpose()?,
            via: self
                .via
                .iter()
                .map(|name| GroupName::new(name))
                .collect::<Result<_, _>>()?,
            unique: !self.shared,
        })
    }
}

/// Takes the room for these texts from what is left. After the first that does not fit nothing does: what is
/// missing is then the end and not a hole.
fn fits<'a>(left: &mut usize, texts: impl Iterator<Item = &'a String>) -> bool {
    let bytes: usize = texts.map(|text| bytes_in_line(text) + 3).sum();
    *left = left.saturating_sub(bytes + FIELDS_BYTES);
    *left > 0
}

fn is_false(flag: &bool) -> bool {
    !flag
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::audit::line::line;
    use crate::model::{Source, UserName};

    fn account() -> Account {
        Account {
            source: Source::Ldap,
            user: UserName::new("alice").unwrap(),
        }
    }

    fn group(name: &str, via: &[&str]) -> Membership {
        Membership {
            name: GroupName::new(name).unwrap(),
            dn: Some(Dn::new(&format!("cn={name},dc=x")).unwrap()),
            via: via.iter().map(|name| GroupName::new(name).unwrap()).collect(),
            unique: name != "shared",
        }
    }

    fn person(groups: Vec<Membership>, attributes: &[(&str, &str)]) -> Person {
        Person {
            account: account(),
            uid: Some("1042".to_owned()),
            home: None,
            groups,
            attributes: attributes
                .iter()
                .map(|(name, value)| ((*name).to_owned(), vec![(*value).to_owned()]))
                .collect(),
        }
    }

    #[test]
    fn what_the_rules_saw_reads_back_and_nothing_else_is_there() {
        let groups = vec![group("staff", &["helpdesk", "it"]), group("shared", &[])];
        let whole = person(groups, &[("room", "42"), ("userpkcs12", "never")]);
        let recorded = RecordedPerson::new(&whole, &["room".to_owned(), "title".to_owned()]);
        let line = line(&recorded).unwrap();
        assert!(!line.contains("never"), "{line}");
        let read: RecordedPerson = serde_json::from_str(&line).unwrap();
        assert!(read.is_whole());
        let mut expected = whole;
        expected.attributes.remove("userpkcs12");
        assert_eq!(read.person(account()).unwrap(), expected);
    }

    #[test]
    fn too_much_is_cut_and_said() {
        let many = (0..2000)
            .map(|number| group(&format!("group-{number}"), &[]))
            .collect();
        let recorded = RecordedPerson::new(&person(many, &[]), &[]);
        assert!(!recorded.is_whole());
        let bytes = line(&recorded).unwrap().len();
        assert!((BYTES_MAX / 2..BYTES_MAX + 200).contains(&bytes), "{bytes}");
        let long = "\u{9b}".repeat(BYTES_MAX);
        let recorded = RecordedPerson::new(&person(Vec::new(), &[("room", &long)]), &["room".to_owned()]);
        assert!(!recorded.is_whole());
        assert!(line(&recorded).unwrap().len() < 200);
    }

    proptest! {
        /// Whatever a directory holds, the line is bounded.
        #[test]
        fn a_line_has_its_bound(values in proptest::collection::vec((any::<char>(), 0..5000_usize), 0..20)) {
            let mut person = person(Vec::new(), &[]);
            let values = values.iter().map(|(c, count)| c.to_string().repeat(*count));
            person.attributes.insert("room".to_owned(), values.collect());
            let recorded = RecordedPerson::new(&person, &["room".to_owned()]);
            prop_assert!(line(&recorded).unwrap().len() <= BYTES_MAX + 200);
        }
    }
}
