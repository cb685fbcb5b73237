//! Which rules can match at all, found by the person's name, groups, attributes and client instead of by
//! trying every rule.

use std::collections::{BTreeMap, HashMap};

use super::subject::Subject;
use super::{Glob, GroupPattern, Rule};
use crate::model::Network;

/// The rules, each filed under one condition that must hold for it to match: the users it names, or else the
/// groups, or else the values of an attribute, or else the networks. A rule without such a condition
/// (`everyone`, a user pattern with `*`) is always tried.
#[derive(Debug, Default)]
pub(super) struct Index {
    by_user: HashMap<String, Vec<usize>>,
    by_group_name: HashMap<String, Vec<usize>>,
    /// Patterns for group names, under what such a name begins with; it may be nothing.
    by_group_prefix: BTreeMap<String, Vec<usize>>,
    by_group_dn: HashMap<String, Vec<usize>>,
    /// By the attribute's name, then by the value in lower case.
    by_attribute: HashMap<String, HashMap<String, Vec<usize>>>,
    by_network: HashMap<Network, Vec<usize>>,
    always: Vec<usize>,
}

impl Index {
    /// Files each rule under its position.
    pub(super) fn new<'a>(rules: impl Iterator<Item = &'a Rule>) -> Self {
        let mut index = Self::default();
        for (at, rule) in rules.enumerate() {
            if let Some(users) = all_exact(&rule.users) {
                for user in users {
                    index.by_user.entry(user.to_owned()).or_default().push(at);
                }
            } else if !rule.groups.is_empty() {
                for group in &rule.groups {
                    index.file_under_group(group, at);
                }
            } else if let Some(group) = rule.all_groups.first() {
                index.file_under_group(group, at);
            } else if let Some((attribute, values)) = exact_attribute(rule) {
                let by_value = index.by_attribute.entry(attribute.to_owned()).or_default();
                for value in values {
                    by_value.entry(value.to_owned()).or_default().push(at);
                }
            } else if !rule.clients.is_empty() {
                for network in &rule.clients {
                    index.by_network.entry(*network).or_default().push(at);
                }
            } else {
                index.always.push(at);
            }
        }
        index
    }

    fn file_under_group(&mut self, group: &GroupPattern, at: usize) {
        let rules = match group {
            GroupPattern::Dn(dn) => self.by_group_dn.entry(dn.normal().to_owned()),
            GroupPattern::Name(glob) => match glob.exact() {
                Some(name) => self.by_group_name.entry(name.to_owned()),
                None => {
                    let prefix = glob.prefix().to_owned();
                    self.by_group_prefix.entry(prefix).or_default().push(at);
                    return;
                }
            },
        };
        rules.or_default().push(at);
    }

    /// The positions of the rules that may match, in ascending order; no other rule does.
    pub(super) fn candidates(&self, subject: &Subject<'_>) -> Vec<usize> {
        let mut found = self.always.clone();
        found.extend(self.by_user.get(subject.user()).into_iter().flatten());
        for name in subject.group_names() {
            found.extend(self.by_group_name.get(name).into_iter().flatten());
        }
        for dn in subject.group_dns() {
            found.extend(self.by_group_dn.get(dn).into_iter().flatten());
        }
        self.by_beginnings(subject, &mut found);
        for (attribute, by_value) in &self.by_attribute {
            for value in subject.attribute(attribute) {
                let folded = value.trim().to_lowercase();
                found.extend(by_value.get(&folded).into_iter().flatten());
            }
        }
        self.by_client(subject, &mut found);
        found.sort_unstable();
        found.dedup();
        found
    }

    /// Names and beginnings are both in order, so one walk over both finds every beginning that some name
    /// has: the first name that is not before it.
    fn by_beginnings(&self, subject: &Subject<'_>, found: &mut Vec<usize>) {
        let mut names = subject.group_names().peekable();
        for (prefix, rules) in &self.by_group_prefix {
            while names.next_if(|name| *name < prefix.as_str()).is_some() {}
            match names.peek() {
                Some(name) if name.starts_with(prefix.as_str()) => found.extend(rules),
                Some(_) => {}
                None => break,
            }
        }
    }

    /// A client whose address nobody knows may be in any network, since a deny rule counts it as there.
    fn by_client(&self, subject: &Subject<'_>, found: &mut Vec<usize>) {
        match subject.context.client {
            _ if self.by_network.is_empty() => {}
            Some(address) => {
                for network in address.networks() {
                    found.extend(self.by_network.get(&network).into_iter().flatten());
                }
            }
            None => found.extend(self.by_network.values().flatten()),
        }
    }
}

