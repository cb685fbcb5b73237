//! How the entry of a user is asked for, and what becomes of the answer. Pure.

use ldap3::dn_escape;

use crate::model::{Attributes, Dn, Now, TypedName, UserName};

use super::entry::{Entry, Key, Unavailable};
use super::request::NO_ATTRIBUTES;
use super::search::{Answer, Extent, Found, Query};
use super::settings::{Schema, Settings, UserLookup};
use super::{account, active_directory, filter};

/// The words that stand for the name in a DN template.
const PLACEHOLDER: &str = "{user}";
/// What the search for all users is for, in messages.
pub(super) const EVERYBODY: &str = "search for all users";
/// Attributes that later steps use, whatever the configuration asks for (RFC 2307).
const POSIX: &[&str] = &["uidnumber", "gidnumber", "homedirectory"];
/// The same in a domain, where `homeDirectory` is one for Windows and no number names the primary group.
const DOMAIN: &[&str] = &["uidnumber", "unixhomedirectory"];
/// The name with an `@` by which somebody may log in to a domain, too (\[MS-ADTS\] 5.1.1.1.1).
const PRINCIPAL_NAME: &str = "userPrincipalName";
/// What [`Users::any_query`] is for.
const NAME_SEARCH: &str = "search for a name";
/// Result codes of RFC 4511 appendix A.
const SIZE_LIMIT_EXCEEDED: u32 = 4;
const NO_SUCH_OBJECT: u32 = 32;
const INVALID_DN: u32 = 34;

/// Knows how to ask for users.
pub(super) struct Users {
    schema: Schema,
    lookup: UserLookup,
    base: Dn,
    name_attribute: String,
    attributes: Vec<String>,
}

impl Users {
    /// Prepares the lookup.
    pub fn new(settings: &Settings) -> Self {
        let name_attribute = settings.user_attribute.to_lowercase();
        let mut needed = match settings.schema {
            Schema::Rfc2307 | Schema::Rfc2307bis => [POSIX, account::ATTRIBUTES].concat(),
            Schema::ActiveDirectory => [
                DOMAIN,
                active_directory::account::ATTRIBUTES,
                active_directory::token_groups::USER_ATTRIBUTES,
            ]
            .concat(),
        };
        if settings.schema == Schema::ActiveDirectory && settings.nested_groups {
            needed.push(active_directory::token_groups::PATH_ATTRIBUTE);
        }
        let mut attributes: Vec<String> = needed
            .into_iter()
            .map(str::to_owned)
            .chain(settings.attributes.iter().map(|name| name.to_lowercase()))
            .chain([name_attribute.clone()])
            .collect();
        attributes.sort();
        attributes.dedup();
        Self {
            schema: settings.schema,
            lookup: settings.user_lookup.clone(),
            base: settings.base.clone(),
            name_attribute,
            attributes,
        }
    }

    /// The search for the user of that name.
    pub fn query(&self, name: &TypedName) -> Query {
        let (base, extent, filter) = match &self.lookup {
            UserLookup::Search { base, filter } => (
                base.as_str().to_owned(),
                Extent::One,
                filter::both(filter.as_str(), &self.called(name.as_str())),
            ),
            UserLookup::Template(template) => (
                fill(template, name.as_str()),
                Extent::Base,
                "(objectClass=*)".to_owned(),
            ),
        };
        Query {
            purpose: "user search",
            base,
            extent,
            filter,
            attributes: self.attributes.clone(),
            values: None,
        }
    }

    /// The search for anything of that name, by the attribute that names users or by the one that their DNs begin
    /// with.
    pub fn any_query(&self, name: &TypedName) -> Query {
        let named = self.called(name.as_str());
        let filter = match &self.lookup {
            UserLookup::Search { .. } => named,
            UserLookup::Template(template) => {
                let naming = template.split('=').next().unwrap_or_default().trim();
                filter::any_of(&[named, filter::equals(naming, name.as_str())])
            }
        };
        Query {
            purpose: NAME_SEARCH,
            base: self.base.as_str().to_owned(),
            extent: Extent::One,
            filter,
            attributes: vec![NO_ATTRIBUTES.to_owned()],
            values: None,
        }
    }

    /// Whether the answer to [`Users::any_query`] holds anything.
    pub fn is_any(&self, mut answer: Answer) -> Result<bool, Unavailable> {
        if self.schema == Schema::ActiveDirectory {
            answer.forget_other_partitions();
        }
        Ok(!answer.found.is_empty() || !answer.complete(NAME_SEARCH)?.is_empty())
    }

