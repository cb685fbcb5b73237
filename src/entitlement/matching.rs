//! Whether a rule matches: the one place that decides it, for lists, selections and explanations alike.
//!
//! Where something is not known for sure (a group name that two groups share, a client whose address nobody
//! knows, an unknown time), a condition takes the side that gives less: it keeps an allow rule from matching and lets a deny
//! rule match.

use super::subject::{Names, Subject};
use super::{AttributeCondition, Glob, GroupPattern, Hours, Rule};
use crate::model::{Membership, Network};

/// Why a rule matches: for each condition that it has, what met it.
#[derive(Debug, Default)]
pub(super) struct Match<'a> {
    pub(super) group: Option<InGroup<'a>>,
    /// One for each of `all_groups`.
    pub(super) all_groups: Vec<InGroup<'a>>,
    pub(super) user: Option<&'a Glob>,
    /// One for each condition on an attribute, with the value that meets it.
    pub(super) attributes: Vec<(&'a AttributeCondition, &'a str)>,
    pub(super) client: Option<FromClient>,
    pub(super) hours: Option<During<'a>>,
}

/// A pattern for groups and the membership it stands for here.
#[derive(Debug, Clone, Copy)]
pub(super) struct InGroup<'a> {
    pub(super) pattern: &'a GroupPattern,
    pub(super) membership: &'a Membership,
}

/// How a client came to count as being in one of the networks of a rule.
#[derive(Debug, Clone, Copy)]
pub(super) enum FromClient {
    /// It is in this one.
    In(Network),
    /// Nobody knows where it is, and this rule counts that as being there.
    Unknown,
}

/// How a moment came to count as being in the hours of a rule.
#[derive(Debug, Clone, Copy)]
pub(super) enum During<'a> {
    /// It is in these.
    In(&'a Hours),
    /// Nobody knows when it is, and this rule counts that as being in them.
    Unknown,
}

/// The first condition of a rule that does not hold.
#[derive(Debug, Clone, Copy)]
pub(super) enum Mismatch<'a> {
    /// It has no condition and does not say `everyone`.
    NobodyNamed,
    /// In none of its groups; see [`shared_name`] for what may look like one.
    Groups,
    /// Not in this one of those in which the rule wants everybody to be.
    AllGroups(&'a GroupPattern),
    /// None of its users.
    Users,
    /// Without a value that this condition asks for.
    Attribute(&'a AttributeCondition),
    /// In none of its networks.
    Clients,
    /// It has networks, and nobody knows where the client is.
    ClientUnknown,
    /// In none of its hours.
    Hours,
    /// It has hours, and nobody knows when it is.
    TimeUnknown,
    /// In a group that it excepts.
    ExceptGroup(InGroup<'a>),
    /// A user that it excepts.
    ExceptUser(&'a Glob),
    /// In a network that it excepts.
    ExceptClient(FromClient),
}

/// What an uncertain answer counts as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doubt {
    Holds,
    DoesNotHold,
}

/// Tries the conditions of a rule: groups, users, attributes, clients, hours, then the exceptions.
///
/// # Errors
/// The first one that does not hold.
pub(super) fn examine<'a>(rule: &'a Rule, subject: &Subject<'a>) -> Result<Match<'a>, Mismatch<'a>> {
    let (condition, exception) = if rule.deny {
        (Doubt::Holds, Doubt::DoesNotHold)
    } else {
        (Doubt::DoesNotHold, Doubt::Holds)
    };
    let found = conditions(rule, subject, condition)?;
    exceptions(rule, subject, exception)?;
    Ok(found)
}

/// The membership that one of these patterns means by its name, and which does not count because another group
/// of the source has that name too.
pub(super) fn shared_name<'a>(patterns: &'a [GroupPattern], subject: &Subject<'a>) -> Option<InGroup<'a>> {
    in_groups(patterns, subject, Doubt::Holds).filter(|group| !group.membership.unique)
}

fn conditions<'a>(rule: &'a Rule, subject: &Subject<'a>, doubt: Doubt) -> Result<Match<'a>, Mismatch<'a>> {
    let mut found = Match::default();
    if !rule.names_somebody() {
        return Err(Mismatch::NobodyNamed);
    }
    if !rule.groups.is_empty() {
        found.group = in_groups(&rule.groups, subject, doubt);
        if found.group.is_none() {
            return Err(Mismatch::Groups);
        }
    }
    for pattern in &rule.all_groups {
        let group = in_groups(std::slice::from_ref(pattern), subject, doubt);
        found.all_groups.push(group.ok_or(Mismatch::AllGroups(pattern))?);
    }
    if !rule.users.is_empty() {
        found.user = among_users(&rule.users, subject);
        if found.user.is_none() {
            return Err(Mismatch::Users);
        }
    }
    for attribute in &rule.attributes {
        let value = attribute.met_by(subject.attribute(attribute.name()));
        found
            .attributes
            .push((attribute, value.ok_or(Mismatch::Attribute(attribute))?));
    }
    if !rule.clients.is_empty() {
        found.client = from_clients(&rule.clients, subject, doubt);
        if found.client.is_none() {
            return Err(match subject.context.client {
                Some(_) => Mismatch::Clients,
                None => Mismatch::ClientUnknown,
            });
        }
    }
    if !rule.hours.is_empty() {
        found.hours = during(&rule.hours, subject, doubt);
        if found.hours.is_none() {
            return Err(match subject.context.now {
                Some(_) => Mismatch::Hours,
                None => Mismatch::TimeUnknown,
            });
        }
    }
    Ok(found)
}

