//! What a rule says of an attribute.

use super::Glob;
use crate::model::{AttributeName, Invalid};

/// Attributes whose values tell upper from lower case (`caseExactMatch` and `caseExactIA5Match`: RFC 2307
/// section 3, RFC 2079 section 2), in lower case.
const CASE_SENSITIVE: [&str; 3] = ["homedirectory", "labeleduri", "loginshell"];
/// A condition on an attribute: one of its values is like one of these. `*` is like every value, so that it
/// asks whether the attribute is there at all.
///
/// Values are compared without regard to case, as nearly all attributes of people are in a directory, but for
/// `homeDirectory`, `labeledURI` and `loginShell`, which tell upper from lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttributeCondition {
    written: AttributeName,
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
        let written = AttributeName::new(name)?;
        let name = written.folded();
        Ok(Self {
            written,
            case_sensitive: CASE_SENSITIVE.contains(&name.as_str()),
            name,
            values,
        })
    }

    /// The attribute's name as it was written.
    pub fn written(&self) -> &str {
        self.written.as_str()
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

#[cfg(test)]
mod tests {
    use super::super::sample::attribute;

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
}
