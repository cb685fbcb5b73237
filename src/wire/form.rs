//! The fields of a form body, which both HTTP front ends take
//! (`application/x-www-form-urlencoded`), read without leaving a copy of a secret.
//!
//! Not a general form parser: the fields of this protocol have plain ASCII names, so a name is compared as it
//! stands, and whatever has another name is passed over.

use percent_encoding::percent_decode;
use zeroize::Zeroizing;

use super::{BODY_BYTES_MAX, BadRequest, Fault, Request, Task};
use crate::model::{Invalid, Password, Secret, TypedName};

/// How a front end reads the forms that its clients send.
pub(super) struct Reading {
    /// The task that a form means, even if the rest of it is bad: it is refused in the way its sender can bear.
    pub(super) task: fn(Form<'_>) -> Option<Task>,
    /// The request of that task.
    pub(super) request: fn(Option<Task>, Form<'_>) -> Result<Request, Fault>,
}

impl Reading {
    /// The request that a body is.
    ///
    /// # Errors
    /// Says what is wrong, for the log, and which task was meant.
    pub(super) fn decode(&self, body: &[u8]) -> Result<Request, BadRequest> {
        if body.len() > BODY_BYTES_MAX {
            return Err(self.refuse(body, Fault::TooLong(BODY_BYTES_MAX)));
        }
        let form = Form::new(body);
        let task = (self.task)(form);
        (self.request)(task, form).map_err(|fault| BadRequest { task, fault })
    }

    /// What becomes of a body that is no request because of `fault`, and of which `beginning` is all that is known.
    pub(super) fn refuse(&self, beginning: &[u8], fault: Fault) -> BadRequest {
        let task = (self.task)(Form::new(beginning));
        BadRequest { task, fault }
    }
}

/// A form body.
#[derive(Clone, Copy)]
pub(super) struct Form<'a>(&'a [u8]);

impl<'a> Form<'a> {
    /// The form that these bytes are; any bytes are one.
    pub(super) fn new(body: &'a [u8]) -> Self {
        Self(body)
    }

    /// The value of the first field of that name, as it stands in the body.
    pub(super) fn first(self, name: &str) -> Option<&'a [u8]> {
        self.values(name).next()
    }

    /// The value of the field as it stands in the body, for those fields that X2Go Client does not encode.
    /// None if the field is missing or empty: clients send an empty field for what they do not have.
    ///
    /// # Errors
    /// [`Fault::Twice`] if there are two such fields.
    pub(super) fn raw(self, name: &'static str) -> Result<Option<&'a [u8]>, Fault> {
        let mut values = self.values(name);
        let value = values.next();
        if values.next().is_some() {
            return Err(Fault::Twice(name));
        }
        Ok(value.filter(|value| !value.is_empty()))
    }

    /// The value of the field with its form encoding undone (WHATWG URL, section 5.1); none as in
    /// [`Form::raw`]. A `%` that begins no escape stays, as old clients send passwords unencoded.
    ///
    /// # Errors
    /// [`Fault::Twice`], or [`Fault::NotUtf8`]: a replacement character would be another password.
    pub(super) fn text(self, name: &'static str) -> Result<Option<Secret>, Fault> {
        self.raw(name)?
            .map(|value| decoded(value).ok_or(Fault::NotUtf8(name)))
            .transpose()
    }

    /// The value of an encoded field that must be there.
    ///
    /// # Errors
    /// As [`Form::text`], and [`Fault::Missing`].
    pub(super) fn needed_text(self, name: &'static str) -> Result<Secret, Fault> {
        self.text(name)?.ok_or(Fault::Missing(name))
    }

    /// The name of whoever asks, from the field `user`; an empty one is none.
    ///
    /// # Errors
    /// As [`Form::text`], or it can be no name.
    pub(super) fn user(self) -> Result<Option<TypedName>, Fault> {
        self.text("user")?
            .map(|name| TypedName::new(name.expose()))
            .transpose()
            .map_err(invalid("user"))
    }

    /// The password in that field; an empty one is none.
    ///
    /// # Errors
    /// As [`Form::text`], or it is longer than any password.
    pub(super) fn password(self, field: &'static str) -> Result<Option<Password>, Fault> {
        self.text(field)?
            .map(Password::new)
            .transpose()
            .map_err(invalid(field))
    }

    /// The values of all fields of that name.
    fn values(self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        self.0.split(|byte| *byte == b'&').filter_map(move |field| {
            let mut halves = field.splitn(2, |byte| *byte == b'=');
            (halves.next() == Some(name.as_bytes())).then(|| halves.next().unwrap_or_default())
        })
    }
}

/// Says which field is invalid.
pub(super) fn invalid(field: &'static str) -> impl Fn(Invalid) -> Fault {
    move |why| Fault::Field { field, why }
}

/// Undoes the form encoding in one buffer, which is wiped. None if the result is not UTF-8.
fn decoded(value: &[u8]) -> Option<Secret> {
    // Decoding never lengthens a value, so this buffer does not move and leave its old bytes behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(value.len()));
    for (index, part) in value.split(|byte| *byte == b'+').enumerate() {
        if index > 0 {
            bytes.push(b' ');
        }
        bytes.extend(percent_decode(part));
    }
    Secret::from_utf8(bytes)
}
