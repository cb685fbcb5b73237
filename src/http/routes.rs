//! Which path leads where.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use http::header::HeaderMap;
use http::{Method, StatusCode};
use warp::filters::BoxedFilter;
use warp::path::Tail;
use warp::{Filter, Rejection};

use super::connection::Visit;
use super::door::{self, PostDoor};
use super::reply::{self, Reply, TEXT};
use super::stop::Stop;
use super::{Operations, authorized_keys, page, uccs};
use crate::wire::host_keys;

/// The routes of the front end. It is not ready any more once it stops.
pub(super) fn routes<O: Operations>(operations: Arc<O>, stop: Stop) -> BoxedFilter<(Reply,)> {
    let end = warp::path::end();
    let health = warp::path("healthz")
        .and(end)
        .and(warp::method())
        .map(|method| reading(&method, || reply::reply(StatusCode::OK, TEXT, "serving\n")));
    let behind = Arc::clone(&operations);
    let ready = warp::path("readyz")
        .and(end)
        .and(warp::method())
        .map(move |method| {
            reading(&method, || {
                if behind.ready() && !stop.is_given() {
                    reply::reply(StatusCode::OK, TEXT, "ready\n")
                } else {
                    reply::reply(StatusCode::SERVICE_UNAVAILABLE, TEXT, "not ready\n")
                }
            })
        });
    let start = end
        .and(warp::method())
        .and(warp::header::headers_cloned())
        .map(|method, headers: HeaderMap| reading(&method, || page::page(&headers)));
    start
        .or(health)
        .unify()
        .or(ready)
        .unify()
        .or(post_door(&door::PLAIN, Arc::clone(&operations)))
        .unify()
        .or(post_door(&door::JSON, Arc::clone(&operations)))
        .unify()
        .or(uccs_door(Arc::clone(&operations)))
        .unify()
        .or(public_key(Arc::clone(&operations)))
        .unify()
        .or(keys_door(operations))
        .unify()
        .recover(|rejection: Rejection| async move { Ok::<_, Infallible>(rejected(&rejection)) })
        .unify()
        .boxed()
}

/// `/plain`, and `/plain/NAME` for URLs of an older broker; each with a slash behind it or not. Likewise for
/// the other doors.
fn post_door<O: Operations>(door: &'static PostDoor, operations: Arc<O>) -> BoxedFilter<(Reply,)> {
    let unnamed = warp::path::end();
    let named = warp::path::param()
        .and(warp::path::end())
        .map(|_: String| ())
        .untuple_one();
    warp::path(door.path)
        .and(unnamed.or(named).unify())
        .and(warp::method())
        .and(warp::ext::get())
        .and(warp::body::bytes())
        .then(move |method: Method, visit: Visit, body: Bytes| {
            let operations = Arc::clone(&operations);
            async move {
                if method == Method::POST {
                    door::answer(door, operations, visit, body).await
                } else {
                    reply::not_allowed("POST")
                }
            }
        })
        .boxed()
}

/// Everything below the path of the door, which tells its own places apart.
fn uccs_door<O: Operations>(operations: Arc<O>) -> BoxedFilter<(Reply,)> {
    warp::path(uccs::PATH)
        .and(warp::path::tail())
        .and(warp::method())
        .and(warp::header::headers_cloned())
        .and(warp::ext::get())
        .then(
            move |path: Tail, method: Method, headers: HeaderMap, visit: Visit| {
                let operations = Arc::clone(&operations);
                async move { uccs::answer(operations, visit, method, path.as_str(), headers).await }
            },
        )
        .boxed()
}

/// The key that hosts may let in to their agents: what is public of it.
fn public_key<O: Operations>(operations: Arc<O>) -> BoxedFilter<(Reply,)> {
    warp::path("pubkeys")
        .and(warp::path::end())
        .and(warp::method())
        .map(move |method| {
            reading(&method, || match operations.agent_key() {
                Some(line) => reply::reply(StatusCode::OK, TEXT, line + "\n"),
                None => reply::status(StatusCode::NOT_FOUND),
            })
        })
        .boxed()
}

/// Where hosts ask for keys.
fn keys_door<O: Operations>(operations: Arc<O>) -> BoxedFilter<(Reply,)> {
    warp::path(host_keys::PATH)
        .and(warp::path::end())
        .and(warp::method())
        .and(warp::ext::get())
        .and(warp::header::headers_cloned())
        .and(warp::body::bytes())
        .then(
            move |method: Method, visit: Visit, headers: HeaderMap, body: Bytes| {
                let operations = Arc::clone(&operations);
                async move {
                    if method == Method::POST {
                        authorized_keys::answer(operations, visit, headers, body).await
                    } else {
                        reply::not_allowed("POST")
                    }
                }
            },
        )
        .boxed()
}

/// The reply to a request that only reads. hyper leaves the body out for HEAD.
fn reading(method: &Method, reply: impl FnOnce() -> Reply) -> Reply {
    if method == Method::GET || method == Method::HEAD {
        reply()
    } else {
        reply::not_allowed("GET, HEAD")
    }
}

/// Never warp's own words. The filters above reject nothing but paths.
fn rejected(rejection: &Rejection) -> Reply {
    if rejection.is_not_found() {
        return reply::status(StatusCode::NOT_FOUND);
    }
    tracing::error!("a request was rejected: {rejection:?}");
    reply::status(StatusCode::INTERNAL_SERVER_ERROR)
}