fn exceptions<'a>(rule: &'a Rule, subject: &Subject<'a>, doubt: Doubt) -> Result<(), Mismatch<'a>> {
    if let Some(group) = in_groups(&rule.except_groups, subject, doubt) {
        return Err(Mismatch::ExceptGroup(group));
    }
    if let Some(user) = among_users(&rule.except_users, subject) {
        return Err(Mismatch::ExceptUser(user));
    }
    if let Some(client) = from_clients(&rule.except_clients, subject, doubt) {
        return Err(Mismatch::ExceptClient(client));
    }
    Ok(())
}

fn in_groups<'a>(patterns: &'a [GroupPattern], subject: &Subject<'a>, doubt: Doubt) -> Option<InGroup<'a>> {
    let names = match doubt {
        Doubt::Holds => Names::Any,
        Doubt::DoesNotHold => Names::Unique,
    };
    patterns.iter().find_map(|pattern| {
        let membership = subject.in_group(pattern, names)?;
        Some(InGroup { pattern, membership })
    })
}

fn among_users<'a>(users: &'a [Glob], subject: &Subject<'_>) -> Option<&'a Glob> {
    users.iter().find(|glob| glob.matches(subject.user()))
}

fn from_clients(networks: &[Network], subject: &Subject<'_>, doubt: Doubt) -> Option<FromClient> {
    match subject.context.client {
        Some(address) => networks
            .iter()
            .find(|network| network.contains(address))
            .map(|network| FromClient::In(*network)),
        None => (!networks.is_empty() && doubt == Doubt::Holds).then_some(FromClient::Unknown),
    }
}

