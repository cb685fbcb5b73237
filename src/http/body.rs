//! Receiving the body of a request within its bounds, before any route sees the request: hyper itself bounds
//! neither its length nor its time.

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::Body;
use tokio::time::{Instant, timeout_at};
use zeroize::Zeroizing;

use super::limits::READ_BYTES_MAX;
use crate::wire::{BODY_BYTES_MAX, Fault};

/// A body as far as it is kept.
#[derive(Debug)]
pub(super) struct Received {
    /// All of it, or its beginning if there is a fault. Wiped when the last reader drops it: there is a password
    /// among these bytes.
    pub(super) bytes: Bytes,
    /// Why this is not all of it.
    pub(super) fault: Option<Fault>,
}

/// Receives a body until the deadline. One that is too long is read on for a while and not kept, since a client
/// that is still sending hears no answer.
pub(super) async fn receive<B>(body: B, deadline: Instant) -> Received
where
    B: Body<Data = Bytes> + Unpin,
{
    // Room for all of it at once: a vector that grows leaves unwiped copies behind.
    let announced = body
        .size_hint()
        .exact()
        .and_then(|bytes| usize::try_from(bytes).ok());
    let room = announced.map_or(BODY_BYTES_MAX, |bytes| bytes.min(BODY_BYTES_MAX));
    let mut kept = Zeroizing::new(Vec::with_capacity(room));
    let fault = timeout_at(deadline, collect(body, &mut kept))
        .await
        .unwrap_or(Err(Fault::Incomplete))
        .err();
    let bytes = Bytes::from_owner(kept);
    Received { bytes, fault }
}

/// Reads a body and keeps what may be kept of it.
async fn collect<B>(mut body: B, kept: &mut Vec<u8>) -> Result<(), Fault>
where
    B: Body<Data = Bytes> + Unpin,
{
    let mut length = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Fault::Incomplete)?;
        // What is no data are trailers, which nothing here reads.
        let Some(data) = frame.data_ref() else { continue };
        length += data.len();
        let room = BODY_BYTES_MAX - kept.len();
        kept.extend_from_slice(data.get(..room).unwrap_or(data));
        if length > READ_BYTES_MAX {
            break;
        }
    }
    if length > BODY_BYTES_MAX {
        return Err(Fault::TooLong(BODY_BYTES_MAX));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http_body_util::Full;

    use super::*;

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(5)
    }

    async fn received(length: usize) -> (usize, Option<Fault>) {
        let body = Full::new(Bytes::from(vec![b'a'; length]));
        let Received { bytes, fault } = receive(body, soon()).await;
        (bytes.len(), fault)
    }

    #[tokio::test]
    async fn a_body_is_taken_up_to_its_limit_and_its_beginning_kept_beyond() {
        let too_long = Some(Fault::TooLong(BODY_BYTES_MAX));
        assert_eq!(received(0).await, (0, None));
        assert_eq!(received(BODY_BYTES_MAX).await, (BODY_BYTES_MAX, None));
        for length in [BODY_BYTES_MAX + 1, READ_BYTES_MAX, READ_BYTES_MAX + 1] {
            assert_eq!(received(length).await, (BODY_BYTES_MAX, too_long.clone()));
        }
    }

    #[tokio::test]
    async fn a_body_without_announced_length_is_limited_too() {
        let (mut sender, body) = http_body_util::channel::Channel::<Bytes>::new(4);
        let feeder = tokio::spawn(async move {
            while sender.send_data(Bytes::from_static(&[b'a'; 1000])).await.is_ok() {}
        });
        let received = receive(body, soon()).await;
        assert_eq!(received.fault, Some(Fault::TooLong(BODY_BYTES_MAX)));
        assert_eq!(received.bytes.len(), BODY_BYTES_MAX);
        feeder.await.unwrap();
    }

    #[tokio::test]
    async fn a_body_that_never_ends_is_given_up() {
        let (mut sender, body) = http_body_util::channel::Channel::<Bytes>::new(1);
        sender.send_data(Bytes::from_static(b"task=")).await.unwrap();
        let received = receive(body, Instant::now() + Duration::from_millis(20)).await;
        assert_eq!(received.fault, Some(Fault::Incomplete));
        assert_eq!(received.bytes, "task=");
    }
}
