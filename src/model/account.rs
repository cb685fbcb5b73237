//! Who somebody is: the name that was typed, and the account that the directory says it is.

use std::fmt;
use std::str::FromStr;

use super::{ClientAddress, Invalid, bounded, printable};

/// Longest user name taken, in bytes: RFC 4519 sets no bound, 256 is the `sAMAccountName`/UPN limit of AD.
const NAME_BYTES_MAX: usize = 256;

/// The name as somebody typed it into a login form: proof of nothing, and never the name of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypedName(String);

impl TypedName {
    /// Takes a name of 1 to 256 bytes without control characters.
    ///
    /// # Errors
    /// Says which bound was crossed.
    pub fn new(text: &str) -> Result<Self, Invalid> {
        let what = "user name";
        bounded(what, text, NAME_BYTES_MAX)?;
        printable(what, text)?;
        if text.trim().is_empty() {
            return Err(Invalid::Empty { what });
        }
        Ok(Self(text.to_owned()))
    }

    /// What somebody is called who gives no name where none is proven: `anonymous-192.0.2.7`, by the client, since
    /// each one is somebody else. Made of what an account name on a host may have.
    pub fn anonymous(client: ClientAddress) -> Self {
        Self(format!("anonymous-{client}").replace(':', "-"))
    }

    /// The text as typed.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The spelling under which a directory would find the same entry: without surrounding blanks, in lower
    /// case (RFC 4518 section 2 prepares `caseIgnoreMatch` values alike).
    pub fn folded(&self) -> String {
        self.0.trim().to_lowercase()
    }
}

/// The canonical name of an account, taken from the directory's entry and never from what was typed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UserName(String);

impl UserName {
    /// Takes a name of 1 to 256 bytes without control characters or surrounding blanks.
    ///
    /// # Errors
    /// Says which bound was crossed.
    pub fn new(text: &str) -> Result<Self, Invalid> {
        let what = "canonical user name";
        bounded(what, text, NAME_BYTES_MAX)?;
        printable(what, text)?;
        if text.trim() != text {
            return Err(Invalid::Character {
                what,
                allowed: "no blanks at either end",
            });
        }
        Ok(Self(text.to_owned()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name in lower case, for comparing it with what an admin or a client wrote.
    pub fn folded(&self) -> String {
        self.0.to_lowercase()
    }
}

impl fmt::Display for UserName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where an account lives. The same name in two sources is two accounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Source {
    /// The LDAP directory of `[directory.ldap]`.
    Ldap,
    /// This host's own users and groups, as its name service switch gives them (`nsswitch.conf(5)`).
    Nss,
    /// None: the name is as somebody typed it, in lower case, and nobody proved anything.
    Unproven,
}

impl Source {
    /// The word for this source in logs and in the state database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ldap => "ldap",
            Self::Nss => "nss",
            Self::Unproven => "none",
        }
    }

    /// The source that [`Source::as_str`] gave this word for.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Ldap, Self::Nss, Self::Unproven]
            .into_iter()
            .find(|source| source.as_str() == word)
    }
}

/// An account: a canonical name in its source.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Account {
    /// Where the account lives.
    pub source: Source,
    /// Its canonical name there.
    pub user: UserName,
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.source.as_str(), self.user)
    }
}

impl FromStr for Account {
    type Err = Invalid;

    /// Reads what `Display` writes: `ldap:alice`.
    fn from_str(text: &str) -> Result<Self, Invalid> {
        let parts = text.split_once(':');
        let source = parts.and_then(|(source, user)| Some((Source::from_word(source)?, user)));
        let (source, user) = source.ok_or(Invalid::Meaning {
            what: "account",
            why: "has its source before its name, like ldap:alice",
        })?;
        Ok(Self {
            source,
            user: UserName::new(user)?,
        })
    }
}

/// The front end a request came through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Door {
    /// X2Go Client over HTTPS.
    Plain,
    /// Python X2Go (PyHoca) over HTTPS.
    Json,
    /// X2Go Client over SSH.
    Ssh,
    /// Greeters that speak UCCS, over HTTPS.
    Uccs,
}

impl Door {
    /// The word for this door in logs and in the state database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Json => "json",
            Self::Ssh => "ssh",
            Self::Uccs => "uccs",
        }
    }

    /// Whether a login there is given a ticket. Other clients could not show it again.
    pub fn issues_tickets(self) -> bool {
        matches!(self, Self::Plain | Self::Json)
    }

    /// Whether its clients start a session straight from the list and never select: then the list must name the
    /// hosts, and can hold nothing that does not start.
    pub fn starts_from_list(self) -> bool {
        self == Self::Uccs
    }

    /// The door that [`Door::as_str`] gave this word for.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Plain, Self::Json, Self::Ssh, Self::Uccs]
            .into_iter()
            .find(|door| door.as_str() == word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typed_names_are_bounded_and_fold_to_one_spelling() {
        assert_eq!(TypedName::new(" Alice ").unwrap().folded(), "alice");
        assert!(TypedName::new("").is_err());
        assert!(TypedName::new("   ").is_err());
        assert!(TypedName::new("a\0b").is_err());
        assert!(TypedName::new("a\nb").is_err());
        assert!(TypedName::new(&"a".repeat(256)).is_ok());
        assert!(TypedName::new(&"a".repeat(257)).is_err());
    }

    #[test]
    fn canonical_names_have_no_blanks_at_the_ends() {
        assert!(UserName::new("alice ").is_err());
        assert_eq!(UserName::new("Ünal").unwrap().folded(), "ünal");
    }

    #[test]
    fn accounts_read_back() {
        let account: Account = "ldap:a:b".parse().unwrap();
        assert_eq!((account.source, account.user.as_str()), (Source::Ldap, "a:b"));
        assert_eq!(account.to_string(), "ldap:a:b");
        for bad in ["", "alice", "ldap:", "moon:alice", "ldap: a"] {
            assert!(bad.parse::<Account>().is_err(), "{bad}");
        }
    }
}
