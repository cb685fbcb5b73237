//! From the body of a POST to a [`Request`].

use crate::model::{ProfileId, Secret, TicketText};
use crate::wire::form::{Form, Reading, invalid};
use crate::wire::{BadRequest, Credentials, Fault, Request, Task};

/// How this front end reads forms.
const READING: Reading = Reading {
    task: meant_task,
    request,
};

/// Longest public key taken, in bytes: options, RSA with 16384 bits in base64 and a comment.
const PUBLIC_KEY_BYTES_MAX: usize = 4096;

/// Reads the body of one request as a form, every field of which is encoded. Fields that the task has no use
/// for are passed over.
///
/// A body without a task asks whether the user is who they say they are. The client sends its ticket (`authid`)
/// in place of the password once it has one.
///
/// # Errors
/// Says what is wrong, for the log, and which task was meant. An `authid` that cannot be a ticket of ours is
/// no error, and neither is an empty password; both are simply not there.
pub fn decode(body: &[u8]) -> Result<Request, BadRequest> {
    READING.decode(body)
}

/// What becomes of a body that is no request because of `fault`, and of which `beginning` is all that is known.
pub fn refuse(beginning: &[u8], fault: Fault) -> BadRequest {
    READING.refuse(beginning, fault)
}

/// `listsessions` and `sid` are X2Go Client's words for `listprofiles` and `profile-id`; Python X2Go's brokers
/// take either, and so do scripts that were written for one.
fn meant_task(form: Form<'_>) -> Option<Task> {
    match form.first("task") {
        None => Some(Task::Prove),
        Some(b"listprofiles" | b"listsessions") => Some(Task::List),
        Some(b"selectsession") => Some(Task::Select),
        Some(_) => None,
    }
}

fn request(task: Option<Task>, form: Form<'_>) -> Result<Request, Fault> {
    form.raw("task")?;
    match task {
        Some(Task::Prove) => Ok(Request::Prove(credentials(form)?)),
        Some(Task::List) => Ok(Request::List(credentials(form)?)),
        Some(Task::Select) => Ok(Request::Select {
            credentials: credentials(form)?,
            profile: profile(form)?,
            login: None,
            public_key: public_key(form)?,
        }),
        _ => Err(Fault::UnknownTask),
    }
}

fn credentials(form: Form<'_>) -> Result<Credentials, Fault> {
    Ok(Credentials {
        user: form.user()?,
        password: form.password("password")?,
        ticket: form.text("authid")?.and_then(|text| TicketText::new(text).ok()),
    })
}

/// The key that the client sends with every selection, wanted or not: one that is longer than any key is none.
fn public_key(form: Form<'_>) -> Result<Option<String>, Fault> {
    let text = form.text("pubkey")?;
    let text = text.as_ref().map(Secret::expose);
    Ok(text
        .filter(|text| text.len() <= PUBLIC_KEY_BYTES_MAX)
        .map(ToOwned::to_owned))
}

fn profile(form: Form<'_>) -> Result<ProfileId, Fault> {
    let field = "profile-id";
    let text = match form.text(field)? {
        Some(text) => text,
        None => form.text("sid")?.ok_or(Fault::Missing(field))?,
    };
    ProfileId::new(text.expose()).map_err(invalid(field))
}
