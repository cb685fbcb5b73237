//! Attacks from one address on twice as many connections as there may be at all, while somebody at another
//! address logs in; and every connection of the attack comes to its end.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, split};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::{Front, LIST, assert_granted, ip};
use crate::lab::https::{HttpsClient, PATIENCE, Trust, tcp};

const CONNECTIONS: usize = 8;
const PER_SOURCE: usize = 4;

fn front() -> Front {
    let front = Front::start_with(|settings| {
        settings.connections = CONNECTIONS;
        settings.connections_per_source = PER_SOURCE;
        settings.handshake_timeout = Duration::from_secs(3);
        settings.header_timeout = Duration::from_secs(3);
    });
    front.allow(Duration::from_secs(3));
    front
}

/// Has `attack` go on over and over on twice the cap while others log in, and then waits for the last round
/// of it to be ended by the server. An attack returns when its connection has ended.
async fn withstands<A, F>(attack: A)
where
    A: Fn(SocketAddr) -> F + Clone + Send + 'static,
    F: Future<Output = ()> + Send,
{
    let front = front();
    let (over, ended) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let mut attackers = JoinSet::new();
    for _ in 0..2 * CONNECTIONS {
        let (attack, over, ended, address) = (
            attack.clone(),
            Arc::clone(&over),
            Arc::clone(&ended),
            front.address,
        );
        attackers.spawn(async move {
            while !over.load(Ordering::Relaxed) {
                attack(address).await;
                ended.fetch_add(1, Ordering::Relaxed);
                sleep(Duration::from_millis(20)).await;
            }
        });
    }
    // More have come than one source may have, so all it may have are taken.
    timeout(PATIENCE, async {
        while ended.load(Ordering::Relaxed) < 2 * CONNECTIONS - PER_SOURCE {
            sleep(Duration::from_millis(10)).await;
        }
    })
    .await
    .expect("connections over the limit of one source end");
    for _ in 0..3 {
        let mut client = front.client_from("127.0.0.2").await;
        assert_granted(&client.post_form("/plain/", LIST).await.unwrap());
    }
    over.store(true, Ordering::Relaxed);
    timeout(PATIENCE, async { while attackers.join_next().await.is_some() {} })
        .await
        .expect("every connection of the attack is ended by the server");
}

/// Sends `first` and then `more` again and again, and reads, until the server ends it.
async fn hold(stream: impl AsyncRead + AsyncWrite, first: &[u8], more: &[u8], pause: Duration) {
    let (mut reader, mut writer) = split(stream);
    let write = async {
        let mut sent = writer.write_all(first).await;
        while sent.is_ok() {
            sleep(pause).await;
            sent = match writer.write_all(more).await {
                Ok(()) => writer.flush().await,
                error => error,
            };
        }
    };
    let read = async {
        let mut sink = [0; 4096];
        while reader.read(&mut sink).await.is_ok_and(|count| count > 0) {}
    };
    tokio::select! {
        () = write => {}
        () = read => {}
    }
}

async fn hold_tcp(address: SocketAddr, first: &[u8], more: &[u8], pause: Duration) {
    if let Ok(stream) = tcp(address, Some(ip("127.0.0.1"))).await {
        hold(stream, first, more, pause).await;
    }
}

async fn hold_tls(address: SocketAddr, first: &[u8], more: &[u8], pause: Duration) {
    let client = HttpsClient::connect(address, Trust::Anybody, Some(ip("127.0.0.1"))).await;
    if let Ok(client) = client {
        hold(client.into_stream(), first, more, pause).await;
    }
}

const SLOW: Duration = Duration::from_millis(100);
const FAST: Duration = Duration::from_millis(1);
const HEAD: &[u8] = b"POST /plain/ HTTP/1.1\r\nHost: x\r\n";

#[tokio::test]
async fn silence_before_the_handshake() {
    withstands(|address| hold_tcp(address, b"", b"", SLOW)).await;
}

