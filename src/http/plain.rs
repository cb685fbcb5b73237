//! The door of X2Go Client: form in, text out. The only file that decodes and encodes.

use std::sync::Arc;

use bytes::Bytes;
use tokio::time::timeout_at;

use super::Operations;
use super::connection::Visit;
use super::reply::{self, TEXT};
use crate::model::{Caller, Door};
use crate::wire::{Reply, Request, plain};

/// Answers one request body. Never an HTTP error for a login, a list or a select, whatever happens: any
/// other status than 200 ends X2Go Client.
pub(super) async fn answer<O: Operations>(operations: Arc<O>, visit: Visit, body: Bytes) -> reply::Reply {
    let address = visit.client;
    let request = match visit.body_fault.clone() {
        None => plain::decode(&body),
        Some(fault) => Err(plain::refuse(&body, fault)),
    };
    let reply = match request {
        Ok(request) => {
            drop(body);
            operate(operations, visit, request).await
        }
        Err(bad) => {
            tracing::info!(%address, "bad request: {bad}");
            bad.refusal()
        }
    };
    let (status, text) = plain::encode(&reply);
    reply::reply(status, TEXT, text)
}

/// Runs the operation in a task of its own, so that neither a client that hangs up nor a panic stops it half
/// way with the connection.
async fn operate<O: Operations>(operations: Arc<O>, visit: Visit, request: Request) -> Reply {
    let Visit {
        client: address,
        deadline,
        presence,
        ..
    } = visit;
    let task = request.task();
    let caller = Caller {
        address,
        door: Door::Plain,
    };
    let work = tokio::spawn(async move {
        let _presence = presence;
        timeout_at(deadline, operations.answer(caller, request)).await
    });
    match work.await {
        Ok(Ok(reply)) => reply,
        Ok(Err(_)) => {
            tracing::warn!(%address, task = task.as_str(), "refused: no answer within `request_timeout`");
            task.refusal()
        }
        // Without the words of the panic, in which a field of the request might stand.
        Err(_) => {
            tracing::error!(%address, task = task.as_str(), "refused: the operation panicked or was cut off");
            task.refusal()
        }
    }
}
