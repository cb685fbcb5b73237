//! The door of X2Go Client: form in, text out. The only file that knows `wire::plain`.

use std::sync::Arc;

use bytes::Bytes;
use http::StatusCode;
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
    let reply = match plain::decode(&body) {
        Ok(request) => {
            drop(body);
            operate(operations, visit, request).await
        }
        Err(bad) => {
            tracing::info!(%address, "request refused: {bad}");
            refusal_of_unreadable(&body)
        }
    };
    let (status, text) = plain::encode(&reply);
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    reply::reply(status, TEXT, text)
}

/// Runs the operation in a task of its own, so that neither a client that hangs up nor a panic stops it half
/// way with the connection.
async fn operate<O: Operations>(operations: Arc<O>, visit: Visit, request: Request) -> Reply {
    let Visit {
        client: address,
        deadline,
        presence,
    } = visit;
    let refusal = match request {
        Request::Event { .. } => Reply::EventRefused,
        _ => Reply::Refused,
    };
    let caller = Caller {
        address,
        door: Door::Plain,
    };
    let task = tokio::spawn(async move {
        let _presence = presence;
        timeout_at(deadline, operations.answer(caller, request)).await
    });
    match task.await {
        Ok(Ok(reply)) => reply,
        Ok(Err(_)) => {
            tracing::warn!(%address, "request refused: no answer within `request_timeout`");
            refusal
        }
        Err(failed) => {
            tracing::error!(%address, "request refused: {failed}");
            refusal
        }
    }
}

/// The refusal for a body that is no request: X2Go Client opens a dialog for every event that is refused with
/// 200, so what says that it is an event gets the refusal of events.
fn refusal_of_unreadable(body: &[u8]) -> Reply {
    let is_event = form_urlencoded::parse(body).any(|(name, value)| name == "task" && value == "clientevent");
    if is_event {
        Reply::EventRefused
    } else {
        Reply::Refused
    }
}
