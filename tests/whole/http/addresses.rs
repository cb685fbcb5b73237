//! Whose request it is: directly, behind the PROXY protocol, behind `X-Forwarded-For`.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{Front, LIST, assert_granted, ip};
use crate::lab::https::{HttpsClient, PATIENCE, Trust, tcp};

const V1: &[u8] = b"PROXY TCP4 192.0.2.7 10.0.0.1 4711 8443\r\n";
const V2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c\xc0\x00\x02\x08\x0a\x00\x00\x01\x12\x67\x20\xfb";
const V2_LOCAL: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x20\x00\x00\x00";

/// Connections from 127.0.0.3 must begin with a PROXY header, 127.0.0.4 is believed about its clients.
fn front() -> Front {
    Front::start_with(|settings| {
        settings.proxy_protocol_from = vec!["127.0.0.3".parse().unwrap()];
        settings.forwarded_for_from = vec!["127.0.0.4".parse().unwrap()];
    })
}

async fn connect(front: &Front, source: &str) -> TcpStream {
    tcp(front.address, Some(ip(source))).await.unwrap()
}

async fn speak(tcp: TcpStream) -> std::io::Result<HttpsClient> {
    HttpsClient::over(tcp, Trust::Anybody, rustls::ALL_VERSIONS).await
}

#[tokio::test]
async fn a_direct_client_is_the_peer() {
    let front = front();
    let mut client = front.client_from("127.0.0.2").await;
    assert_granted(&client.post_form("/plain/", LIST).await.unwrap());
    assert_eq!(front.last_caller(), "127.0.0.2");
}

#[tokio::test]
async fn a_proxy_header_names_the_client() {
    let front = front();
    for (header, client_address) in [(V1, "192.0.2.7"), (V2, "192.0.2.8"), (V2_LOCAL, "127.0.0.3")] {
        let mut tcp = connect(&front, "127.0.0.3").await;
        tcp.write_all(header).await.unwrap();
        let mut client = speak(tcp).await.unwrap();
        assert_granted(&client.post_form("/plain/", LIST).await.unwrap());
        assert_eq!(front.last_caller(), client_address);
    }
}

#[tokio::test]
async fn a_proxy_header_may_come_in_pieces() {
    let front = front();
    let mut tcp = connect(&front, "127.0.0.3").await;
    tcp.set_nodelay(true).unwrap();
    for piece in V2.chunks(5) {
        tcp.write_all(piece).await.unwrap();
        tokio::task::yield_now().await;
    }
    let mut client = speak(tcp).await.unwrap();
    assert_granted(&client.post_form("/plain/", LIST).await.unwrap());
    assert_eq!(front.last_caller(), "192.0.2.8");
}

#[tokio::test]
async fn a_proxy_network_without_the_header_is_not_served() {
    let front = front();
    assert!(speak(connect(&front, "127.0.0.3").await).await.is_err());
}

#[tokio::test]
async fn a_proxy_header_that_is_never_finished_has_a_deadline() {
    let front = Front::start_with(|settings| {
        settings.proxy_protocol_from = vec!["127.0.0.3".parse().unwrap()];
        settings.handshake_timeout = Duration::from_millis(300);
    });
    for unfinished in [&b""[..], b"PROXY TCP4 192.0.2.7", &V2[..20]] {
        let mut tcp = connect(&front, "127.0.0.3").await;
        tcp.write_all(unfinished).await.unwrap();
        let received = timeout(PATIENCE, tcp.read(&mut [0; 1]))
            .await
            .expect("it is closed");
        assert_eq!(received.unwrap_or(0), 0);
    }
}

#[tokio::test]
async fn a_proxy_header_from_elsewhere_is_garbage() {
    let front = front();
    let mut tcp = connect(&front, "127.0.0.2").await;
    tcp.write_all(V1).await.unwrap();
    assert!(speak(tcp).await.is_err());
}

#[tokio::test]
async fn clients_behind_a_proxy_are_counted_one_by_one() {
    let front = Front::start_with(|settings| {
        settings.proxy_protocol_from = vec!["127.0.0.3".parse().unwrap()];
        settings.connections_per_source = 2;
    });
    let mut held = Vec::new();
    for _ in 0..2 {
        let mut tcp = connect(&front, "127.0.0.3").await;
        tcp.write_all(V1).await.unwrap();
        held.push(speak(tcp).await.unwrap());
    }
    let mut third = connect(&front, "127.0.0.3").await;
    third.write_all(V1).await.unwrap();
    assert_eq!(third.read(&mut [0; 1]).await.unwrap_or(0), 0, "it is closed");

    let mut tcp = connect(&front, "127.0.0.3").await;
    tcp.write_all(V2).await.unwrap();
    let mut another = speak(tcp).await.unwrap();
    assert_granted(&another.post_form("/plain/", LIST).await.unwrap());
}

#[tokio::test]
async fn a_believed_proxy_is_believed_from_the_right_and_others_are_not() {
    let front = front();
    let request = format!(
        "POST /plain/ HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 9.9.9.9\r\nX-Forwarded-For: 10.0.0.7\r\n\
         Content-Length: {}\r\n\r\n{LIST}",
        LIST.len()
    );
    for (source, client_address) in [("127.0.0.4", "10.0.0.7"), ("127.0.0.2", "127.0.0.2")] {
        let mut client = front.client_from(source).await;
        client.send(request.as_bytes()).await.unwrap();
        assert_granted(&client.receive().await.unwrap());
        assert_eq!(front.last_caller(), client_address);
    }
}

#[tokio::test]
async fn a_believed_proxy_has_no_limit_of_its_own() {
    let front = Front::start_with(|settings| {
        settings.forwarded_for_from = vec!["127.0.0.4".parse().unwrap()];
        settings.connections_per_source = 1;
    });
    let mut held = Vec::new();
    for _ in 0..3 {
        held.push(front.client_from("127.0.0.4").await);
    }
    for client in &mut held {
        assert_granted(&client.post_form("/plain/", LIST).await.unwrap());
    }
}
