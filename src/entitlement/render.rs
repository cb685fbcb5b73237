//! What a template becomes for a person.
//!
//! A value of the person goes in once, as it is or not at all: it is never expanded again and never
//! rewritten, since a value that was changed to fit would name somebody or something else. One that could
//! mean more than itself where it stands makes the whole text unrenderable, and with it the offer.

use super::Template;
use super::subject::Subject;
use super::template::{Part, Variable};
use crate::model::{SESSION_USER_BYTES_MAX, SessionUser};

/// Longest text a template may become, in bytes; room for an icon in base64.
const RENDERED_BYTES_MAX: usize = 128 * 1024;
/// What X2Go puts other things in place of: the host's `x2goruncommand` a blank for `X2GO_SPACE_CHAR`, the
/// client a name and a password for `X2GO_USER` and `X2GO_PASSWORD`.
const X2GO_MARKER: &str = "X2GO_";

/// Where a text goes, which decides what a value of the person may hold there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// On the user's screen, as the name of a profile, where a `/` makes a folder.
    Shown,
    /// Into the list of folders that the client shares: `PATH:1;PATH#1;`.
    Export,
    /// Anywhere else. Most session keys end up as words of a command line on the host or the client
    /// (`command`, `rdpoptions`, `type`, `pack` …), so a key that is not known to be harmless counts as one.
    Word,
}

impl Place {
    /// Where the value of a session key goes.
    pub(super) fn of(key: &str) -> Self {
        match key {
            "name" => Self::Shown,
            "export" => Self::Export,
            _ => Self::Word,
        }
    }

    fn allows(self, value: &str) -> bool {
        let plain = !value.chars().any(char::is_control);
        match self {
            Self::Shown => plain && !value.contains('/'),
            Self::Export => plain && !value.contains([':', ';', '#', '"', '<', '>']),
            Self::Word => {
                !value.starts_with('-')
                    && value
                        .bytes()
                        .all(|b| b.is_ascii_alphanumeric() || b"._@%+=:,/-".contains(&b))
            }
        }
    }

    fn alphabet(self) -> &'static str {
        match self {
            Self::Shown => "anything but control characters and /",
            Self::Export => "anything but control characters and : ; # \" < >",
            Self::Word => "letters A to Z, digits and . _ @ % + = : , / -, with no - at the start",
        }
    }
}

/// Why a template becomes nothing for a person. It names the variable, never its value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unrenderable {
    /// There is no such value.
    #[error("{0} has no value here")]
    Missing(Variable),
    /// There are several, and which one comes first is up to the directory.
    #[error("{0} has {1} values, and a text has room for one")]
    Several(Variable, usize),
    /// Several groups are like the pattern, and none of them is meant more than the others.
    #[error("{0} stands for {1} groups here, and a text has room for one")]
    Groups(Variable, usize),
    /// The one group that is like the pattern shares its name with another of the source.
    #[error("{0} stands for a group whose name another group of the directory has, too")]
    SharedName(Variable),
    /// It holds what may not stand there.
    #[error("the value of {variable} holds a character that may not stand there ({allowed})")]
    Character {
        variable: Variable,
        allowed: &'static str,
    },
    /// The values complete a word that X2Go replaces.
    #[error("the values put into it would spell {X2GO_MARKER}, which X2Go puts something else in place of")]
    Marker,
    /// It would be longer than any text may be.
    #[error("it would be longer than {RENDERED_BYTES_MAX} bytes")]
    TooLong,
    /// It is no name that an account on a host can have.
    #[error(
        "it would be no Unix user name (letters A to Z, digits and . _ @ -, beginning with a letter, a digit \
         or _; not digits alone; at most {SESSION_USER_BYTES_MAX} bytes)"
    )]
    NoUserName,
    /// It is none of the words that the key takes.
    #[error("it would be none of the words that this key takes")]
    NotAChoice,
}

/// What the template is for this person in this place.
///
/// # Errors
/// Says why it is nothing.
pub(super) fn render(
    template: &Template,
    place: Place,
    subject: &Subject<'_>,
) -> Result<String, Unrenderable> {
    if let Some(constant) = template.constant() {
        return Ok(constant.to_owned());
    }
    let mut text = String::new();
    let mut markers = 0;
    for part in template.parts() {
        match part {
            Part::Literal(literal) => {
                markers += literal.matches(X2GO_MARKER).count();
                text.push_str(literal);
            }
            Part::Variable(variable) => {
                let value = value(variable, subject)?;
                if !place.allows(&value) {
                    return Err(Unrenderable::Character {
                        variable: variable.clone(),
                        allowed: place.alphabet(),
                    });
                }
                text.push_str(&value);
            }
        }
        if text.len() > RENDERED_BYTES_MAX {
            return Err(Unrenderable::TooLong);
        }
    }
    if place == Place::Word && text.matches(X2GO_MARKER).count() != markers {
        return Err(Unrenderable::Marker);
    }
    Ok(text)
}

