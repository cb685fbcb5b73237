//! In what ways a group holds somebody, or another group, directly: as a filter for the server, and as a key under
//! which the copy of the groups finds the same groups. Pure.

use icu_normalizer::ComposingNormalizerBorrowed;

use crate::model::Dn;

use super::active_directory::sid::{OBJECT_SID, Sid};
use super::filter;
use super::settings::Schema;

/// The attributes that hold members as DNs: both in RFC 2307bis, the first in a domain.
const MEMBER: &str = "member";
const UNIQUE_MEMBER: &str = "uniquemember";
/// The attribute of RFC 2307 that holds members as user names.
const MEMBER_UID: &str = "memberuid";
/// The number of a group, which the entry of a user names as its primary one. In a domain, it is a part of the group's
/// [`OBJECT_SID`].
const GID_NUMBER: &str = "gidnumber";

/// One way in which a group can hold somebody or another group.
#[derive(Debug, Clone)]
pub(super) enum Way {
    /// By distinguished name.
    Dn(Dn),
    /// By user name.
    Name(String),
    /// As the primary group, by its number.
    Number(String),
    /// As the primary group, by its security identifier.
    Sid(Sid),
}

impl Way {
    /// The attributes with which a group of this schema names its members.
    pub fn member_attributes(schema: Schema) -> &'static [&'static str] {
        match schema {
            Schema::Rfc2307 => &[MEMBER_UID],
            Schema::Rfc2307bis => &[MEMBER, UNIQUE_MEMBER],
            Schema::ActiveDirectory => &[MEMBER],
        }
    }

    /// All attributes of such a group that say whom it holds.
    pub fn attributes(schema: Schema) -> Vec<&'static str> {
        let primary = match schema {
            Schema::Rfc2307 | Schema::Rfc2307bis => GID_NUMBER,
            Schema::ActiveDirectory => OBJECT_SID,
        };
        [Self::member_attributes(schema), &[primary]].concat()
    }

    /// Whether it is as the primary group, of which the user's entry tells and not the group's.
    pub fn is_primary(&self) -> bool {
        matches!(self, Self::Number(_) | Self::Sid(_))
    }

    /// What a group of this schema satisfies that holds somebody like this, one filter each.
    pub fn filters(&self, schema: Schema) -> Vec<String> {
        match self {
            Self::Dn(dn) => Self::member_attributes(schema)
                .iter()
                .map(|attribute| filter::equals(attribute, dn.as_str()))
                .collect(),
            Self::Name(name) => vec![filter::equals(MEMBER_UID, name)],
            Self::Number(number) => vec![filter::equals(GID_NUMBER, number)],
            Self::Sid(sid) => vec![sid.filter()],
        }
    }

    /// What stands for those whom a value of a group's attribute names; nothing if it names nobody.
    pub fn of_value(attribute: &str, value: &str) -> Option<Self> {
        match attribute {
            MEMBER_UID => Some(Self::Name(value.to_owned())),
            GID_NUMBER => Some(Self::Number(value.to_owned())),
            OBJECT_SID => Sid::from_text(value).map(Self::Sid),
            MEMBER | UNIQUE_MEMBER => Dn::new(without_unique_id(value)).ok().map(Self::Dn),
            _ => None,
        }
    }

    /// The same for everything that the server takes for the same: DNs as `caseIgnoreMatch` compares their values,
    /// user names as `caseExactIA5Match` does, numbers as `integerMatch` does (RFC 4517 section 4.2).
    pub fn key(&self) -> String {
        match self {
            Self::Dn(dn) => {
                let normal = ComposingNormalizerBorrowed::new_nfkc().normalize(dn.normal());
                format!("dn:{}", single_spaced(&normal.to_lowercase()))
            }
            Self::Name(name) => format!("name:{}", single_spaced(name.trim())),
            Self::Number(number) => match number.trim().parse::<i64>() {
                Ok(number) => format!("number:{number}"),
                Err(_) => format!("number:{number}"),
            },
            Self::Sid(sid) => format!("sid:{sid}"),
        }
    }
}

/// The DN of a value of `uniqueMember`, which may have a bit string behind it that `uniqueMemberMatch` overlooks when it
/// is asked for a DN without one (RFC 4517 section 4.2.31).
fn without_unique_id(value: &str) -> &str {
    let dn = value
        .strip_suffix("'B")
        .map(|value| value.trim_end_matches(['0', '1']))
        .and_then(|value| value.strip_suffix("#'"));
    dn.unwrap_or(value)
}

/// The text with one blank where it has several (RFC 4518 section 2.6.1).
fn single_spaced(text: &str) -> String {
    let mut single = String::with_capacity(text.len());
    for c in text.chars() {
        if c != ' ' || !single.ends_with(' ') {
            single.push(c);
        }
    }
    single
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(attribute: &str, value: &str) -> String {
        Way::of_value(attribute, value)
            .map(|way| way.key())
            .unwrap_or_default()
    }

    #[test]
    fn what_a_server_takes_for_the_same_has_the_same_key() {
        for (attribute, one, other) in [
            ("member", "uid=Jane,ou=People,dc=x", "UID=jane, ou=people , dc=x"),
            ("member", "cn=Jane  Doe,dc=x", "cn=jane doe,dc=x"),
            ("member", "cn=Zo\u{eb},dc=x", "cn=Zoe\u{308},dc=x"),
            ("uniquemember", "uid=jane,dc=x#'0101'B", "uid=jane,dc=x"),
            ("memberuid", "jane", " jane "),
            ("gidnumber", "0100", "100"),
        ] {
            assert_eq!(key(attribute, one), key(attribute, other), "{one}");
        }
        assert_eq!(key("member", "uid=a,dc=x"), key("uniquemember", "uid=a,dc=x"));
    }

    #[test]
    fn what_a_server_tells_apart_has_another_key() {
        for (attribute, one, other) in [
            ("memberuid", "jane", "Jane"),
            ("member", "uid=a,dc=x", "uid=a,dc=y"),
            ("member", r"uid=a\,b,dc=x", "uid=a,uid=b,dc=x"),
            ("gidnumber", "100", "-100"),
        ] {
            assert_ne!(key(attribute, one), key(attribute, other), "{one}");
        }
        assert_ne!(key("memberuid", "100"), key("gidnumber", "100"));
        assert!(Way::of_value("member", "jane").is_none());
        assert!(Way::of_value("description", "x").is_none());
    }

    #[test]
    fn each_attribute_of_a_schema_is_one_that_values_are_read_from() {
        for schema in [Schema::Rfc2307, Schema::Rfc2307bis, Schema::ActiveDirectory] {
            for attribute in Way::attributes(schema) {
                let values = ["cn=1", "S-1-5-32-544"];
                let mut ways = values.iter().filter_map(|value| Way::of_value(attribute, value));
                assert!(ways.next().is_some(), "{attribute}");
            }
        }
    }

    #[test]
    fn a_dn_is_looked_for_where_the_schema_has_members() {
        let filters = |schema| Way::Dn(Dn::new("cn=a").unwrap()).filters(schema);
        assert_eq!(
            filters(Schema::Rfc2307bis),
            ["(member=cn=a)", "(uniquemember=cn=a)"]
        );
        assert_eq!(filters(Schema::ActiveDirectory), ["(member=cn=a)"]);
    }
}
