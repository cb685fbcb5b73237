//! What a rule says of an attribute.

use super::Glob;
use crate::model::Invalid;

/// Longest name of an attribute, in bytes.
const NAME_BYTES_MAX: usize = 128;
/// Attributes whose values tell upper from lower case (`caseExactMatch` and `caseExactIA5Match`: RFC 2307
/// section 3, RFC 2079 section 2), in lower case.
const CASE_SENSITIVE: [&str; 3] = ["homedirectory", "labeleduri", "loginshell"];
/// Attributes that hold passwords or what is as good as one, in lower case: no rule and no text may ask for
/// them (RFC 4519, Samba's and Active Directory's schema, the MIT and Heimdal Kerberos schemas).
const SECRET: [&str; 7] = [
    "krb5key",
    "krbprincipalkey",
    "sambalmpassword",
    "sambantpassword",
    "sambapasswordhistory",
    "unicodepwd",
    "userpassword",
];

/// A condition on an attribute: one of its values is like one of these. `*` is like every value, so that it
/// asks whether the attribute is there at all.
///
/// Values are compared without regard to case, as nearly all attributes of people are in a directory, but for
/// `homeDirectory`, `labeledURI` and `loginShell`, which tell upper from lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttributeCondition {
    written: String,
    name: String,
    values: Vec<Glob>,
    case_sensitive: bool,
}

impl AttributeCondition {
    /// A condition on the attribute of that name, in any case.
    ///
    /// # Errors
    /// No attribute has such a name, or nothing may ask for it.
    pub fn new(name: &str, values: Vec<Glob>) -> Result<Self, Invalid> {
        let written = name.to_owned();
        let name = attribute_name(name)?;
        Ok(Self {
            written,
            case_sensitive: CASE_SENSITIVE.contains(&name.as_str()),
            name,
            values,
        })
    }

    /// The attribute's name as it was written.
    pub fn written(&self) -> &str {
        &self.written
    }

    /// The attribute's name in lower case.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What a value may be like.
    pub fn values(&self) -> &[Glob] {
        &self.values
    }

    /// The first value that meets the condition.
    pub(super) fn met_by<'v>(&self, values: &'v [String]) -> Option<&'v str> {
        values.iter().map(String::as_str).find(|value| {
            if self.case_sensitive {
                self.values
                    .iter()
                    .any(|glob| glob.matches_as_written(value.trim()))
            } else {
                let folded = value.trim().to_lowercase();
                self.values.iter().any(|glob| glob.matches(&folded))
            }
        })
    }
}

/// The name of an attribute in lower case (RFC 4512 section 2.5: letters, digits and `-`, or numbers with dots;
/// options follow a `;`).
///
/// # Errors
/// No attribute has such a name, or nothing may ask for it.
pub(super) fn attribute_name(text: &str) -> Result<String, Invalid> {
    let what = "attribute name";
    crate::model::bounded(what, text, NAME_BYTES_MAX)?;
    if !text
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b"-.;".contains(&b))
    {
        return Err(Invalid::Character {
            what,
            allowed: "letters, digits, `-`, `.` and `;`",
        });
    }
    let name = text.to_ascii_lowercase();
    let base = name.split(';').next().unwrap_or_default();
    if SECRET.contains(&base) {
        return Err(Invalid::Meaning {
            what,
            why: "means a password or a key, which neither rules nor texts may ask for",
        });
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::super::sample::attribute;
    use super::*;

    fn met(name: &str, wanted: &[&str], values: &[&str]) -> bool {
        let values: Vec<_> = values.iter().map(ToString::to_string).collect();
        attribute(name, wanted).met_by(&values).is_some()
    }

    #[test]
    fn one_value_like_one_pattern_is_enough() {
        assert!(met("departmentNumber", &["42", "43"], &["7", "43"]));
        assert!(met("departmentNumber", &["4?"], &["42"]));
        assert!(met("title", &["prof*"], &["Professor"]));
        assert!(met("title", &["PROF. DR."], &[" prof. dr. "]));
        assert!(!met("departmentNumber", &["42", "43"], &["421"]));
        assert!(!met("departmentNumber", &["42"], &[]));
    }

    #[test]
    fn a_star_asks_whether_the_attribute_is_there() {
        assert!(met("mail", &["*"], &["a@example.org"]));
        assert!(met("homeDirectory", &["*"], &["/home/a"]));
        assert!(!met("mail", &["*"], &[]));
    }

    #[test]
    fn paths_tell_upper_from_lower_case() {
        assert!(met("loginShell", &["/bin/*"], &["/bin/Bash"]));
        assert!(!met("LoginShell", &["/bin/bash"], &["/bin/Bash"]));
    }

    #[test]
    fn names_are_checked() {
        for name in ["departmentNumber", "2.5.4.3", "description;lang-de"] {
            assert!(attribute_name(name).is_ok(), "{name}");
        }
        for name in [
            "",
            "a b",
            "ä",
            "a=b",
            "userPassword",
            "USERPASSWORD;x",
            "unicodePwd",
        ] {
            assert!(attribute_name(name).is_err(), "{name}");
        }
        assert_eq!(attribute("departmentNumber", &["*"]).name(), "departmentnumber");
    }
}
