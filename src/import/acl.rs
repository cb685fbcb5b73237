//! Who may have a profile: the `acl-` keys of x2gobroker as rules of `conf.d`.
//!
//! x2gobroker 0.0.4.3 decides so (`check_profile_acls`). Each of the three kinds has a list that allows, a list
//! that denies and an order. In the order `allow-deny`, who is in the first list is granted and the second one
//! matters only to the others; in every other order, who is in the second list is refused and the first one
//! matters only to the others. Who is in neither list is left open. Then
//!
//! 1. if there are lists of clients, the client must be granted;
//! 2. if there are no lists of users and groups, that is enough;
//! 3. who is granted as a user has the profile;
//! 4. who is granted by a group and not refused as a user has it, too; and nobody else.
//!
//! With `ua` and `ud` for being in the lists of users, `ga` and `gd` for those of groups, steps 3 and 4 are
//!
//! ```text
//! deny-allow   (ua and not ud) or (ga and not gd and not ud)
//! allow-deny    ua             or (ga            and not ud)
//! ```
//! (In the order `allow-deny` only who is in `ud` *and not* in `ua` is refused, but who is in `ua` has the profile
//! by the first half.) Each half is one allow rule: a list that allows is its condition, a list that denies its
//! exception. `ALL` makes the condition `everyone`, and as an exception it leaves no rule.

use super::file::File;
use super::ini::Section;
use super::network::network;
use super::note::Notes;
use super::typed;
use crate::model::{GroupName, Network, UserName};

/// The entry that stands for everybody, every group, every address.
const ALL: &str = "ALL";
/// The order in which allowing comes first.
const ALLOW_FIRST: &str = "allow-deny";

/// The conditions of an allow rule.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Conditions {
    pub(super) groups: Vec<String>,
    pub(super) users: Vec<String>,
    pub(super) clients: Vec<Network>,
    pub(super) except_groups: Vec<String>,
    pub(super) except_users: Vec<String>,
    pub(super) except_clients: Vec<Network>,
}

impl Conditions {
    /// Whether nothing says whom the rule is for.
    pub(super) fn is_for_everyone(&self) -> bool {
        self.groups.is_empty() && self.users.is_empty() && self.clients.is_empty()
    }
}

/// Who may have a profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Access {
    /// Whoever one of these lets in.
    Allowed(Vec<Conditions>),
    /// Nobody.
    Nobody {
        why: &'static str,
        /// Who it would be if all lists were read in the order `allow-deny`, if that is anybody.
        meant: Vec<Conditions>,
    },
}

/// One of the lists.
#[derive(Debug)]
struct List<T> {
    /// Whether it counts as being there at all.
    used: bool,
    all: bool,
    items: Vec<T>,
    line: Option<usize>,
}

/// The two lists of a kind.
#[derive(Debug)]
struct Lists<T> {
    allow: List<T>,
    deny: List<T>,
    allow_first: bool,
}

/// Somebody granted: everybody or those in a list, but for some.
struct Granted<T> {
    /// None stands for everybody.
    some: Option<Vec<T>>,
    except: Vec<T>,
}

impl<T: Clone> Lists<T> {
    fn used(&self) -> bool {
        self.allow.used || self.deny.used
    }

    /// Who is granted; none if nobody is.
    fn granted(&self) -> Option<Granted<T>> {
        let some = (!self.allow.all).then(|| self.allow.items.clone());
        if some.as_ref().is_some_and(Vec::is_empty) || (!self.allow_first && self.deny.all) {
            return None;
        }
        let except = if self.allow_first {
            Vec::new()
        } else {
            self.deny.items.clone()
        };
        Some(Granted { some, except })
    }
}

/// All lists of a profile.
#[derive(Debug)]
struct Acl {
    clients: Lists<Network>,
    users: Lists<String>,
    groups: Lists<String>,
}

/// The two halves of the decision.
#[derive(Debug)]
struct Halves {
    by_user: Option<Conditions>,
    by_group: Option<Conditions>,
}

