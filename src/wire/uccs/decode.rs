//! From the `Authorization` of a request to a [`Request`].

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use crate::model::{Invalid, Password, Secret, TypedName};
use crate::wire::{BODY_BYTES_MAX, BadRequest, Credentials, Fault, Request, Task};

/// What credentials are called in the log.
const FIELD: &str = "Authorization";

/// Reads the credentials of one request, from the values of its `Authorization` headers (RFC 7617: `Basic`, then
/// the Base64 of `NAME:PASSWORD`). They always ask for the list.
///
/// # Errors
/// Says what is wrong, for the log. An empty name or password is no error; it is simply not there.
pub fn decode<'a>(mut values: impl Iterator<Item = &'a [u8]>) -> Result<Request, BadRequest> {
    let value = values.next().ok_or(Fault::Missing(FIELD));
    let value = value.and_then(|value| match values.next() {
        Some(_) => Err(Fault::Twice(FIELD)),
        None => Ok(value),
    });
    value
        .and_then(credentials)
        .map(Request::List)
        .map_err(|fault| BadRequest {
            task: Some(Task::List),
            fault,
        })
}

fn credentials(value: &[u8]) -> Result<Credentials, Fault> {
    let text = Secret::from_utf8(decoded(value)?).ok_or(Fault::NotUtf8(FIELD))?;
    let (user, password) = text
        .expose()
        .split_once(':')
        .ok_or_else(|| fault("has a name and a password with a colon between them"))?;
    let none_if_empty = |text: &&str| !text.is_empty();
    let user = Some(user).filter(none_if_empty).map(TypedName::new);
    let password = Some(password).filter(none_if_empty);
    let password = password.map(|password| Password::new(Secret::new(password.to_owned())));
    let invalid = |why| Fault::Field { field: FIELD, why };
    Ok(Credentials {
        user: user.transpose().map_err(invalid)?,
        password: password.transpose().map_err(invalid)?,
        ticket: None,
    })
}

/// The Base64 behind the scheme, whose name counts in any case (RFC 9110 section 11.1).
fn decoded(value: &[u8]) -> Result<Zeroizing<Vec<u8>>, Fault> {
    if value.len() > BODY_BYTES_MAX {
        return Err(Fault::TooLong(BODY_BYTES_MAX));
    }
    let base64 = value
        .split_at_checked(b"basic ".len())
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case(b"basic "))
        .map(|(_, rest)| rest.trim_ascii())
        .ok_or_else(|| fault("is not of the scheme Basic"))?;
    // Room for all of it, so that no copy of a part is left behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(base64.len()));
    STANDARD
        .decode_vec(base64, &mut bytes)
        .map_err(|_| fault("is not Base64"))?;
    Ok(bytes)
}

fn fault(why: &'static str) -> Fault {
    let what = "the header";
    let why = Invalid::Meaning { what, why };
    Fault::Field { field: FIELD, why }
}