/// The first attribute of a rule of which only certain values will do, and those values.
fn exact_attribute(rule: &Rule) -> Option<(&str, Vec<&str>)> {
    rule.attributes
        .iter()
        .find_map(|attribute| Some((attribute.name(), all_exact(attribute.values())?)))
}

/// The names that these patterns stand for, if there are any and each stands for one.
fn all_exact(globs: &[Glob]) -> Option<Vec<&str>> {
    let names: Vec<_> = globs.iter().map(Glob::exact).collect::<Option<_>>()?;
    (!names.is_empty()).then_some(names)
}

#[cfg(test)]
mod tests {
    use super::super::sample::{attribute, from, globs, group, groups, person, rule};
    use super::*;

    #[test]
    fn only_rules_that_name_the_person_are_tried() {
        let rules = [
            Rule {
                groups: groups(&["staff"]),
                ..rule("0", &["*"])
            },
            Rule {
                groups: groups(&["students", "lab-*"]),
                ..rule("1", &["*"])
            },
            Rule {
                groups: groups(&["cn=staff,ou=groups,dc=x"]),
                ..rule("2", &["*"])
            },
            Rule {
                groups: groups(&["cn=staff,ou=other,dc=x", "la?"]),
                ..rule("3", &["*"])
            },
            Rule {
                users: globs(&["ALICE", "bob"]),
                ..rule("4", &["*"])
            },
            Rule {
                users: globs(&["carol"]),
                groups: groups(&["staff"]),
                ..rule("5", &["*"])
            },
            Rule {
                clients: vec!["10.0.0.0/8".parse().unwrap()],
                ..rule("6", &["*"])
            },
            Rule {
                clients: vec!["192.0.2.0/24".parse().unwrap()],
                ..rule("7", &["*"])
            },
            Rule {
                everyone: true,
                ..rule("8", &["*"])
            },
            Rule {
                all_groups: groups(&["la?", "staff"]),
                ..rule("9", &["*"])
            },
        ];
        let index = Index::new(rules.iter());
        let tried = |groups| index.candidates(&Subject::new(&person("alice", groups), from("10.1.2.3")));
        assert_eq!(tried(vec![]), [4, 6, 8]);
        assert_eq!(tried(vec![group("Staff", &[])]), [0, 2, 4, 6, 8]);
        assert_eq!(tried(vec![group("lab-1", &[])]), [1, 3, 4, 6, 8, 9]);
        assert_eq!(tried(vec![group("la", &[])]), [3, 4, 6, 8, 9]);
    }

    #[test]
    fn rules_about_values_of_attributes_are_found_by_them() {
        let with = |values: &[&str], more| Rule {
            attributes: vec![attribute("Title", &["*"]), attribute("departmentNumber", values)],
            ..more
        };
        let rules = [
            with(&["42"], rule("0", &["*"])),
            with(&["43", "Ab"], rule("1", &["*"])),
            with(&["4*"], rule("2", &["*"])),
        ];
        let index = Index::new(rules.iter());
        let tried = |value: &str| {
            let mut alice = person("alice", Vec::new());
            let values = vec!["7".to_owned(), value.to_owned()];
            alice.attributes.insert("departmentnumber".to_owned(), values);
            index.candidates(&Subject::new(&alice, from("10.1.2.3")))
        };
        assert_eq!(tried("42"), [0, 2]);
        assert_eq!(tried(" aB"), [1, 2]);
        assert_eq!(tried("44"), [2]);
    }
}