/// Translates the `acl-` keys of a profile.
pub(super) fn read(file: &File, section: &Section, notes: &mut Notes) -> Access {
    let reader = Reader { file, section };
    let mut acl = Acl {
        clients: reader.clients(notes),
        users: reader.names("users", is_user, notes),
        groups: reader.names("groups", is_group, notes),
    };
    reader.note_orders(notes, &acl);
    match acl.decide() {
        Ok(halves) => {
            reader.note_idle_lists(notes, &acl, &halves);
            Access::Allowed(halves.into_rules())
        }
        Err(why) => {
            acl.clients.allow_first = true;
            acl.users.allow_first = true;
            acl.groups.allow_first = true;
            Access::Nobody {
                why,
                meant: acl.decide().map(Halves::into_rules).unwrap_or_default(),
            }
        }
    }
}

impl Halves {
    fn into_rules(self) -> Vec<Conditions> {
        self.by_user.into_iter().chain(self.by_group).collect()
    }
}

impl Acl {
    /// Who has the profile.
    ///
    /// # Errors
    /// Why nobody has it.
    fn decide(&self) -> Result<Halves, &'static str> {
        let mut base = Conditions::default();
        if self.clients.used() {
            let granted = self.clients.granted().ok_or_else(|| self.why_no_client())?;
            base.clients = granted.some.unwrap_or_default();
            base.except_clients = granted.except;
        }
        if !self.users.used() && !self.groups.used() {
            return Ok(Halves {
                by_user: Some(base),
                by_group: None,
            });
        }
        let by_user = self.users.granted().map(|granted| Conditions {
            users: granted.some.unwrap_or_default(),
            except_users: granted.except,
            ..base.clone()
        });
        // Whoever the groups let in is among everybody.
        let everybody = by_user.is_some() && self.users.allow.all;
        let by_group = self
            .groups
            .granted()
            .filter(|_| !self.users.deny.all && !everybody);
        let by_group = by_group.map(|granted| Conditions {
            groups: granted.some.unwrap_or_default(),
            except_groups: granted.except,
            except_users: self.users.deny.items.clone(),
            ..base
        });
        if by_user.is_none() && by_group.is_none() {
            return Err(self.why_nobody());
        }
        Ok(Halves { by_user, by_group })
    }

    fn why_no_client(&self) -> &'static str {
        if !self.clients.allow_first && self.clients.deny.all {
            "acl-clients-deny has ALL and counts first"
        } else {
            "acl-clients-allow names no address, and without it no client is let in"
        }
    }

    fn why_nobody(&self) -> &'static str {
        if !self.users.allow_first && self.users.deny.all {
            "acl-users-deny has ALL and counts first"
        } else if !self.groups.allow_first && self.groups.deny.all {
            "acl-groups-deny has ALL and counts first"
        } else if self.users.deny.all {
            "acl-users-deny has ALL, and acl-users-allow names nobody"
        } else {
            "neither acl-users-allow nor acl-groups-allow names anybody"
        }
    }
}

/// Whether a user can have this name, and a rule can mean this one user by it.
fn is_user(name: &str) -> bool {
    UserName::new(name).is_ok() && !name.contains(['*', '?'])
}

/// Whether a group can have this name, and a rule can mean this one group by it.
fn is_group(name: &str) -> bool {
    GroupName::new(name).is_ok() && name.trim() == name && !name.contains(['*', '?', '='])
}

/// The `acl-` keys of one profile.
struct Reader<'a> {
    file: &'a File,
    section: &'a Section,
}

