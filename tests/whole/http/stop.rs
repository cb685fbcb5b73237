//! The graceful stop.

use std::time::Duration;

use super::{Front, LIST, assert_granted};
use crate::lab::https::tcp;

const WAITING: &str = "task=listsessions&user=waiting&password=x&authid=";

#[tokio::test]
async fn a_request_under_way_is_answered_and_its_connection_closed() {
    let front = Front::start();
    let mut idle = front.client().await;
    assert_granted(&idle.post_form("/plain/", LIST).await.unwrap());
    let mut busy = front.client().await;
    let (address, echo) = (front.address, front.operations);
    let request = tokio::spawn(async move {
        let answer = busy.post_form("/plain/", WAITING).await.unwrap();
        busy.closed().await.unwrap();
        answer
    });
    echo.begun.acquire().await.unwrap().forget();

    let stopped = tokio::spawn(front.server.shutdown());
    idle.closed().await.unwrap();
    while tcp(address, None).await.is_ok() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(!stopped.is_finished());
    echo.release.add_permits(1);
    assert_granted(&request.await.unwrap());
    stopped.await.unwrap();
}

#[tokio::test]
async fn what_never_ends_is_cut_off() {
    let front = Front::start_with(|settings| settings.drain_timeout = Duration::from_millis(100));
    let mut client = front.client().await;
    let body = "task=listsessions&user=waiting&password=x&authid=";
    let head = format!(
        "POST /plain/ HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    client.send((head + body).as_bytes()).await.unwrap();
    front.operations.begun.acquire().await.unwrap().forget();
    front.server.shutdown().await;
    client.closed().await.unwrap();
}
