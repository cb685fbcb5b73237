//! Requests that take too long, fail, or are left alone by their client.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::timeout;

use super::{Front, LIST, assert_granted, assert_refused};
use crate::lab::https::{HttpsClient, PATIENCE, Trust};

const EVENT: &str = "task=clientevent&event=ALIVE&user=never&sid=alice-50-1700000000_stDXFCE_dp24&server=ts01\
    &client=&login=alice&cmd=XFCE&display=50&start=01.01.26 10:00:00&elapsed=10&password=x&authid=";

fn list_of(user: &str) -> String {
    format!("task=listsessions&user={user}&password=x&authid=")
}

#[tokio::test]
async fn at_the_deadline_a_list_is_refused_with_200_and_an_event_with_403() {
    let front = Front::start();
    front.allow(Duration::from_millis(300));
    let mut client = front.client().await;
    assert_refused(&client.post_form("/plain/", &list_of("never")).await.unwrap());
    let event = client.post_form("/plain/", EVENT).await.unwrap();
    assert_eq!(event.status, 403);
    let callers = front.operations.callers.lock().unwrap().len();
    assert_eq!(callers, 2, "both were asked");
}

#[tokio::test]
async fn a_body_that_never_ends_is_refused_as_its_beginning_asks_and_its_connection_closed() {
    let front = Front::start_with(|settings| settings.header_timeout = Duration::from_millis(500));
    for (beginning, status) in [("task=listsessions&user=al", 200), ("task=clientevent&us", 403)] {
        let mut client = front.client().await;
        let head = "POST /plain/ HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n";
        client
            .send((head.to_owned() + beginning).as_bytes())
            .await
            .unwrap();
        let answer = client.receive().await.unwrap();
        assert_eq!(
            (answer.status, answer.text()),
            (status, "The request was refused.\n")
        );
        client.closed().await.unwrap();
    }
    assert!(front.operations.callers.lock().unwrap().is_empty());
    assert_eq!(
        front.operations.turned_away.load(Ordering::Relaxed),
        2,
        "both were noted"
    );
}

#[tokio::test]
async fn a_body_too_long_is_refused_whatever_its_user_pasted() {
    let front = Front::start();
    let mut client = front.client().await;
    let pasted = format!("task=listsessions&user=alice&password={}", "%20".repeat(32_767));
    assert_refused(&client.post_form("/plain/", &pasted).await.unwrap());
    client.closed().await.unwrap();

    let mut client = front.client().await;
    client
        .send(b"POST /plain/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        .await
        .unwrap();
    let chunk = format!("8000\r\n{}\r\n", "a".repeat(0x8000));
    for _ in 0..4 {
        client.send(chunk.as_bytes()).await.unwrap();
    }
    client.send(b"1\r\na\r\n").await.unwrap();
    assert_refused(&client.receive().await.unwrap());
    assert!(front.operations.callers.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_head_too_long_or_with_too_many_lines_is_not_waited_for() {
    let front = Front::start();
    for lines in [format!("Cookie: {}", "a".repeat(17_000)), "A: b\r\n".repeat(70)] {
        let mut client = front.client().await;
        let head = format!("GET /healthz HTTP/1.1\r\nHost: x\r\n{lines}\r\n\r\n");
        client.send(head.as_bytes()).await.unwrap();
        assert_eq!(client.receive().await.unwrap().status, 431);
        client.closed().await.unwrap();
    }
}

#[tokio::test]
async fn a_panic_costs_one_request() {
    let front = Front::start();
    let mut client = front.client().await;
    assert_refused(&client.post_form("/plain/", &list_of("panic")).await.unwrap());
    assert_granted(&client.post_form("/plain/", LIST).await.unwrap());
}

#[tokio::test]
async fn a_client_that_hangs_up_stops_nothing_half_way_and_keeps_its_place_until_then() {
    let front = Front::start_with(|settings| settings.connections_per_source = 1);
    let echo = &front.operations;
    let body = list_of("waiting");
    let head = format!(
        "POST /plain/ HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let mut client = front.client().await;
    client.send((head + &body).as_bytes()).await.unwrap();
    echo.begun.acquire().await.unwrap().forget();
    drop(client);
    for _ in 0..3 {
        let refused = HttpsClient::connect(front.address, Trust::Anybody, None).await;
        assert!(refused.is_err(), "its place is taken while the work goes on");
    }
    echo.release.add_permits(1);
    echo.done.acquire().await.unwrap().forget();
    timeout(PATIENCE, async {
        while HttpsClient::connect(front.address, Trust::Anybody, None)
            .await
            .is_err()
        {}
    })
    .await
    .expect("its place is free when the work is done");
}
