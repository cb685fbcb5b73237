//! Texts with `${…}` in them, as they were written. What they become for a person is in `render`.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use super::Glob;
use crate::model::{AttributeName, Invalid, did_you_mean};

/// Longest template taken, in bytes; room for an icon in base64.
const TEMPLATE_BYTES_MAX: usize = 128 * 1024;

/// A text in which `${user}`, `${uid}`, `${home}`, `${client}`, `${attr:NAME}` and `${group:PATTERN}` stand for
/// something of the person it is rendered for.
///
/// Only `${` is special. `$${` is how a text says `${` itself, and every other `$` is a `$`.
///
/// Clones share the text: what thousands of profiles have from their defaults is held once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template(Arc<Written>);

/// A template as it was written and as it is read.
#[derive(Debug, PartialEq, Eq)]
struct Written {
    text: Box<str>,
    parts: Box<[Part]>,
}

/// A piece of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    /// Itself.
    Literal(Box<str>),
    /// Something of the person.
    Variable(Variable),
}

/// Something of the person or the request that a template can name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Variable {
    /// The canonical user name.
    User,
    /// The numeric user id.
    Uid,
    /// The home directory.
    Home,
    /// The client's address.
    Client,
    /// The attribute of that name, in lower case.
    Attribute(String),
    /// The name of the one group like this.
    Group(Glob),
}

/// The variables without a name of their own.
const PLAIN_VARIABLES: [(&str, Variable); 4] = [
    ("user", Variable::User),
    ("uid", Variable::Uid),
    ("home", Variable::Home),
    ("client", Variable::Client),
];
const ATTRIBUTE_PREFIX: &str = "attr:";
const GROUP_PREFIX: &str = "group:";

/// Why a text is no template; in words for the admin who wrote it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// A variable that nothing stands behind.
    #[error("`${{{name}}}` stands for nothing; there are ${{user}}, ${{uid}}, ${{home}}, ${{client}}, ${{attr:NAME}} and \
             ${{group:PATTERN}}{}",
        hint.as_ref().map(|hint| format!(" (did you mean `${{{hint}}}`?)")).unwrap_or_default())]
    Unknown {
        /// What stands between the braces.
        name: String,
        /// The variable that was probably meant.
        hint: Option<String>,
    },
    /// `${` without `}`.
    #[error("`${{` has no `}}` after it; write `$${{` for a `${{` that is meant as it stands")]
    Unclosed,
    /// `${attr:…}` or `${group:…}` with something that is no name of an attribute or no pattern.
    #[error("`${{{name}}}`: {why}")]
    Name {
        /// What stands between the braces.
        name: String,
        /// What is wrong with it.
        why: Invalid,
    },
    /// A character that would break a line of the reply.
    #[error("control characters, line breaks among them, are not allowed")]
    Control,
    /// More than is taken.
    #[error("longer than {TEMPLATE_BYTES_MAX} bytes")]
    TooLong,
}

impl Template {
    /// Reads a text of at most 128 KiB without control characters; it may be empty.
    ///
    /// # Errors
    /// Says what is wrong with it and what to write instead.
    pub fn new(text: &str) -> Result<Self, TemplateError> {
        if text.len() > TEMPLATE_BYTES_MAX {
            return Err(TemplateError::TooLong);
        }
        if text.chars().any(char::is_control) {
            return Err(TemplateError::Control);
        }
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(at) = rest.find("${") {
            let (before, from) = rest.split_at(at);
            let inside = &from["${".len()..];
            if let Some(before) = before.strip_suffix('$') {
                literal.push_str(before);
                literal.push_str("${");
                rest = inside;
                continue;
            }
            let (name, after) = inside.split_once('}').ok_or(TemplateError::Unclosed)?;
            literal.push_str(before);
            if !literal.is_empty() {
                parts.push(Part::Literal(std::mem::take(&mut literal).into()));
            }
            parts.push(Part::Variable(Variable::new(name)?));
            rest = after;
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            parts.push(Part::Literal(literal.into()));
        }
        Ok(Self(Arc::new(Written {
            text: text.into(),
            parts: parts.into(),
        })))
    }

    /// The text as it was written.
    pub fn as_str(&self) -> &str {
        &self.0.text
    }

