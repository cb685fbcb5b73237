//! From the body of a POST to a [`Request`].

use crate::model::{HostAddress, Invalid, ProfileId, Secret, TicketText, TypedName};
use crate::wire::form::{Form, Reading, invalid};
use crate::wire::{BadRequest, Credentials, Event, EventKind, Fault, Request, Task};

/// Longest X2Go session id taken, in bytes: a user name of up to 256 bytes, display, time and command.
const SESSION_BYTES_MAX: usize = 512;

/// How this front end reads forms.
const READING: Reading = Reading {
    task: meant_task,
    request,
};

/// Reads the body of one request as a form, whatever its `Content-Type` says: clients before 4.0.2.0 send
/// none. Fields that the task has no use for are passed over.
///
/// X2Go Client sends `sid`, `authid` and `event` without any encoding, so these are taken as they stand; the
/// other fields are percent-encoded since 4.0.3.2, and what older clients send raw is read as any form
/// parser would read it.
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

/// The first `task` names the request.
fn meant_task(form: Form<'_>) -> Option<Task> {
    form.first("task").and_then(task_named)
}

/// The task that X2Go Client calls so.
pub(in crate::wire) fn task_named(word: &[u8]) -> Option<Task> {
    match word {
        b"listsessions" => Some(Task::List),
        b"selectsession" => Some(Task::Select),
        b"setpass" => Some(Task::ChangePassword),
        b"clientevent" => Some(Task::Event),
        b"testcon" => Some(Task::TestConnection),
        _ => None,
    }
}

fn request(task: Option<Task>, form: Form<'_>) -> Result<Request, Fault> {
    form.raw("task")?.ok_or(Fault::Missing("task"))?;
    Ok(match task.ok_or(Fault::UnknownTask)? {
        // X2Go Client has no word for it.
        Task::Prove => return Err(Fault::UnknownTask),
        Task::List => Request::List(credentials(form)?),
        Task::Select => Request::Select {
            credentials: credentials(form)?,
            profile: ProfileId::new(raw_text(form, "sid")?).map_err(invalid("sid"))?,
            login: form
                .text("login")?
                .map(|name| TypedName::new(name.expose()))
                .transpose()
                .map_err(invalid("login"))?,
            public_key: None,
        },
        Task::ChangePassword => Request::ChangePassword {
            credentials: credentials(form)?,
            new_password: form.password("newpass")?.ok_or(Fault::Missing("newpass"))?,
        },
        Task::Event => Request::Event {
            credentials: credentials(form)?,
            event: event(
                raw_text(form, "event")?,
                raw_text(form, "sid")?,
                form.needed_text("server")?.expose(),
            )?,
        },
        Task::TestConnection => Request::TestConnection,
    })
}

fn credentials(form: Form<'_>) -> Result<Credentials, Fault> {
    Ok(Credentials {
        user: form.user()?,
        password: form.password("password")?,
        ticket: form
            .raw("authid")?
            .and_then(|bytes| std::str::from_utf8(bytes).ok())
            .and_then(|text| TicketText::new(Secret::new(text.to_owned())).ok()),
    })
}

/// The event that these fields of X2Go Client say.
///
/// # Errors
/// Says which of them says none.
pub(in crate::wire) fn event(event: &str, sid: &str, server: &str) -> Result<Event, Fault> {
    Ok(Event {
        kind: event_kind(event).map_err(invalid("event"))?,
        session: session(sid).map_err(invalid("sid"))?,
        server: HostAddress::new(server).map_err(invalid("server"))?,
    })
}

/// The event that X2Go Client calls so.
fn event_kind(word: &str) -> Result<EventKind, Invalid> {
    match word {
        "CONNECTING" => Ok(EventKind::Connecting),
        "CONNECTED" => Ok(EventKind::Connected),
        "SUSPENDING" => Ok(EventKind::Suspending),
        "TERMINATING" => Ok(EventKind::Terminating),
        "FINISHED" => Ok(EventKind::Finished),
        "ALIVE" => Ok(EventKind::Alive),
        _ => Err(Invalid::Meaning {
            what: "event",
            why: "is not one that X2Go Client reports",
        }),
    }
}

/// An X2Go session id is made by the X2Go host from the user's name, so only its length and the absence of
/// control characters can be asked of it.
fn session(text: &str) -> Result<String, Invalid> {
    let what = "session id";
    if text.len() > SESSION_BYTES_MAX {
        let limit_bytes = SESSION_BYTES_MAX;
        return Err(Invalid::TooLong { what, limit_bytes });
    }
    if text.chars().any(char::is_control) {
        let allowed = "no control characters";
        return Err(Invalid::Character { what, allowed });
    }
    Ok(text.to_owned())
}

/// The text of an unencoded field that must be there.
fn raw_text<'a>(form: Form<'a>, field: &'static str) -> Result<&'a str, Fault> {
    let bytes = form.raw(field)?.ok_or(Fault::Missing(field))?;
    std::str::from_utf8(bytes).map_err(|_| Fault::NotUtf8(field))
}
