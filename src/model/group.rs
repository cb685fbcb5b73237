//! Groups of the directory, and how somebody is in one.

use std::fmt;
use std::hash::{Hash, Hasher};

use super::{Dn, Invalid, bounded, printable};

/// Longest group name taken, in bytes (AD's limit for a `cn` is 64 characters; this leaves room for UTF-8).
const GROUP_BYTES_MAX: usize = 256;

/// The bare name of a group (`cn`). Two names that differ only in case are the same (`caseIgnoreMatch`).
#[derive(Debug, Clone)]
pub struct GroupName {
    text: String,
    folded: String,
}

impl GroupName {
    /// Takes a name of 1 to 256 bytes without control characters.
    ///
    /// # Errors
    /// Says which bound was crossed.
    pub fn new(text: &str) -> Result<Self, Invalid> {
        let what = "group name";
        bounded(what, text, GROUP_BYTES_MAX)?;
        printable(what, text)?;
        let folded = text.trim().to_lowercase();
        bounded(what, &folded, GROUP_BYTES_MAX)?;
        Ok(Self {
            text: text.to_owned(),
            folded,
        })
    }

    /// The name as the directory spells it.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The name as it is compared.
    pub fn folded(&self) -> &str {
        &self.folded
    }
}

impl PartialEq for GroupName {
    fn eq(&self, other: &Self) -> bool {
        self.folded == other.folded
    }
}

impl Eq for GroupName {}

impl Hash for GroupName {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.folded.hash(state);
    }
}

impl fmt::Display for GroupName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// One group somebody is in, directly or through other groups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    /// The group's bare name.
    pub name: GroupName,
    /// Its entry, where the source has entries.
    pub dn: Option<Dn>,
    /// The groups between: empty for a direct member, else from the group the person is directly in up to,
    /// but not including, this one.
    pub via: Vec<GroupName>,
    /// Whether this name means this group and no other one of the source. A name that two groups share
    /// grants nothing, and denies for both.
    pub unique: bool,
}

impl Membership {
    /// A direct membership that somebody is only supposed to have, for what-if questions: in the group with this
    /// bare name, or with this distinguished name if the text has a `=`.
    ///
    /// # Errors
    /// Says why it cannot be a group.
    pub fn supposed(text: &str) -> Result<Self, Invalid> {
        let (name, dn) = if text.contains('=') {
            let dn = Dn::new(text)?;
            (GroupName::new(&dn.leaf_value())?, Some(dn))
        } else {
            (GroupName::new(text)?, None)
        };
        Ok(Self {
            name,
            dn,
            via: Vec::new(),
            unique: true,
        })
    }

    /// Whether both mean the same group as far as they say: by its entry if both know it, else by its name.
    pub fn is_same_group(&self, other: &Self) -> bool {
        match (&self.dn, &other.dn) {
            (Some(one), Some(other)) => one == other,
            _ => self.name == other.name,
        }
    }
}