fn during<'a>(hours: &'a [Hours], subject: &Subject<'_>, doubt: Doubt) -> Option<During<'a>> {
    match subject.context.now {
        Some(now) => hours.iter().find(|hours| hours.contains(now)).map(During::In),
        None => (doubt == Doubt::Holds).then_some(During::Unknown),
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::{at, attribute, from, globs, group, groups, hours, person, rule};
    use super::super::{Context, Rule};
    use super::*;
    use crate::model::Person;

    fn matches(rule: &Rule, person: &Person, context: Context) -> bool {
        examine(rule, &Subject::new(person, context)).is_ok()
    }

    fn networks(texts: &[&str]) -> Vec<Network> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    /// The rule as an allow rule and as a deny rule.
    fn allow_and_deny(rule: Rule, person: &Person, context: Context) -> (bool, bool) {
        let allowed = matches(&rule, person, context);
        let deny = Rule { deny: true, ..rule };
        (allowed, matches(&deny, person, context))
    }

    #[test]
    fn all_conditions_must_hold_and_each_by_any_of_its_items() {
        let rule = Rule {
            groups: groups(&["nobody", "staff"]),
            users: globs(&["bob", "ALI*"]),
            clients: networks(&["192.0.2.0/24", "10.0.0.0/8"]),
            ..rule("r", &["*"])
        };
        let staff = || vec![group("Staff", &[])];
        assert!(matches(&rule, &person("Alice", staff()), from("10.1.1.1")));
        assert!(!matches(&rule, &person("Alice", vec![]), from("10.1.1.1")));
        assert!(!matches(&rule, &person("Carol", staff()), from("10.1.1.1")));
        assert!(!matches(&rule, &person("Alice", staff()), from("198.51.100.1")));
        assert!(matches(&rule, &person("Alice", staff()), from("::ffff:10.1.1.1")));
    }

    #[test]
    fn all_groups_are_all_of_them() {
        let both = Rule {
            all_groups: groups(&["staff", "lab-*"]),
            ..rule("r", &["*"])
        };
        let with = |names: &[&str]| person("alice", names.iter().map(|name| group(name, &[])).collect());
        let here = from("10.0.0.1");
        assert_eq!(
            allow_and_deny(both.clone(), &with(&["lab-1", "Staff"]), here),
            (true, true)
        );
        for names in [&["staff"][..], &["lab-1", "lab-2"], &[]] {
            assert_eq!(
                allow_and_deny(both.clone(), &with(names), here),
                (false, false),
                "{names:?}"
            );
        }
        let mut shared = group("lab-1", &[]);
        shared.unique = false;
        let alice = person("alice", vec![group("staff", &[]), shared]);
        assert_eq!(allow_and_deny(both, &alice, here), (false, true));
    }

    #[test]
    fn attributes_must_all_have_a_value_that_is_asked_for() {
        let professors = Rule {
            attributes: vec![
                attribute("departmentNumber", &["42", "43"]),
                attribute("Title", &["*"]),
            ],
            ..rule("r", &["*"])
        };
        let mut alice = person("alice", vec![]);
        let here = from("10.0.0.1");
        assert_eq!(allow_and_deny(professors.clone(), &alice, here), (false, false));
        alice
            .attributes
            .insert("departmentnumber".to_owned(), vec!["43".to_owned()]);
        assert_eq!(allow_and_deny(professors.clone(), &alice, here), (false, false));
        alice
            .attributes
            .insert("title".to_owned(), vec!["Dr.".to_owned()]);
        assert_eq!(allow_and_deny(professors, &alice, here), (true, true));
    }

    #[test]
    fn hours_are_a_condition_and_name_nobody() {
        let alice = person("alice", vec![]);
        let office = Rule {
            everyone: true,
            hours: vec![hours("Mon-Fri 07:00-12:00 UTC"), hours("Mon-Fri 13:00-20:00 UTC")],
            ..rule("r", &["*"])
        };
        let (morning, noon) = (
            at("2026-03-02T09:00:00Z", from("10.0.0.1")),
            at("2026-03-02T12:00:00Z", from("10.0.0.1")),
        );
        assert_eq!(allow_and_deny(office.clone(), &alice, morning), (true, true));
        assert_eq!(allow_and_deny(office.clone(), &alice, noon), (false, false));
        assert_eq!(
            allow_and_deny(office.clone(), &alice, from("10.0.0.1")),
            (false, true)
        );
        let nobody = Rule {
            everyone: false,
            ..office
        };
        assert_eq!(allow_and_deny(nobody, &alice, morning), (false, false));
    }

    #[test]
    fn a_rule_without_conditions_matches_nobody_unless_it_says_everyone() {
        let alice = person("alice", vec![group("staff", &[])]);
        let nobody = rule("r", &["*"]);
        assert_eq!(
            allow_and_deny(nobody.clone(), &alice, from("10.0.0.1")),
            (false, false)
        );
        let everyone = Rule {
            everyone: true,
            ..nobody
        };
        assert_eq!(allow_and_deny(everyone, &alice, from("10.0.0.1")), (true, true));
    }

    #[test]
    fn exceptions_keep_their_rule_from_matching() {
        let alice = person("alice", vec![group("staff", &[])]);
        let everyone = Rule {
            everyone: true,
            ..rule("r", &["*"])
        };
        for excepting in [
            Rule {
                except_groups: groups(&["st*"]),
                ..everyone.clone()
            },
            Rule {
                except_users: globs(&["ALICE"]),
                ..everyone.clone()
            },
            Rule {
                except_clients: networks(&["10.0.0.0/8"]),
                ..everyone
            },
        ] {
            assert_eq!(
                allow_and_deny(excepting, &alice, from("10.0.0.1")),
                (false, false)
            );
        }
    }

    #[test]
    fn a_shared_group_name_gives_nothing_and_denies() {
        let mut shared = group("staff", &[]);
        shared.unique = false;
        let alice = person("alice", vec![shared]);
        let named = Rule {
            groups: groups(&["staff"]),
            ..rule("r", &["*"])
        };
        assert_eq!(allow_and_deny(named, &alice, from("10.0.0.1")), (false, true));
        let except_named = Rule {
            everyone: true,
            except_groups: groups(&["st*"]),
            ..rule("r", &["*"])
        };
        assert_eq!(
            allow_and_deny(except_named, &alice, from("10.0.0.1")),
            (false, true)
        );
        let by_entry = Rule {
            groups: groups(&["CN=Staff,ou=groups,dc=x"]),
            ..rule("r", &["*"])
        };
        assert_eq!(allow_and_deny(by_entry, &alice, from("10.0.0.1")), (true, true));
    }

    #[test]
    fn of_two_groups_with_one_name_only_the_one_meant_counts() {
        let mut other = group("staff", &[]);
        other.dn = Some(crate::model::Dn::new("cn=staff,ou=other,dc=x").unwrap());
        let alice = person("alice", vec![other]);
        let by_entry = Rule {
            groups: groups(&["cn=staff,ou=groups,dc=x"]),
            ..rule("r", &["*"])
        };
        assert!(!matches(&by_entry, &alice, from("10.0.0.1")));
    }

    #[test]
    fn an_unknown_client_gives_nothing_and_is_denied() {
        let alice = person("alice", vec![]);
        let unknown = Context::default();
        let at_place = Rule {
            clients: networks(&["10.0.0.0/8"]),
            ..rule("r", &["*"])
        };
        assert_eq!(allow_and_deny(at_place, &alice, unknown), (false, true));
        let not_at_place = Rule {
            everyone: true,
            except_clients: networks(&["10.0.0.0/8"]),
            ..rule("r", &["*"])
        };
        assert_eq!(allow_and_deny(not_at_place, &alice, unknown), (false, true));
    }
}
