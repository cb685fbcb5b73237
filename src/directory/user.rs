//! How the entry of a user is asked for, and what becomes of the answer. Pure.

use ldap3::dn_escape;

use crate::model::{Attributes, Dn, Now, TypedName, UserName};

use super::entry::{Entry, Key, Unavailable};
use super::search::{Answer, Extent, Found, Query};
use super::settings::{Schema, Settings, UserLookup};
use super::{account, active_directory, filter};

/// The words that stand for the name in a DN template.
const PLACEHOLDER: &str = "{user}";
/// Attributes that later steps use, whatever the configuration asks for (RFC 2307).
const POSIX: &[&str] = &["uidnumber", "gidnumber", "homedirectory"];
/// The same in a domain, where `homeDirectory` is one for Windows and no number names the primary group.
const DOMAIN: &[&str] = &["uidnumber", "unixhomedirectory"];
/// The name with an `@` by which somebody may log in to a domain, too (\[MS-ADTS\] 5.1.1.1.1).
const PRINCIPAL_NAME: &str = "userPrincipalName";
/// Result codes of RFC 4511 appendix A.
const SIZE_LIMIT_EXCEEDED: u32 = 4;
const NO_SUCH_OBJECT: u32 = 32;
const INVALID_DN: u32 = 34;

/// Knows how to ask for users.
pub(super) struct Users {
    schema: Schema,
    lookup: UserLookup,
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

    /// What the entry of the user of that name satisfies.
    fn called(&self, name: &str) -> String {
        let by_name = filter::equals(&self.name_attribute, name);
        match self.schema {
            Schema::Rfc2307 | Schema::Rfc2307bis => by_name,
            Schema::ActiveDirectory => filter::any_of(&[by_name, filter::equals(PRINCIPAL_NAME, name)]),
        }
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
            group_base: Dn::new("dc=x").unwrap(),
            group_filter: Filter::new("(cn=*)").unwrap(),
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
