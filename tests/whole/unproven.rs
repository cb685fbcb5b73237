//! Authentication `"none"`: names are taken as they come, and the rules decide by them and by the address.

use std::net::{IpAddr, Ipv4Addr, TcpListener};

use crate::lab::broker::Broker;
use crate::lab::site::{post_from, profiles};

const HALL: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 5, 0, 1));
const ELSEWHERE: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 6, 0, 1));

fn configuration(port: u16) -> String {
    format!(
        r#"
[authentication]
methods = ["none"]
[farm.hall.hosts.ts01]
address = "127.0.0.1"
port = {port}
[profile_defaults]
farm = "hall"
[profile.kiosk]
name = "Kiosk"
[profile.desk]
name = "Desk of ${{user}}"
[rule.kiosk]
everyone = true
clients = ["127.5.0.0/16"]
profiles = ["kiosk"]
[rule.desk]
users = ["alice"]
clients = ["127.5.0.0/16", "127.6.0.0/16"]
profiles = ["desk"]
"#
    )
}

/// What X2Go Client sends that was started with `--broker-noauth` and a name in its URL.
fn list(user: &str) -> String {
    format!("task=listsessions&user={user}&password=&authid=")
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_go_by_name_and_address_where_nobody_proves_anything() {
    let host = TcpListener::bind("127.0.0.1:0").unwrap();
    let broker = Broker::start(&configuration(host.local_addr().unwrap().port()));
    let post = async |from, form: &str| post_from(broker.address, Some(from), form).await;

    let (_, alice) = post(HALL, &list("Alice%20")).await;
    assert_eq!(profiles(&alice), ["desk", "kiosk"]);
    assert!(alice.contains("name=\"Desk of alice\""), "{alice}");
    assert!(!alice.contains("AUTHID"), "{alice}");
    assert_eq!(profiles(&post(ELSEWHERE, &list("alice")).await.1), ["desk"]);
    assert_eq!(profiles(&post(HALL, &list("bob")).await.1), ["kiosk"]);
    let (_, nothing) = post(ELSEWHERE, &list("bob")).await;
    assert!(profiles(&nothing).is_empty(), "{nothing}");

    let select = "task=selectsession&sid=desk&user=alice&password=&authid=&login=alice";
    let (_, selected) = post(HALL, select).await;
    assert!(selected.contains("SERVER:127.0.0.1"), "{selected}");
    assert!(
        !selected.contains("AUTHID") && !selected.contains("SESSION_INFO"),
        "{selected}"
    );
    let (_, other) = post(HALL, &select.replace("user=alice", "user=bob")).await;
    assert!(!other.contains("Access granted"), "{other}");

    let (_, nameless) = post(HALL, &list("")).await;
    assert_eq!(profiles(&nameless), ["kiosk"]);
    assert!(nameless.contains("\nuser=\"\"\n"), "{nameless}");
    let (_, selected) = post(
        HALL,
        "task=selectsession&sid=kiosk&user=&password=&authid=&login=guest",
    )
    .await;
    assert!(selected.contains("SERVER:127.0.0.1"), "{selected}");
    let (_, other) = post(HALL, "task=selectsession&sid=desk&user=&password=&authid=").await;
    assert!(!other.contains("Access granted"), "{other}");
    let setpass = "task=setpass&newpass=better&user=alice&password=old&authid=";
    assert!(!post(HALL, setpass).await.1.contains("Access granted"));
    let event = "task=clientevent&user=alice&password=&sid=s&event=ALIVE&server=ts01&client=&login=alice&cmd=&\
                 display=&start=&elapsed=0&authid=";
    assert_eq!(post(HALL, event).await.0, 403);

    let log = broker.log();
    assert!(log.contains("WARN") && log.contains("whoever reaches the broker is whom they say they are"));
    assert!(
        log.contains(r#""account":"none:alice","typed":"Alice ","proof":"none""#),
        "{log}"
    );
    assert!(
        log.contains(r#""account":"none:anonymous-127.5.0.1","proof":"none""#),
        "{log}"
    );
    let explained = broker.run(&["explain", "alice", "--from", "127.6.0.1"]);
    let explained = String::from_utf8(explained.stdout).unwrap();
    assert!(
        explained.contains("desk") && explained.contains("kiosk"),
        "{explained}"
    );
}
