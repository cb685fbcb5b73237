//! What each path answers, and to what a real client sends.

use std::sync::atomic::Ordering;

use super::{Front, LIST, assert_granted, assert_refused};

/// What X2Go Client 4.1.2.2 sends for a first list, byte for byte.
const AS_X2GO_CLIENT: &[u8] = b"POST /plain/inifile/ HTTP/1.1\r\n\
    Host: 127.0.0.1:9480\r\n\
    Content-Type: application/x-www-form-urlencoded\r\n\
    Content-Length: 74\r\n\
    Connection: Keep-Alive\r\n\
    Accept-Encoding: gzip, deflate\r\n\
    Accept-Language: en,*\r\n\
    User-Agent: Mozilla/5.0\r\n\
    \r\n\
    task=listsessions&user=alice&password=s3cr%26t%2B%C3%A4%3D1%20x%25&authid=";

#[tokio::test]
async fn x2go_clients_own_request_is_answered_and_its_connection_kept() {
    let front = Front::start();
    let mut client = front.client().await;
    for _ in 0..3 {
        client.send(AS_X2GO_CLIENT).await.unwrap();
        let answer = client.receive().await.unwrap();
        assert_granted(&answer);
        assert_eq!(answer.header("cache-control"), Some("no-store"));
    }
}

#[tokio::test]
async fn the_plain_door_has_a_name_or_none() {
    let front = Front::start();
    let mut client = front.client().await;
    for path in [
        "/plain",
        "/plain/",
        "/plain/inifile",
        "/plain/inifile/",
        "/plain/?x=y",
    ] {
        assert_granted(&client.post_form(path, LIST).await.unwrap());
    }
    for path in [
        "/plain/a/b",
        "/plai",
        "/plains/",
        "/json/a/b",
        "//",
        "/healthz/x",
        "/%70lain/",
    ] {
        let answer = client.post_form(path, LIST).await.unwrap();
        assert_eq!((answer.status, answer.text()), (404, "Not Found\n"), "{path}");
    }
}

#[tokio::test]
async fn the_json_door_answers_as_python_x2go_needs_it() {
    let front = Front::start();
    let mut client = front.client().await;
    let list = "task=listprofiles&user=alice&password=x";
    for path in ["/json", "/json/", "/json/inifile/"] {
        let answer = client.post_form(path, list).await.unwrap();
        assert_eq!(answer.status, 200, "{path}");
        assert_eq!(answer.header("content-type"), Some("text/json; charset=utf-8"));
        let object: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(object["task"], "listprofiles");
    }
    let refused = client.post_form("/json/", "task=setpass&user=alice&password=x&newpass=y");
    let refused = refused.await.unwrap();
    assert_eq!((refused.status, refused.text()), (401, "{}\n"));
    let read = client.send(b"GET /json/ HTTP/1.1\r\nHost: x\r\n\r\n");
    read.await.unwrap();
    assert_eq!(client.receive().await.unwrap().status, 405);
}

#[tokio::test]
async fn a_body_that_is_no_request_is_refused_without_a_reason() {
    let front = Front::start();
    let mut client = front.client().await;
    let refused = client
        .post_form("/plain/", "task=listsessions&user=%01&password=x")
        .await
        .unwrap();
    assert_refused(&refused);
    for body in [
        "",
        "task=nothing",
        "\u{0}\u{1}",
        "task=selectsession&user=alice&password=x&sid=../x",
    ] {
        let answer = client.post_form("/plain/", body).await.unwrap();
        assert_refused(&answer);
        assert_eq!(answer.body, refused.body, "{body:?}");
    }
    let event = client
        .post_form("/plain/", "task=clientevent&user=alice")
        .await
        .unwrap();
    assert_eq!(event.status, 403);
}

#[tokio::test]
async fn a_connection_test_is_answered() {
    let front = Front::start();
    assert_granted(
        &front
            .client()
            .await
            .post_form("/plain/", "task=testcon")
            .await
            .unwrap(),
    );
}

#[tokio::test]
async fn wrong_methods_are_told_the_right_ones() {
    let front = Front::start();
    let mut client = front.client().await;
    let get = client.get("/plain/").await.unwrap();
    assert_eq!((get.status, get.header("allow")), (405, Some("POST")));
    for path in ["/", "/healthz", "/readyz"] {
        let post = client.post_form(path, LIST).await.unwrap();
        assert_eq!(
            (post.status, post.header("allow")),
            (405, Some("GET, HEAD")),
            "{path}"
        );
    }
}

#[tokio::test]
async fn health_is_serving_and_readiness_is_the_operations() {
    let front = Front::start();
    let mut client = front.client().await;
    assert_eq!(client.get("/healthz").await.unwrap().status, 200);
    assert_eq!(client.get("/readyz").await.unwrap().status, 200);
    front.operations.ready.store(false, Ordering::Relaxed);
    assert_eq!(client.get("/healthz").await.unwrap().status, 200);
    assert_eq!(client.get("/readyz").await.unwrap().status, 503);
}

#[tokio::test]
async fn the_public_key_is_served_where_there_is_one() {
    let front = Front::start();
    let mut client = front.client().await;
    assert_eq!(client.get("/pubkeys/").await.unwrap().status, 404);
    *front.operations.agent_key.lock().unwrap() = Some("ssh-ed25519 AAAA x2godirector".to_owned());
    for path in ["/pubkeys", "/pubkeys/"] {
        let key = client.get(path).await.unwrap();
        assert_eq!(
            (key.status, key.text()),
            (200, "ssh-ed25519 AAAA x2godirector\n"),
            "{path}"
        );
        assert_eq!(key.header("content-type"), Some("text/plain; charset=utf-8"));
    }
    assert_eq!(client.get("/pubkeys/x").await.unwrap().status, 404);
}

#[tokio::test]
async fn the_page_shows_the_line_that_connects_here() {
    let front = Front::start();
    let mut client = front.client().await;
    for (host, shown) in [
        (
            "broker.example.org:8443",
            "https://broker.example.org:8443/plain/",
        ),
        ("<b>evil</b>", "https://HOST:PORT/plain/"),
    ] {
        let request = format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n");
        client.send(request.as_bytes()).await.unwrap();
        let page = client.receive().await.unwrap();
        assert_eq!(page.status, 200);
        assert!(
            page.text().contains(&format!("x2goclient --broker-url={shown}")),
            "{}",
            page.text()
        );
        assert!(!page.text().contains("evil"));
        assert!(
            page.header("content-security-policy")
                .unwrap()
                .contains("default-src 'none'")
        );
    }
}
