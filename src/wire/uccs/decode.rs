//! From the `Authorization` of a request to a [`Request`].

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use crate::model::{Password, Secret, TypedName};
use crate::wire::authorization::{FIELD, behind, fault};
use crate::wire::form::invalid;
use crate::wire::{BODY_BYTES_MAX, BadRequest, Credentials, Fault, Request, Task};

/// Reads the credentials of one request, from the values of its `Authorization` headers (RFC 7617: `Basic`, then
/// the Base64 of `NAME:PASSWORD`). They always ask for the list.
///
/// # Errors
/// Says what is wrong, for the log. An empty name or password is no error; it is simply not there.
pub fn decode<'a>(values: impl Iterator<Item = &'a [u8]>) -> Result<Request, BadRequest> {
    let credentials = behind(b"Basic", values).and_then(credentials);
    credentials.map(Request::List).map_err(|fault| BadRequest {
        task: Some(Task::List),
        fault,
    })
}

fn credentials(base64: &[u8]) -> Result<Credentials, Fault> {
    let text = Secret::from_utf8(decoded(base64)?).ok_or(Fault::NotUtf8(FIELD))?;
    let (user, password) = text
        .expose()
        .split_once(':')
        .ok_or_else(|| fault("has a name and a password with a colon between them"))?;
    let none_if_empty = |text: &&str| !text.is_empty();
    let user = Some(user).filter(none_if_empty).map(TypedName::new);
    let password = Some(password).filter(none_if_empty);
    let password = password.map(|password| Password::new(Secret::new(password.to_owned())));
    Ok(Credentials {
        user: user.transpose().map_err(invalid(FIELD))?,
        password: password.transpose().map_err(invalid(FIELD))?,
        ticket: None,
    })
}

fn decoded(base64: &[u8]) -> Result<Zeroizing<Vec<u8>>, Fault> {
    if base64.len() > BODY_BYTES_MAX {
        return Err(Fault::TooLong(BODY_BYTES_MAX));
    }
    // Room for all of it, so that no copy of a part is left behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(base64.len()));
    STANDARD
        .decode_vec(base64, &mut bytes)
        .map_err(|_| fault("is not Base64"))?;
    Ok(bytes)
}
