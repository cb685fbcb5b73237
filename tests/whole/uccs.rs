//! The UCCS door: the real client of a greeter against the whole program.

use std::process::Output;

use serde_json::{Value as Json, json};

use super::lab::broker::Broker;
use super::lab::greeter;
use super::lab::https::{Answer, HttpsClient, Trust};
use super::lab::process::wait_for;
use super::lab::site::{self, Reach, Site};
use super::lab::slapd::{self, Slapd};

/// The servers that the client got.
fn servers(output: &Output) -> Json {
    let said = String::from_utf8_lossy(&output.stdout);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{error}");
    let list: Json = serde_json::from_str(&said).unwrap();
    list["RemoteDesktopServers"].clone()
}

/// What the broker answers to these bytes.
async fn answer(broker: &Broker, bytes: &[u8]) -> Answer {
    let client = HttpsClient::connect(broker.address, Trust::Anybody, None).await;
    let mut client = client.unwrap();
    client.send(bytes).await.unwrap();
    client.receive().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_greeter_gets_what_may_be_started_and_where() {
    let site = Site::start(Reach::Plain);
    let url = format!("http://127.0.0.1:{}/", site.host_port());
    let server = |name: &str, command: &str, keys: [&str; 2]| {
        json!({"Protocol": "x2go", "Name": name, "URL": url, "Username": "alice", "Password": "",
            keys[0]: command, keys[1]: false})
    };
    for (api, keys) in [
        ("5", ["Command", "CommandRequired"]),
        ("4", ["SessionType", "SessionTypeRequired"]),
    ] {
        let output = greeter::ask(site.broker.address, api, "alice", "alice-secret");
        let expected = json!([server("Office", "MATE", keys), server("Terminal", "xterm", keys)]);
        assert_eq!(servers(&output), expected);
    }
    let log = site.broker.log();
    assert!(
        log.contains("\"door\":\"uccs\"") && log.contains("\"hosts\":[\"main/ts01\"]"),
        "{log}"
    );
    // There is nobody to show a ticket again, so none is kept.
    let tickets = site.broker.ask(&["tickets", "--format", "json"]);
    assert!(
        !String::from_utf8_lossy(&tickets.stdout).contains("alice"),
        "{tickets:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_greeter_is_refused_as_for_a_wrong_password() {
    let site = Site::start(Reach::Plain);
    for (user, password) in [("alice", "wrong"), ("nobody", "nobody-secret"), ("alice", "")] {
        let output = greeter::ask(site.broker.address, "5", user, password);
        assert_eq!(output.status.code(), Some(2), "{output:?}");
    }
    assert_eq!(site.slapd.binds(&slapd::person("alice")), 1);
    let unproven = answer(&site.broker, b"GET /uccs/x//api/5/ HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert_eq!((unproven.status, unproven.text()), (401, "{}\n"));
    assert!(unproven.header("www-authenticate").unwrap().starts_with("Basic "));
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_too_long_for_a_line_log_in() {
    let name = "somebody-with-a-name-so-long-that-it-does-not-fit-into-a-line";
    let directory = Slapd::start(&site::staff(name));
    let host = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = host.local_addr().unwrap().port();
    let broker = Broker::start(&site::configuration(&directory, Reach::Plain, port));
    let output = greeter::ask(broker.address, "5", name, &format!("{name}-secret"));
    assert_eq!(servers(&output).as_array().unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_profile_without_a_host_is_no_server_and_a_notice_neither() {
    let mut site = Site::start(Reach::Plain);
    let configuration = site::configuration(&site.slapd, Reach::Plain, site.host_port());
    let notices = "[notices]\nno_profiles = true\n";
    site.broker.write_configuration(&(configuration + notices));
    assert!(site.broker.ask(&["reload"]).status.success());
    // Somebody of no group, who is shown a notice at other doors.
    let output = greeter::ask(site.broker.address, "5", "erin", "erin-secret");
    assert_eq!(servers(&output), json!([]));
    let list = site.list("erin").await;
    assert!(list.contains("notice-no-profiles"), "{list}");
    site.host = None;
    wait_for("a host that is down", || {
        let hosts = site.broker.ask(&["hosts", "--format", "json"]);
        String::from_utf8_lossy(&hosts.stdout)
            .contains("\"down\"")
            .then_some(())
    });
    let output = greeter::ask(site.broker.address, "5", "alice", "alice-secret");
    assert_eq!(servers(&output), json!([]));
    let log = site.broker.log();
    assert!(log.contains("\"no_host\":\"no host takes a new session"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_takes_the_lease_that_a_select_renews() {
    let site = Site::start(Reach::Plain);
    let leases = || {
        let status = site.broker.ask(&["hosts", "--format", "json"]);
        let hosts: Json = serde_json::from_slice(&status.stdout).unwrap();
        hosts[0]["leases"].as_u64().unwrap()
    };
    for _ in 0..3 {
        let output = greeter::ask(site.broker.address, "5", "alice", "alice-secret");
        assert_eq!(servers(&output).as_array().unwrap().len(), 2);
        assert_eq!(leases(), 1);
    }
    let selected = site.post(&site::select("office", "alice", "")).await;
    assert!(selected.contains("SERVER:127.0.0.1"), "{selected}");
    assert_eq!(leases(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_head_that_looks_for_a_broker_is_answered() {
    let site = Site::start(Reach::Plain);
    for path in ["/uccs/inifile/", "/uccs/inifile", "/uccs"] {
        let head = format!("HEAD {path} HTTP/1.1\r\nHost: x\r\n\r\n");
        let client = HttpsClient::connect(site.broker.address, Trust::Anybody, None).await;
        let mut client = client.unwrap();
        client.send(head.as_bytes()).await.unwrap();
        let mut stream = client.into_stream();
        let mut first = [0; 15];
        tokio::io::AsyncReadExt::read_exact(&mut stream, &mut first)
            .await
            .unwrap();
        assert_eq!(&first, b"HTTP/1.1 200 OK", "{path}");
    }
    for (request, status) in [
        ("GET /uccs/x//api/3/", 404),
        ("POST /uccs/x//api/5/", 405),
        ("GET /uccs/a/b/c", 404),
    ] {
        let request = format!("{request} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n");
        assert_eq!(answer(&site.broker, request.as_bytes()).await.status, status);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_first_request_of_a_connection_has_its_lines_joined() {
    let site = Site::start(Reach::Plain);
    // Of the right length for a full line, and of nobody.
    let wrapped = format!("Authorization: Basic {}\nQUJD\n\r\n\r\n", "QUJD".repeat(19));
    let request = format!("GET /uccs/inifile//api/5/ HTTP/1.1\r\nHost: x\r\n{wrapped}");
    let client = HttpsClient::connect(site.broker.address, Trust::Anybody, None).await;
    let mut client = client.unwrap();
    client.send(request.as_bytes()).await.unwrap();
    assert_eq!(client.receive().await.unwrap().status, 401);
    // The empty line too many is no request, and the connection goes on.
    assert_eq!(client.get("/healthz").await.unwrap().status, 200);
    client.send(request.as_bytes()).await.unwrap();
    assert_eq!(client.receive().await.unwrap().status, 400);
    client.closed().await.unwrap();
    for elsewhere in ["GET /plain/", "POST /uccs/x//api/5/", "GET /json/"] {
        let request = format!("{elsewhere} HTTP/1.1\r\nHost: x\r\n{wrapped}");
        assert_eq!(answer(&site.broker, request.as_bytes()).await.status, 400);
    }
}
