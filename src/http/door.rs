//! The doors that clients post to: form in, the door's own answer out.

use std::sync::Arc;

use bytes::Bytes;
use http::StatusCode;
use http::header::HeaderValue;
use tokio::time::timeout_at;

use super::Operations;
use super::connection::Visit;
use super::reply::{self, TEXT};
use crate::broker::{Caller, Remote};
use crate::model::Door;
use crate::wire::{BadRequest, Fault, Reply, Request, json, plain};

/// A front end that clients post to: how its requests are read and its replies written.
#[derive(Debug)]
pub(super) struct PostDoor {
    /// The first part of its path.
    pub(super) path: &'static str,
    door: Door,
    decode: fn(&[u8]) -> Result<Request, BadRequest>,
    refuse: fn(&[u8], Fault) -> BadRequest,
    encode: fn(&Reply) -> (StatusCode, Bytes),
    content_type: HeaderValue,
}

/// X2Go Client's. Never an HTTP error for a login, a list or a select, whatever happens: any other status than
/// 200 ends it.
pub(super) static PLAIN: PostDoor = PostDoor {
    path: "plain",
    door: Door::Plain,
    decode: plain::decode,
    refuse: plain::refuse,
    encode: plain::encode,
    content_type: TEXT,
};

/// Python X2Go's.
pub(super) static JSON: PostDoor = PostDoor {
    path: "json",
    door: Door::Json,
    decode: json::decode,
    refuse: json::refuse,
    encode: json::encode,
    // Not `application/json`, which the client takes for a failure.
    content_type: HeaderValue::from_static("text/json; charset=utf-8"),
};

/// Answers one request body.
pub(super) async fn answer<O: Operations>(
    door: &'static PostDoor,
    operations: Arc<O>,
    visit: Visit,
    body: Bytes,
) -> reply::Reply {
    let request = match visit.body_fault.clone() {
        None => (door.decode)(&body),
        Some(fault) => Err((door.refuse)(&body, fault)),
    };
    let reply = match request {
        Ok(request) => {
            drop(body);
            operate(door.door, operations, visit, request).await
        }
        Err(bad) => turn_away(door.door, operations.as_ref(), &visit, bad).await,
    };
    let (status, body) = (door.encode)(&reply);
    reply::reply(status, door.content_type.clone(), body)
}

/// Runs the operation in a task of its own, so that neither a client that hangs up nor a panic stops it half
/// way with the connection.
pub(super) async fn operate<O: Operations>(
    door: Door,
    operations: Arc<O>,
    visit: Visit,
    request: Request,
) -> Reply {
    let Visit {
        client: address,
        deadline,
        presence,
        ..
    } = visit;
    let task = request.task();
    let caller = Caller::Remote(Remote { address, door });
    let work = tokio::spawn(async move {
        let _presence = presence;
        timeout_at(deadline, operations.answer(caller, request)).await
    });
    match work.await {
        Ok(Ok(reply)) => reply,
        // What is behind the front end has said in the log that it was too slow, or that it panicked.
        Ok(Err(_)) | Err(_) => task.refusal(),
    }
}

/// Refuses what is no request.
pub(super) async fn turn_away<O: Operations>(
    door: Door,
    operations: &O,
    visit: &Visit,
    bad: BadRequest,
) -> Reply {
    let address = visit.client;
    let refusal = bad.refusal();
    operations.turned_away(Remote { address, door }, bad).await;
    refusal
}