    /// The text it is for everybody, if it names nothing of a person.
    pub fn constant(&self) -> Option<&str> {
        match &*self.0.parts {
            [] => Some(""),
            [Part::Literal(text)] => Some(text),
            _ => None,
        }
    }

    /// The attributes it names, in lower case.
    pub fn attributes(&self) -> impl Iterator<Item = &str> {
        self.parts().iter().filter_map(|part| match part {
            Part::Variable(Variable::Attribute(name)) => Some(name.as_str()),
            _ => None,
        })
    }

    /// Whether it names the client's address.
    pub(super) fn names_client(&self) -> bool {
        self.parts().contains(&Part::Variable(Variable::Client))
    }

    pub(super) fn parts(&self) -> &[Part] {
        &self.0.parts
    }
}

/// What it is made of follows from its text.
impl Hash for Template {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.text.hash(state);
    }
}

impl Variable {
    fn new(name: &str) -> Result<Self, TemplateError> {
        let wrong = |why| TemplateError::Name {
            name: name.to_owned(),
            why,
        };
        if let Some(attribute) = name.strip_prefix(ATTRIBUTE_PREFIX) {
            return AttributeName::new(attribute)
                .map(|name| Self::Attribute(name.folded()))
                .map_err(wrong);
        }
        if let Some(pattern) = name.strip_prefix(GROUP_PREFIX) {
            return Glob::new(pattern).map(Self::Group).map_err(wrong);
        }
        PLAIN_VARIABLES
            .into_iter()
            .find_map(|(known, variable)| (known == name).then_some(variable))
            .ok_or_else(|| TemplateError::Unknown {
                hint: did_you_mean(name, PLAIN_VARIABLES.iter().map(|(known, _)| *known)).map(str::to_owned),
                name: name.to_owned(),
            })
    }
}

impl fmt::Display for Variable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User => f.write_str("${user}"),
            Self::Uid => f.write_str("${uid}"),
            Self::Home => f.write_str("${home}"),
            Self::Client => f.write_str("${client}"),
            Self::Attribute(name) => write!(f, "${{{ATTRIBUTE_PREFIX}{name}}}"),
            Self::Group(pattern) => write!(f, "${{{GROUP_PREFIX}{pattern}}}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_dollar_brace_is_special() {
        for (text, constant) in [
            ("", ""),
            ("$", "$"),
            ("$$", "$$"),
            ("$5 {user}", "$5 {user}"),
            ("$${user}", "${user}"),
            ("a$${b$${", "a${b${"),
        ] {
            assert_eq!(Template::new(text).unwrap().constant(), Some(constant), "{text}");
        }
        assert_eq!(Template::new("${user}").unwrap().constant(), None);
    }

    #[test]
    fn attributes_are_told_in_lower_case() {
        let template = Template::new("${attr:departmentNumber}/${user}/${attr:uid}").unwrap();
        assert_eq!(
            template.attributes().collect::<Vec<_>>(),
            ["departmentnumber", "uid"]
        );
    }

    #[test]
    fn mistakes_are_told_at_load() {
        let message = |text: &str| Template::new(text).unwrap_err().to_string();
        assert_eq!(
            message("${usr}"),
            "`${usr}` stands for nothing; there are ${user}, ${uid}, ${home}, ${client}, ${attr:NAME} \
             and ${group:PATTERN} (did you mean `${user}`?)"
        );
        assert!(message("${HOME}").contains("did you mean `${home}`"));
        assert!(message("${}").starts_with("`${}` stands for nothing"));
        assert_eq!(
            message("a ${user"),
            "`${` has no `}` after it; write `$${` for a `${` that is meant as it stands"
        );
        assert!(message("${attr:}").contains("attribute"));
        assert!(message("${attr:a b}").contains("attribute"));
        assert!(message("${attr:userPassword}").contains("password"));
        assert_eq!(message("${group:}"), "`${group:}`: pattern is empty");
        assert_eq!(Template::new("a\nb"), Err(TemplateError::Control));
        assert_eq!(
            Template::new(&"x".repeat(TEMPLATE_BYTES_MAX + 1)),
            Err(TemplateError::TooLong)
        );
    }
}