    /// What the entry of the user of that name satisfies.
    fn called(&self, name: &str) -> String {
        let by_name = filter::equals(&self.name_attribute, name);
        match self.schema {
            Schema::Rfc2307 | Schema::Rfc2307bis => by_name,
            Schema::ActiveDirectory => filter::any_of(&[by_name, filter::equals(PRINCIPAL_NAME, name)]),
        }
    }

    /// Whether a domain of Active Directory has them.
    pub fn are_of_a_domain(&self) -> bool {
        self.schema == Schema::ActiveDirectory
    }

    /// The search for all users.
    ///
    /// # Errors
    /// A DN template does not say where they all are.
    pub fn query_for_all(&self) -> Result<Query, Unavailable> {
        let (base, filter) = match &self.lookup {
            UserLookup::Search { base, filter } => (base.as_str(), filter.as_str()),
            UserLookup::Template(template) => {
                let base = base_of(template).ok_or_else(|| Unavailable {
                    cause: format!(
                        "{EVERYBODY}: user_dn_template names no one place below which they all are"
                    ),
                })?;
                (base, "(objectClass=*)")
            }
        };
        Ok(Query {
            purpose: EVERYBODY,
            base: base.to_owned(),
            extent: Extent::All,
            filter: filter::both(filter, &filter::present(&self.name_attribute)),
            attributes: self.attributes.clone(),
            values: None,
        })
    }

    /// The entries of a page that are users: those that a login would find by their names.
    ///
    /// # Errors
    /// An entry cannot be read.
    pub fn all_of(&self, server: &str, found: Vec<Found>, now: Now) -> Result<Vec<Entry>, Unavailable> {
        let mut users = Vec::new();
        for found in found {
            let entry = self.read(found, now).map_err(|why| Unavailable {
                cause: format!("{server}: {EVERYBODY}: {why}"),
            })?;
            users.extend(entry.filter(|entry| match &self.lookup {
                UserLookup::Search { .. } => true,
                UserLookup::Template(template) => {
                    Dn::new(&fill(template, entry.user.as_str())).is_ok_and(|dn| entry.key == Key::Dn(dn))
                }
            }));
        }
        Ok(users)
    }

    /// The DN of a user who cannot exist: 128 random bits as name.
    pub fn nobody(&self) -> String {
        let name = format!("{:032x}", rand::random::<u128>());
        match &self.lookup {
            UserLookup::Search { base, .. } => format!("cn={name},{base}"),
            UserLookup::Template(template) => fill(template, &name),
        }
    }

    /// The entry that the answer holds. None if there is none, or if there is no telling whose it is: several
    /// entries of that name, or an entry of several names without a canonical one. The admin is told.
    pub fn entry(&self, answer: Answer, now: Now) -> Result<Option<Entry>, Unavailable> {
        let template = matches!(self.lookup, UserLookup::Template(_));
        match answer.code {
            0 | SIZE_LIMIT_EXCEEDED => {}
            NO_SUCH_OBJECT | INVALID_DN if template => return Ok(None),
            _ => return Err(answer.incomplete("user search")),
        }
        let mut found = answer.found;
        let Some(first) = found.pop() else {
            return if answer.code == 0 {
                Ok(None)
            } else {
                Err(Unavailable {
                    cause: format!(
                        "{}: user search: size limit reached without an entry",
                        answer.server
                    ),
                })
            };
        };
        if let Some(second) = found.pop() {
            tracing::warn!(
                first = first.dn,
                second = second.dn,
                "two entries have the name that was typed; neither can log in: narrow user_base or user_filter"
            );
            return Ok(None);
        }
        self.read(first, now).map_err(|why| Unavailable {
            cause: format!("{}: user search: {why}", answer.server),
        })
    }

    fn read(&self, found: Found, now: Now) -> Result<Option<Entry>, String> {
        let dn = Dn::new(&found.dn).map_err(|invalid| invalid.to_string())?;
        let Some(user) = self.canonical(&found.attributes, &dn) else {
            tracing::warn!(
                entry = found.dn,
                attribute = self.name_attribute,
                "this entry has no usable name, or several of which none is in its DN; it cannot log in"
            );
            return Ok(None);
        };
        let attributes = found.attributes;
        let (state, password_changed, password_expires_in) = match self.schema {
            Schema::Rfc2307 | Schema::Rfc2307bis => (
                account::state(&attributes, now),
                account::password_changed(&attributes),
                None,
            ),
            Schema::ActiveDirectory => {
                use active_directory::account;
                let state = account::state(&attributes, now).map_err(|why| format!("{dn}: {why}"))?;
                let changed = account::password_changed(&attributes);
                (state, changed, account::password_expires_in(&attributes, now))
            }
        };
        Ok(Some(Entry {
            key: Key::Dn(dn),
            user,
            state,
            password_changed,
            password_expires_in,
            attributes,
        }))
    }

