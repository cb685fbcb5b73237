//! Receiving the body of a request within its bounds, before any route sees the request: hyper itself bounds
//! neither its length nor its time.

use bytes::Bytes;
use http::header::{CONNECTION, HeaderValue};
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Body;
use tokio::time::{Instant, timeout_at};
use zeroize::Zeroizing;

use super::reply::{self, Reply};
use crate::wire::plain::BODY_BYTES_MAX;

/// The request with its whole body.
///
/// # Errors
/// The reply that ends the connection: 413 for a body too long (unread, if it says so itself), 408 for one
/// not complete at the deadline, 400 for one that is broken off or malformed.
pub(super) async fn receive<B>(request: Request<B>, deadline: Instant) -> Result<Request<Full<Bytes>>, Reply>
where
    B: Body<Data = Bytes> + Unpin,
{
    let (head, body) = request.into_parts();
    let body = timeout_at(deadline, collect(body))
        .await
        .unwrap_or(Err(StatusCode::REQUEST_TIMEOUT))
        .map_err(goodbye)?;
    Ok(Request::from_parts(head, Full::new(body)))
}

/// The bytes of a body, which are wiped when the last reader drops them: there is a password among them.
async fn collect<B>(mut body: B) -> Result<Bytes, StatusCode>
where
    B: Body<Data = Bytes> + Unpin,
{
    let announced = body.size_hint();
    if announced.lower() > BODY_BYTES_MAX as u64 {
        return Err(StatusCode::PAYLOAD_TOO_LARGE);
    }
    // Room for all of it at once: a vector that grows leaves unwiped copies behind.
    let room = announced.exact().and_then(|bytes| usize::try_from(bytes).ok());
    let mut whole = Zeroizing::new(Vec::with_capacity(room.unwrap_or(BODY_BYTES_MAX)));
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| StatusCode::BAD_REQUEST)?;
        // What is no data are trailers, which nothing here reads.
        let Some(data) = frame.data_ref() else { continue };
        if whole.len() + data.len() > BODY_BYTES_MAX {
            return Err(StatusCode::PAYLOAD_TOO_LARGE);
        }
        whole.extend_from_slice(data);
    }
    Ok(Bytes::from_owner(whole))
}

fn goodbye(status: StatusCode) -> Reply {
    let mut reply = reply::status(status);
    reply
        .headers_mut()
        .insert(CONNECTION, HeaderValue::from_static("close"));
    reply
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    async fn status_of(body: Vec<u8>) -> Result<usize, StatusCode> {
        let request = Request::new(Full::new(Bytes::from(body)));
        let deadline = Instant::now() + Duration::from_secs(5);
        match receive(request, deadline).await {
            Ok(request) => Ok(request.into_body().collect().await.unwrap().to_bytes().len()),
            Err(reply) => Err(reply.status()),
        }
    }

    #[tokio::test]
    async fn a_body_is_taken_up_to_its_limit() {
        assert_eq!(status_of(Vec::new()).await, Ok(0));
        assert_eq!(status_of(vec![b'a'; BODY_BYTES_MAX]).await, Ok(BODY_BYTES_MAX));
        let too_long = status_of(vec![b'a'; BODY_BYTES_MAX + 1]).await;
        assert_eq!(too_long, Err(StatusCode::PAYLOAD_TOO_LARGE));
    }

    #[tokio::test]
    async fn a_body_without_announced_length_is_limited_too() {
        let (mut sender, body) = http_body_util::channel::Channel::<Bytes>::new(4);
        let feeder = tokio::spawn(async move {
            while sender.send_data(Bytes::from_static(&[b'a'; 1000])).await.is_ok() {}
        });
        let deadline = Instant::now() + Duration::from_secs(5);
        let reply = receive(Request::new(body), deadline).await.unwrap_err();
        assert_eq!(reply.status(), StatusCode::PAYLOAD_TOO_LARGE);
        assert_eq!(reply.headers()[CONNECTION], "close");
        feeder.await.unwrap();
    }

    #[tokio::test]
    async fn a_body_that_never_ends_is_given_up() {
        let (_sender, body) = http_body_util::channel::Channel::<Bytes>::new(1);
        let deadline = Instant::now() + Duration::from_millis(20);
        let reply = receive(Request::new(body), deadline).await.unwrap_err();
        assert_eq!(reply.status(), StatusCode::REQUEST_TIMEOUT);
    }
}