impl Reader<'_> {
    /// The items of a list and where it stands. One empty item is the same as no list.
    fn items(&self, key: &str) -> (Vec<String>, Option<usize>) {
        let Some(entry) = self.file.find(self.section, key) else {
            return (Vec::new(), None);
        };
        let items = typed::list(&entry.value).unwrap_or_default();
        let nothing = matches!(items.as_slice(), [item] if item.is_empty());
        (if nothing { Vec::new() } else { items }, Some(entry.line))
    }

    fn allow_first(&self, kind: &str) -> bool {
        let order = self.file.find(self.section, &format!("acl-{kind}-order"));
        order.is_some_and(|order| order.value == ALLOW_FIRST)
    }

    fn names(&self, kind: &str, legal: fn(&str) -> bool, notes: &mut Notes) -> Lists<String> {
        let mut list = |verb: &str| {
            let (items, line) = self.items(&format!("acl-{kind}-{verb}"));
            let mut list = List {
                used: !items.is_empty(),
                all: items.iter().any(|item| item == ALL),
                items: Vec::new(),
                line,
            };
            for item in items {
                if item.is_empty() || item == ALL || list.items.contains(&item) {
                    continue;
                }
                if legal(&item) {
                    list.items.push(item);
                } else {
                    let message = format!(
                        "`{item}` was left out: x2gobroker takes it for one name, which it cannot be; a rule \
                         takes `*` and `?` for any characters, and a text with `=` for a group's entry"
                    );
                    self.file.remark(notes, line, message);
                }
            }
            list
        };
        Lists {
            allow: list("allow"),
            deny: list("deny"),
            allow_first: self.allow_first(kind),
        }
    }

    /// The lists of networks. One item that is none makes x2gobroker give up: what it read by then counts.
    fn clients(&self, notes: &mut Notes) -> Lists<Network> {
        let mut readable = true;
        let mut list = |verb: &str| {
            let (items, line) = self.items(&format!("acl-clients-{verb}"));
            let networks = items.iter().filter(|item| *item != ALL);
            let networks: Option<Vec<Network>> = networks.map(|item| network(item)).collect();
            if networks.is_none() {
                let bad = items.iter().find(|item| *item != ALL && network(item).is_none());
                let message = format!(
                    "x2gobroker can read no list with `{}` in it, and goes on as if {} were empty; write \
                     addresses and networks, like 10.1.0.0/16",
                    bad.map_or("", String::as_str),
                    if verb == "allow" {
                        "both lists of clients"
                    } else {
                        "this list"
                    },
                );
                self.file.remark(notes, line, message);
            }
            readable &= networks.is_some();
            let mut distinct = Vec::new();
            for network in networks.filter(|_| readable).unwrap_or_default() {
                if !distinct.contains(&network) {
                    distinct.push(network);
                }
            }
            List {
                used: !items.is_empty(),
                all: readable && items.iter().any(|item| item == ALL),
                items: distinct,
                line,
            }
        };
        Lists {
            allow: list("allow"),
            deny: list("deny"),
            allow_first: self.allow_first("clients"),
        }
    }

    /// Notes the lists that are in no rule because they change nothing for anybody.
    fn note_idle_lists(&self, notes: &mut Notes, acl: &Acl, halves: &Halves) {
        let no_group_rule = halves.by_group.is_none();
        let idle = |used: bool, line: Option<usize>| used.then_some(line);
        let lists = [
            idle(
                acl.clients.deny.used && acl.clients.allow_first,
                acl.clients.deny.line,
            ),
            idle(
                acl.users.deny.used && acl.users.allow_first && no_group_rule,
                acl.users.deny.line,
            ),
            idle(acl.groups.allow.used && no_group_rule, acl.groups.allow.line),
            idle(
                acl.groups.deny.used && (acl.groups.allow_first || no_group_rule),
                acl.groups.deny.line,
            ),
        ];
        for line in lists.into_iter().flatten() {
            let message = format!(
                "for [{}] this list changes nothing for anybody in x2gobroker, so no rule has it",
                self.section.name
            );
            self.file.remark(notes, line, message);
        }
    }

    /// Notes the orders that decide nothing.
    fn note_orders(&self, notes: &mut Notes, acl: &Acl) {
        let any_order = self.file.find(self.section, "acl-any-order");
        if let Some(entry) = any_order.filter(|entry| entry.value == ALLOW_FIRST) {
            let message = "`acl-any-order` decides nothing in x2gobroker 0.0.4.3: a kind of list without an order of \
                           its own is read as deny-allow, and so are the rules";
            notes.add(self.file.note(entry.line, message));
        }
        for (kind, used) in [
            ("clients", acl.clients.used()),
            ("users", acl.users.used()),
            ("groups", acl.groups.used()),
        ] {
            let key = format!("acl-{kind}-order");
            let entry = self.file.find(self.section, &key);
            if let Some(entry) = entry.filter(|entry| !used && entry.value == ALLOW_FIRST) {
                let message = format!(
                    "`{key}` decides nothing for [{}]: it has no lists of {kind}",
                    self.section.name
                );
                notes.add(self.file.note(entry.line, message));
            }
        }
    }
}