    /// The canonical name: the only value of the name attribute or, of several, the one in the DN. Never the one
    /// that was typed: one entry would be as many accounts as it has names, and a rule about one of them would
    /// not hold for the others.
    fn canonical(&self, attributes: &Attributes, dn: &Dn) -> Option<UserName> {
        let values = attributes.get(&self.name_attribute)?;
        let value = match values.as_slice() {
            [only] => only,
            several => {
                let naming = dn.leaf_value_of(&self.name_attribute)?;
                several.iter().find(|value| value.to_lowercase() == naming)?
            }
        };
        UserName::new(value).ok()
    }
}

/// The template with the name as one value of a DN (RFC 4514 section 2.4).
fn fill(template: &str, name: &str) -> String {
    template.replace(PLACEHOLDER, &dn_escape(name))
}

/// What stands behind the name and the rest of its RDN.
fn base_of(template: &str) -> Option<&str> {
    let (before, after) = template.split_once(PLACEHOLDER)?;
    let (_, base) = after.split_once(',')?;
    (!before.contains(',') && !base.contains(PLACEHOLDER)).then_some(base)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::directory::settings::{Filter, Schema};

    fn settings(lookup: UserLookup) -> Settings {
        Settings {
            servers: Vec::new(),
            ca_file: None,
            service: None,
            schema: Schema::Rfc2307,
            nested_groups: false,
            user_lookup: lookup,
            user_attribute: "uid".into(),
            base: Dn::new("dc=x").unwrap(),
            group_base: Dn::new("dc=x").unwrap(),
            group_filter: Filter::new("(cn=*)").unwrap(),
            sync: false,
            attributes: vec!["departmentNumber".into()],
            connect_timeout: Duration::from_secs(1),
            operation_timeout: Duration::from_secs(1),
            search_connections: 1,
            bind_connections: 1,
        }
    }

    fn users(lookup: UserLookup) -> Users {
        Users::new(&settings(lookup))
    }

    fn people() -> UserLookup {
        UserLookup::Search {
            base: Dn::new("ou=people,dc=x").unwrap(),
            filter: Filter::new("(objectClass=person)").unwrap(),
        }
    }

    fn searched() -> Users {
        users(people())
    }

    fn typed(name: &str) -> TypedName {
        TypedName::new(name).unwrap()
    }

    fn answer(code: u32, entries: &[(&str, &[&str])]) -> Answer {
        let found = entries.iter().map(|(dn, names)| Found {
            dn: (*dn).to_owned(),
            attributes: [(
                "uid".to_owned(),
                names.iter().map(|name| (*name).to_owned()).collect(),
            )]
            .into(),
        });
        Answer {
            server: String::new(),
            found: found.collect(),
            elsewhere: Vec::new(),
            code,
            text: String::new(),
        }
    }

    fn found(users: &Users, answer: Answer) -> Result<Option<String>, Unavailable> {
        let entry = users.entry(answer, Now::from_unix_ms(0))?;
        Ok(entry.map(|entry| entry.user.as_str().to_owned()))
    }

    #[test]
    fn a_name_stays_a_value() {
        let query = searched().query(&typed("*)(uid=bob"));
        assert_eq!(query.filter, r"(&(objectClass=person)(uid=\2a\29\28uid=bob))");
        let query = users(UserLookup::Template("uid={user},dc=x".into())).query(&typed("a,dc=y"));
        assert_eq!(query.base, r"uid=a\2cdc\3dy,dc=x");
        assert_eq!(query.extent, Extent::Base);
    }

    #[test]
    fn all_users_are_those_whom_a_login_would_find() {
        assert_eq!(
            searched().query_for_all().unwrap().filter,
            "(&(objectClass=person)(uid=*))"
        );
        let template = users(UserLookup::Template("uid={user},ou=people,dc=x".into()));
        assert_eq!(template.query_for_all().unwrap().base, "ou=people,dc=x");
        let page = answer(
            0,
            &[
                ("UID=Al, ou=people,dc=x", &["al"]),
                ("uid=bo,ou=old,dc=x", &["bo"]),
            ],
        );
        let found = template.all_of("", page.found, Now::from_unix_ms(0)).unwrap();
        let names: Vec<_> = found.iter().map(|entry| entry.user.as_str()).collect();
        assert_eq!(names, ["al"]);
        let everywhere = users(UserLookup::Template("uid=x,ou={user},dc=x".into()));
        assert!(everywhere.query_for_all().is_err());
    }

    #[test]
    fn a_name_is_looked_for_below_the_base_whatever_has_it() {
        let query = searched().any_query(&typed("*)(uid=bob"));
        assert_eq!(query.filter, r"(uid=\2a\29\28uid=bob)");
        assert_eq!((query.base.as_str(), query.extent), ("dc=x", Extent::One));
        let by_template = users(UserLookup::Template("cn={user},ou=people,dc=x".into()));
        assert_eq!(by_template.any_query(&typed("a")).filter, "(|(uid=a)(cn=a))");
    }

    #[test]
    fn a_name_is_unknown_only_if_the_answer_is_complete() {
        let users = searched();
        let is_any = |code, entries: &[(&str, &[&str])]| users.is_any(answer(code, entries));
        assert_eq!(is_any(0, &[]), Ok(false));
        assert_eq!(is_any(0, &[("cn=x", &[])]), Ok(true));
        assert_eq!(
            is_any(SIZE_LIMIT_EXCEEDED, &[("cn=x", &[]), ("cn=y", &[])]),
            Ok(true)
        );
        assert!(is_any(SIZE_LIMIT_EXCEEDED, &[]).is_err());
        assert!(is_any(NO_SUCH_OBJECT, &[]).is_err());
        let elsewhere = Answer {
            elsewhere: vec!["ldap://other/dc=x".to_owned()],
            ..answer(0, &[])
        };
        assert!(users.is_any(elsewhere).is_err());
    }

    #[test]
    fn what_is_asked_for_includes_the_state_of_the_account() {
        let query = searched().query(&typed("a"));
        for name in ["uid", "departmentnumber", "gidnumber", "pwdaccountlockedtime"] {
            assert!(query.attributes.iter().any(|asked| asked == name), "{name}");
        }
    }

    #[test]
    fn a_domain_knows_two_names_and_shows_the_state_of_accounts() {
        let mut domain = settings(people());
        domain.schema = Schema::ActiveDirectory;
        domain.user_attribute = "sAMAccountName".into();
        let query = Users::new(&domain).query(&typed("a*@x"));
        assert_eq!(
            query.filter,
            r"(&(objectClass=person)(|(samaccountname=a\2a@x)(userPrincipalName=a\2a@x)))"
        );
        let asked = |query: &Query, name: &str| query.attributes.iter().any(|asked| asked == name);
        for name in [
            "samaccountname",
            "useraccountcontrol",
            "objectsid",
            "unixhomedirectory",
        ] {
            assert!(asked(&query, name), "{name}");
        }
        assert!(!asked(&query, "memberof"), "only where paths are told");
        domain.nested_groups = true;
        assert!(asked(&Users::new(&domain).query(&typed("a")), "memberof"));
    }

    #[test]
    fn the_canonical_name_is_the_entrys() {
        let users = searched();
        let of = |dn: &str, names: &[&str]| found(&users, answer(0, &[(dn, names)])).unwrap();
        assert_eq!(of("cn=x", &["alice"]).as_deref(), Some("alice"));
        assert_eq!(of("uid=AL,dc=x", &["alice", "Al"]).as_deref(), Some("Al"));
        assert_eq!(of("cn=x+uid=al", &["alice", "Al"]).as_deref(), Some("Al"));
        assert_eq!(of("cn=al", &["alice", "al"]), None);
        assert_eq!(of("cn=x", &[]), None);
    }

    #[test]
    fn no_entry_and_two_entries_are_nobody() {
        let users = searched();
        let two: &[(&str, &[&str])] = &[("uid=a,ou=1", &["a"]), ("uid=a,ou=2", &["a"])];
        assert_eq!(found(&users, answer(0, &[])), Ok(None));
        assert_eq!(found(&users, answer(0, two)), Ok(None));
        assert_eq!(found(&users, answer(SIZE_LIMIT_EXCEEDED, two)), Ok(None));
    }

    #[test]
    fn a_missing_base_is_no_answer_but_a_missing_template_entry_is_one() {
        let template = users(UserLookup::Template("uid={user},dc=x".into()));
        assert_eq!(found(&template, answer(NO_SUCH_OBJECT, &[])), Ok(None));
        assert!(found(&searched(), answer(NO_SUCH_OBJECT, &[])).is_err());
        assert!(found(&searched(), answer(SIZE_LIMIT_EXCEEDED, &[])).is_err());
        assert!(found(&searched(), answer(50, &[])).is_err());
    }
}