#[tokio::test]
async fn a_handshake_that_is_never_finished() {
    // The beginning of a ClientHello, and then its bytes one by one.
    withstands(|address| {
        hold_tcp(
            address,
            b"\x16\x03\x01\x3f\xff\x01\x00\x3f\xfb\x03\x03",
            b"\0",
            SLOW,
        )
    })
    .await;
}

#[tokio::test]
async fn garbage_instead_of_tls() {
    withstands(|address| hold_tcp(address, b"GET / HTTP/1.1\r\n\r\n", &[0xa5; 512], FAST)).await;
}

#[tokio::test]
async fn garbage_instead_of_http() {
    withstands(|address| hold_tls(address, b"\x00\x01\x02", &[0xa5; 512], FAST)).await;
}

#[tokio::test]
async fn silence_instead_of_a_request() {
    withstands(|address| hold_tls(address, b"", b"", SLOW)).await;
}

#[tokio::test]
async fn headers_that_drip() {
    withstands(|address| hold_tls(address, HEAD, b"X-A: b\r\n", SLOW)).await;
}

#[tokio::test]
async fn a_huge_header() {
    withstands(|address| hold_tls(address, b"POST /plain/ HTTP/1.1\r\nX-A: ", &[b'a'; 4096], FAST)).await;
}

#[tokio::test]
async fn a_huge_body() {
    withstands(|address| async move {
        let head = [HEAD, b"Content-Length: 1000000000\r\n\r\n"].concat();
        hold_tls(address, &head, &[b'a'; 4096], FAST).await;
    })
    .await;
}

#[tokio::test]
async fn a_huge_body_in_chunks() {
    withstands(|address| async move {
        let head = [HEAD, b"Transfer-Encoding: chunked\r\n\r\n"].concat();
        hold_tls(address, &head, b"8\r\naaaaaaaa\r\n", FAST).await;
    })
    .await;
}

#[tokio::test]
async fn a_body_that_is_never_finished() {
    withstands(|address| async move {
        let head = [HEAD, b"Content-Length: 1000\r\n\r\ntask="].concat();
        hold_tls(address, &head, b"a", SLOW).await;
    })
    .await;
}

#[tokio::test]
async fn replies_that_are_never_read() {
    withstands(|address| async move {
        let client = HttpsClient::connect(address, Trust::Anybody, Some(ip("127.0.0.1"))).await;
        let Ok(client) = client else { return };
        let mut stream = client.into_stream();
        let requests = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".repeat(100);
        while stream.write_all(&requests).await.is_ok() {}
    })
    .await;
}

#[tokio::test]
async fn one_address_cannot_take_every_place() {
    let never = 10 * PATIENCE;
    let front = Front::start_with(|settings| {
        settings.connections = CONNECTIONS;
        settings.connections_per_source = PER_SOURCE;
        settings.handshake_timeout = never;
        settings.header_timeout = never;
    });
    let mut silent = Vec::new();
    for _ in 0..2 * CONNECTIONS {
        silent.push(tcp(front.address, Some(ip("127.0.0.1"))).await.unwrap());
    }
    let mut client = front.client_from("127.0.0.2").await;
    assert_granted(&client.post_form("/plain/", LIST).await.unwrap());
    for over in &mut silent[PER_SOURCE..] {
        let received = timeout(PATIENCE, over.read(&mut [0; 1]))
            .await
            .expect("it is closed at once");
        assert_eq!(received.unwrap_or(0), 0);
    }
}

#[tokio::test]
async fn at_the_cap_on_all_connections_the_next_one_waits_for_its_turn() {
    let front = front();
    let mut held = Vec::new();
    for source in ["127.0.0.1", "127.0.0.3"] {
        for _ in 0..PER_SOURCE {
            held.push(front.client_from(source).await);
        }
    }
    let mut client = front.client_from("127.0.0.2").await;
    assert_granted(&client.post_form("/plain/", LIST).await.unwrap());
}
