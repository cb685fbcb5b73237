//! The door of greeters that speak UCCS: a `HEAD` to see whether the broker is there, then one `GET` with name and
//! password in its head, answered with all that may be started.

use std::sync::Arc;

use http::header::{AUTHORIZATION, HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use http::{Method, StatusCode};

use super::Operations;
use super::connection::Visit;
use super::door::{operate, turn_away};
use super::reply::{self, Reply, TEXT};
use crate::model::Door;
use crate::wire::uccs::{self, Api};

/// The first part of its path.
pub(super) const PATH: &str = "uccs";

/// What a client is asked for that shows no credentials, or wrong ones (RFC 7617 section 2).
const CHALLENGE: HeaderValue = HeaderValue::from_static("Basic realm=\"X2Go Director\", charset=\"UTF-8\"");

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// What a path below the door is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// The address that a greeter is given, which it only looks for.
    Base,
    /// Where it asks at.
    List(Api),
}

impl Place {
    /// The place of the path behind the door's own: perhaps a name, and what the client appends to the address it was
    /// given, often with one slash too many.
    pub(super) fn of(path: &str) -> Option<Self> {
        let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        match parts[..] {
            [] | [_] => Some(Self::Base),
            ["api", version] | [_, "api", version] => Api::from_word(version).map(Self::List),
            _ => None,
        }
    }
}

/// Answers a `GET` or a `HEAD`. The latter proves nothing and gives nothing.
pub(super) async fn answer<O: Operations>(
    operations: Arc<O>,
    visit: Visit,
    method: Method,
    path: &str,
    headers: HeaderMap,
) -> Reply {
    let Some(place) = Place::of(path) else {
        return reply::status(StatusCode::NOT_FOUND);
    };
    if method != Method::GET && method != Method::HEAD {
        return reply::not_allowed("GET, HEAD");
    }
    match place {
        Place::List(api) if method == Method::GET => list(operations, visit, api, headers).await,
        Place::Base | Place::List(_) => reply::reply(StatusCode::OK, TEXT, "X2Go session broker\n"),
    }
}

async fn list<O: Operations>(operations: Arc<O>, visit: Visit, api: Api, headers: HeaderMap) -> Reply {
    let values = headers.get_all(AUTHORIZATION).iter();
    let reply = match uccs::decode(values.map(HeaderValue::as_bytes)) {
        Ok(request) => {
            drop(headers);
            operate(Door::Uccs, operations, visit, request).await
        }
        Err(bad) => turn_away(Door::Uccs, operations.as_ref(), &visit, bad).await,
    };
    let (status, body) = uccs::encode(api, &reply);
    let mut reply = reply::reply(status, JSON, body);
    if status == StatusCode::UNAUTHORIZED {
        reply.headers_mut().insert(WWW_AUTHENTICATE, CHALLENGE);
    }
    reply
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_and_slashes_may_be_there_or_not() {
        for path in ["", "/", "inifile", "inifile/", "inifile//"] {
            assert_eq!(Place::of(path), Some(Place::Base), "{path}");
        }
        for path in [
            "inifile//api/5/",
            "inifile/api/5/",
            "inifile/api/5",
            "api/5/",
            "/api/5/",
        ] {
            assert_eq!(Place::of(path), Some(Place::List(Api::Five)), "{path}");
        }
        assert_eq!(Place::of("x//api/4/"), Some(Place::List(Api::Four)));
        for path in [
            "inifile//api/3/",
            "inifile/api/",
            "a/b/api/5/",
            "inifile/api/5/x",
            "a/b",
        ] {
            assert_eq!(Place::of(path), None, "{path}");
        }
    }
}
