//! From the words of a command line to a [`Request`].

use crate::model::{Password, ProfileId, Secret, TypedName};
use crate::wire::form::invalid;
use crate::wire::plain::{event, task_named};
use crate::wire::{BODY_BYTES_MAX, BadRequest, Credentials, Fault, Request, Task};

/// An option that X2Go Client writes.
struct Written {
    /// Its name, behind two hyphens.
    name: &'static str,
    /// Whether its value always stands there, between quotes, so that the next word is the value whatever it is.
    /// Without quotes an empty value is no word at all, and the next word may be the next option.
    quoted: bool,
}

/// The options that X2Go Client writes.
const OPTIONS: &[Written] = &[
    Written::bare("user"),
    Written::bare("authid"),
    Written::bare("task"),
    Written::quoted("sid"),
    Written::bare("login"),
    Written::bare("newpass"),
    Written::bare("event"),
    Written::quoted("server"),
    Written::quoted("client"),
    Written::quoted("cmd"),
    Written::quoted("display"),
    Written::quoted("start"),
    Written::bare("elapsed"),
    Written::quoted("version"),
    Written::bare("os"),
];

impl Written {
    const fn bare(name: &'static str) -> Self {
        Self { name, quoted: false }
    }

    const fn quoted(name: &'static str) -> Self {
        Self { name, quoted: true }
    }

    /// The option that a word is, and the value that hangs on it as in `--task=testcon`.
    fn of_word(word: &str) -> Option<(&'static Self, Option<&str>)> {
        let word = word.strip_prefix("--")?;
        let (name, value) = match word.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (word, None),
        };
        let option = OPTIONS.iter().find(|option| option.name == name)?;
        Some((option, value))
    }
}

/// Reads the words behind the command's name. Words that belong to no option are passed over, as are unknown
/// options, and the options that a task has no use for.
///
/// What stands behind `--authid` counts for nothing here, since nobody is given a ticket at this door; what stands
/// behind `--user` is for the log alone, and is left out if it can be no name.
///
/// # Errors
/// Says what is wrong, for the log, and which task was meant.
pub fn decode(words: &[String]) -> Result<Request, BadRequest> {
    let options = Options::read(words);
    let task = options.first("task").and_then(|word| task_named(word.as_bytes()));
    let bytes: usize = words.iter().map(|word| word.len() + 1).sum();
    let request = if bytes > BODY_BYTES_MAX {
        Err(Fault::TooLong(BODY_BYTES_MAX))
    } else {
        request(task, &options)
    };
    request.map_err(|fault| BadRequest { task, fault })
}

fn request(task: Option<Task>, options: &Options<'_>) -> Result<Request, Fault> {
    options.needed("task")?;
    let credentials = Credentials {
        user: options.first("user").and_then(|name| TypedName::new(name).ok()),
        password: None,
        ticket: None,
    };
    Ok(match task.ok_or(Fault::UnknownTask)? {
        // X2Go Client has no word for it.
        Task::Prove => return Err(Fault::UnknownTask),
        Task::List => Request::List(credentials),
        Task::Select => Request::Select {
            credentials,
            profile: ProfileId::new(options.needed("sid")?).map_err(invalid("sid"))?,
            login: options
                .only("login")?
                .map(TypedName::new)
                .transpose()
                .map_err(invalid("login"))?,
            public_key: None,
        },
        Task::ChangePassword => Request::ChangePassword {
            credentials,
            new_password: Password::new(Secret::new(options.needed("newpass")?.to_owned()))
                .map_err(invalid("newpass"))?,
        },
        Task::Event => Request::Event {
            credentials,
            event: event(
                options.needed("event")?,
                options.needed("sid")?,
                options.needed("server")?,
            )?,
        },
        Task::TestConnection => Request::TestConnection,
    })
}

/// The options of a command line, in their order.
struct Options<'a>(Vec<(&'static str, &'a str)>);

impl<'a> Options<'a> {
    fn read(words: &'a [String]) -> Self {
        let mut options = Vec::new();
        let mut words = words.iter().map(String::as_str).peekable();
        while let Some(word) = words.next() {
            let Some((option, value)) = Written::of_word(word) else {
                continue;
            };
            let is_value = |next: &&str| option.quoted || Written::of_word(next).is_none();
            let value = value.or_else(|| words.next_if(is_value)).unwrap_or_default();
            options.push((option.name, value));
        }
        Self(options)
    }

    /// The values of all options of that name, less the empty ones.
    fn values(&self, name: &str) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter(move |(option, value)| *option == name && !value.is_empty())
            .map(|(_, value)| *value)
    }

    /// The first value.
    fn first(&self, name: &str) -> Option<&'a str> {
        self.values(name).next()
    }

    /// The value of an option that stands there once, if at all.
    fn only(&self, name: &'static str) -> Result<Option<&'a str>, Fault> {
        let mut values = self.values(name);
        let value = values.next();
        if values.next().is_some() {
            return Err(Fault::Twice(name));
        }
        Ok(value)
    }

    /// The value of an option that must stand there, once.
    fn needed(&self, name: &'static str) -> Result<&'a str, Fault> {
        self.only(name)?.ok_or(Fault::Missing(name))
    }
}
