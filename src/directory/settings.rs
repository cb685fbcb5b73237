//! What `[directory.ldap]` says, already checked.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::model::{Dn, Secret};
use crate::tls;

use super::{SetupError, filter};

/// The settings of one LDAP directory.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The servers in order of preference.
    pub servers: Vec<Server>,
    /// PEM file with the authorities that sign the servers' certificates; none for the system's own.
    pub ca_file: Option<PathBuf>,
    /// The service account for searches; none to search anonymously.
    pub service: Option<ServiceAccount>,
    /// How groups and accounts are laid out.
    pub schema: Schema,
    /// Whether members of a group within a group are members of the outer one.
    pub nested_groups: bool,
    /// Below this is everything of the directory that counts.
    pub base: Dn,
    /// How the entry of a user is found.
    pub user_lookup: UserLookup,
    /// The attribute that holds the canonical name.
    pub user_attribute: String,
    /// Where groups are.
    pub group_base: Dn,
    /// Filter that an entry must satisfy to be a group.
    pub group_filter: Filter,
    /// Whether groups are kept in memory, in step with the server, where it offers that (RFC 4533).
    pub sync: bool,
    /// Attributes of the user's entry that profiles and rules use, beside those the schema needs.
    pub attributes: Vec<String>,
    /// Longest wait for a TCP connection and its TLS handshake.
    pub connect_timeout: Duration,
    /// Longest wait for one operation.
    pub operation_timeout: Duration,
    /// Most connections for searches, per server. One search holds one: OpenLDAP keeps one paged search per
    /// connection. Four serve what OpenLDAP can answer.
    pub search_connections: usize,
    /// Most connections for user binds, per server.
    pub bind_connections: usize,
}

impl Settings {
    /// Whether TLS is needed for some of these servers.
    pub(super) fn need_tls(servers: &[Server]) -> bool {
        servers.iter().any(|server| server.transport != Transport::Plain)
    }

    /// Whether groups may be kept in memory. Domain controllers do not offer what that needs.
    pub(super) fn keeps_groups(&self) -> bool {
        self.sync && self.schema != Schema::ActiveDirectory
    }

    /// The keys of `[directory.ldap]` by which these settings may find other users or groups than those.
    pub fn differences(&self, other: &Self) -> Vec<&'static str> {
        let account = |settings: &Self| settings.service.as_ref().map(|service| service.dn.clone());
        let pairs = [
            ("urls", self.servers == other.servers),
            ("bind_dn", account(self) == account(other)),
            ("schema", self.schema == other.schema),
            ("nested_groups", self.nested_groups == other.nested_groups),
            (
                "user_base, user_filter or user_dn_template",
                self.user_lookup == other.user_lookup,
            ),
            (
                "user_attribute",
                self.user_attribute.eq_ignore_ascii_case(&other.user_attribute),
            ),
            ("group_base", self.group_base == other.group_base),
            ("group_filter", self.group_filter == other.group_filter),
        ];
        let different = pairs.into_iter().filter(|(_, same)| !same);
        different.map(|(key, _)| key).collect()
    }

    /// Checks that there are authorities to believe, if these servers need any or `ca_file` was named. Blocks on
    /// file access.
    ///
    /// # Errors
    /// Says what is wrong with which file.
    pub fn check_authorities(servers: &[Server], ca_file: Option<&Path>) -> Result<(), SetupError> {
        if Self::need_tls(servers) || ca_file.is_some() {
            tls::client(ca_file).map_err(|bad| SetupError(bad.to_string()))?;
        }
        Ok(())
    }
}

/// One server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// Its name or address, for the connection and for its certificate.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is protected.
    pub transport: Transport,
}

/// How a connection is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// TLS from the first byte (`ldaps://`).
    Tls,
    /// TLS after the StartTLS operation (`ldap://` with `start_tls = true`).
    StartTls,
    /// Not at all; taken for loopback addresses only.
    Plain,
}

/// The account that searches.
#[derive(Debug, Clone)]
pub struct ServiceAccount {
    /// Its entry.
    pub dn: Dn,
    /// Its password, read from `bind_password_file`.
    pub password: Secret,
}

/// How groups and accounts are laid out in the directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Schema {
    /// RFC 2307: `posixGroup` with `memberUid`.
    Rfc2307,
    /// RFC 2307bis: `member` and `uniqueMember` hold DNs.
    Rfc2307bis,
    /// A domain of Windows, be its controllers Microsoft's or Samba's.
    ActiveDirectory,
}

impl Schema {
    /// The attribute that holds the canonical name of a user where nothing else is configured.
    pub fn default_user_attribute(self) -> &'static str {
        match self {
            Self::Rfc2307 | Self::Rfc2307bis => "uid",
            Self::ActiveDirectory => "sAMAccountName",
        }
    }

    /// The attribute that holds the bare name of a group, in lower case.
    pub(super) fn group_name(self) -> &'static str {
        match self {
            Self::Rfc2307 | Self::Rfc2307bis => "cn",
            Self::ActiveDirectory => "samaccountname",
        }
    }
}

/// How the entry of a user is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UserLookup {
    /// A search below `base` for `(&FILTER(ATTRIBUTE=name))`.
    Search {
        /// Where to search.
        base: Dn,
        /// What every user's entry satisfies.
        filter: Filter,
    },
    /// The DN that the template gives with `{user}` replaced.
    Template(String),
}

/// A search filter (RFC 4515) as an admin writes it; whether its attributes exist, the server knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter(String);

impl Filter {
    /// Takes a filter with its parentheses, of at most 4096 bytes and 32 levels.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn new(text: &str) -> Result<Self, String> {
        filter::check(text)?;
        Ok(Self(text.to_owned()))
    }

    /// What users satisfy where nothing else is configured. In a domain the accounts of computers are users, too,
    /// but no persons.
    pub fn default_for_users(schema: Schema) -> Self {
        let text = match schema {
            Schema::Rfc2307 | Schema::Rfc2307bis => "(objectClass=posixAccount)",
            Schema::ActiveDirectory => "(&(objectCategory=person)(objectClass=user))",
        };
        Self(text.to_owned())
    }

    /// What groups satisfy where nothing else is configured. Under RFC 2307bis `posixGroup` is an auxiliary class
    /// beside any of several structural ones. In a domain only security groups count, as everywhere in Windows: the
    /// others are lists for mail.
    pub fn default_for_groups(schema: Schema) -> Self {
        let text = match schema {
            Schema::Rfc2307 => "(objectClass=posixGroup)",
            Schema::Rfc2307bis => {
                "(|(objectClass=groupOfNames)(objectClass=groupOfUniqueNames)(objectClass=groupOfMembers)\
                 (objectClass=posixGroup))"
            }
            // The bit 0x80000000 of groupType ([MS-ADTS] 2.2.12).
            Schema::ActiveDirectory => "(&(objectClass=group)(groupType:1.2.840.113556.1.4.803:=2147483648))",
        };
        Self(text.to_owned())
    }

    /// The filter.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_filters() {
        for schema in [Schema::Rfc2307, Schema::Rfc2307bis, Schema::ActiveDirectory] {
            for filter in [
                Filter::default_for_users(schema),
                Filter::default_for_groups(schema),
            ] {
                assert_eq!(Filter::new(filter.as_str()), Ok(filter));
            }
        }
    }
}