/// The name of the person's account on the hosts.
///
/// The alphabet is that of X2Go's own programs on the host (`sanitizer` in X2Go::Utils); a name of digits
/// alone would be taken for a uid.
///
/// # Errors
/// Says why there is none.
pub(super) fn session_user(template: &Template, subject: &Subject<'_>) -> Result<SessionUser, Unrenderable> {
    let name = render(template, Place::Word, subject)?;
    SessionUser::new(&name).map_err(|_| Unrenderable::NoUserName)
}

/// The one value of a variable; an empty one is none.
fn value(variable: &Variable, subject: &Subject<'_>) -> Result<String, Unrenderable> {
    let person = subject.person;
    let value = match variable {
        Variable::User => Some(person.account.user.as_str().to_owned()),
        Variable::Uid => person.uid.clone(),
        Variable::Home => person.home.clone(),
        Variable::Client => subject.context.client.map(|client| client.to_string()),
        Variable::Attribute(name) => match subject.attribute(name) {
            [] => None,
            [one] => Some(one.clone()),
            several => return Err(Unrenderable::Several(variable.clone(), several.len())),
        },
        Variable::Group(pattern) => match subject.named_like(pattern).collect::<Vec<_>>().as_slice() {
            [] => None,
            [one] if one.unique => Some(one.name.to_string()),
            [_] => return Err(Unrenderable::SharedName(variable.clone())),
            several => return Err(Unrenderable::Groups(variable.clone(), several.len())),
        },
    };
    value
        .filter(|value| !value.is_empty())
        .ok_or_else(|| Unrenderable::Missing(variable.clone()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::Context;
    use super::super::sample::{from, group, person};
    use super::*;
    use crate::model::Person;

    fn with(attribute: &str, values: &[&str]) -> Person {
        let mut alice = person("alice", Vec::new());
        let values = values.iter().map(|value| (*value).to_owned()).collect();
        alice.attributes.insert(attribute.to_owned(), values);
        alice
    }

    fn rendered(text: &str, place: Place, person: &Person) -> Result<String, Unrenderable> {
        let context = from("10.1.2.3");
        render(
            &Template::new(text).unwrap(),
            place,
            &Subject::new(person, context),
        )
    }

    fn account(text: &str, person: &Person) -> Result<SessionUser, Unrenderable> {
        session_user(
            &Template::new(text).unwrap(),
            &Subject::new(person, Context::default()),
        )
    }

    #[test]
    fn every_variable() {
        let alice = with("departmentnumber", &["42"]);
        assert_eq!(
            rendered(
                "${user} ${uid} ${home} ${client} ${attr:departmentNumber} $${user}",
                Place::Word,
                &alice
            ),
            Ok("alice 1001 /home/alice 10.1.2.3 42 ${user}".to_owned())
        );
    }

    #[test]
    fn what_is_missing_empty_or_several_is_nothing() {
        let mut alice = with("mail", &["a@x", "b@x"]);
        alice.home = None;
        alice.uid = Some(String::new());
        alice.attributes.insert("room".to_owned(), Vec::new());
        for text in ["${home}", "${uid}", "${attr:room}", "${attr:other}"] {
            let missing = rendered(text, Place::Shown, &alice).unwrap_err();
            assert_eq!(missing.to_string(), format!("{text} has no value here"));
        }
        let several = rendered("${attr:mail}", Place::Shown, &alice).unwrap_err();
        assert_eq!(
            several.to_string(),
            "${attr:mail} has 2 values, and a text has room for one"
        );
        let nowhere = Subject::new(&alice, Context::default());
        assert!(render(&Template::new("${client}").unwrap(), Place::Shown, &nowhere).is_err());
    }

    #[test]
    fn a_group_is_told_if_it_is_the_only_one_like_that() {
        let member = |names: &[&str]| person("alice", names.iter().map(|name| group(name, &[])).collect());
        let told = |person: &Person| {
            rendered("${group:team-*}", Place::Shown, person).map_err(|why| why.to_string())
        };
        assert_eq!(told(&member(&["staff", "Team-Blue"])), Ok("Team-Blue".to_owned()));
        assert_eq!(
            told(&member(&["staff"])),
            Err("${group:team-*} has no value here".to_owned())
        );
        assert_eq!(
            told(&member(&["team-a", "team-b"])),
            Err("${group:team-*} stands for 2 groups here, and a text has room for one".to_owned())
        );
        let mut shared = member(&["team-a"]);
        shared.groups[0].unique = false;
        assert!(told(&shared).unwrap_err().contains("another group"));
        assert!(rendered("${group:team*}", Place::Word, &member(&["team a"])).is_err());
    }

    #[test]
    fn a_value_cannot_become_syntax() {
        for value in [
            "a:1;/etc", "a;b", "C:\\x", "a#1", "\"", "<HOME>", "a\nb", "\u{9b}",
        ] {
            let alice = with("room", &[value]);
            assert!(
                rendered("/srv/${attr:room}:1;", Place::Export, &alice).is_err(),
                "{value}"
            );
        }
        for value in ["R/D", "/", "a\nb"] {
            let alice = with("room", &[value]);
            assert!(
                rendered("Rooms/${attr:room}", Place::Shown, &alice).is_err(),
                "{value}"
            );
        }
        for value in [
            "$(id)", "`id`", "a b", "a;b", "a|b", "a&b", "a>b", "'", "\"", "\\", "*", "~", "!", "#", "{a,b}",
            "(", "-rf", "ä", "a\nb",
        ] {
            let alice = with("room", &[value]);
            assert!(
                rendered("run ${attr:room}", Place::Word, &alice).is_err(),
                "{value}"
            );
        }
        let alice = with("room", &["b-1/2_3.x@y:z,+=%"]);
        assert!(rendered("run ${attr:room}", Place::Word, &alice).is_ok());
    }

    #[test]
    fn values_cannot_spell_what_x2go_replaces() {
        let mut alice = with("a", &["X2GO"]);
        alice
            .attributes
            .insert("b".to_owned(), vec!["_SPACE_CHAR".to_owned()]);
        assert_eq!(
            rendered("${attr:a}${attr:b}", Place::Word, &alice),
            Err(Unrenderable::Marker)
        );
        assert!(rendered("X2GO_USER ${attr:a} ${attr:b}", Place::Word, &alice).is_ok());
    }

    #[test]
    fn a_text_has_an_end() {
        let alice = with("room", &["x".repeat(70_000).as_str()]);
        assert!(rendered("${attr:room}", Place::Shown, &alice).is_ok());
        assert_eq!(
            rendered("${attr:room}${attr:room}", Place::Shown, &alice),
            Err(Unrenderable::TooLong)
        );
    }

    #[test]
    fn session_users_are_names_of_accounts() {
        for name in ["alice", "Alice.B", "_x2go", "a-b@corp.example.org", "4711a"] {
            assert_eq!(
                account("${attr:uid}", &with("uid", &[name])),
                Ok(SessionUser::new(name).unwrap())
            );
        }
        for name in [
            "4711", ".", "..", "-a", "@a", "a b", "a/b", "a:b", "CORP\\a", "é", "a$",
        ] {
            assert!(account("${attr:uid}", &with("uid", &[name])).is_err(), "{name}");
        }
        assert!(account("", &with("uid", &["x"])).is_err());
        assert!(account("${attr:uid}", &with("uid", &["x".repeat(256).as_str()])).is_err());
    }

    proptest! {
        #[test]
        fn a_value_is_never_expanded_again(value in "[${}user:atr]{1,24}|\\$\\{user\\}|\\$\\$\\{uid\\}") {
            let alice = with("room", &[value.as_str()]);
            prop_assert_eq!(
                rendered("<${attr:room}>", Place::Shown, &alice),
                Ok(format!("<{value}>"))
            );
        }

        #[test]
        fn a_word_stays_one_word(value in "\\PC{1,12}") {
            let alice = with("room", &[value.as_str()]);
            if let Ok(text) = rendered("${attr:room}", Place::Word, &alice) {
                prop_assert_eq!(&text, &value);
                let special = |c: char| c.is_whitespace() || "$`\"'\\;&|<>(){}[]*?!#~^".contains(c);
                prop_assert!(!text.contains(special), "{}", text);
            }
        }
    }
}
