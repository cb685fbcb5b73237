//! Whose keys come to which hosts, whatever a client says.

use std::time::Duration;

use super::site::{Held, OFFICE, Site, server};
use crate::lab::site::{list, select, ticket};

/// The middle of a client's own public key.
pub const CLIENTS_KEY: &str = "AAAAC3NzaC1lZDI1NTE5AAAAIAjVXXlEzLMsFCN4KNd9rBuCHpZPRPUrVTBIpYqmSxBG";

/// The form at the JSON door of somebody who selects a profile with a key of their own.
pub fn select_with_key(profile: &str, user: &str) -> String {
    format!("{}&password={user}-secret", select_with_key_only(profile, user))
}

/// The same without a password.
fn select_with_key_only(profile: &str, user: &str) -> String {
    format!(
        "task=selectsession&profile-id={profile}&user={user}&pubkey=ssh-ed25519+{CLIENTS_KEY}+{user}@desk"
    )
}

/// Selects as alice until there is a key in the answer: the broker's first pairs take a while on a busy machine.
async fn selected_with_key(site: &Site, profile: &str) -> String {
    for _ in 0..6 {
        let answer = site.selected(profile, "alice").await;
        if answer.contains("PRIVATE KEY") {
            return answer;
        }
        tokio::time::sleep(Duration::from_secs(3)).await;
    }
    panic!("no key: {}", site.broker.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ssh_proxy_has_the_key_too_and_no_host_looks_at_the_clients_address() {
    let site = Site::start(
        86,
        "[keys]\nfrom_client = true\n\
         [profile.far]\nname = \"Far\"\ncommand = \"XFCE\"\nusesshproxy = true\n\
         sshproxyhost = \"127.0.86.2\"\nsshproxyport = {port}\n\
         [rule.far]\ngroups = [\"staff\"]\nprofiles = [\"far\"]",
        "autologin = true",
    );
    let (ts01, ts02) = (site.address(1), site.address(2));
    // Nothing starts on the proxy.
    assert!(site.broker.ask(&["drain", "ts02"]).status.success());

    assert_eq!(server(&selected_with_key(&site, "office").await), ts01);
    let direct = site.database.placed();
    assert!(!direct.is_empty());
    for line in &direct {
        assert!(line.contains("from=127.0.0.1") && line.contains(&ts01), "{line}");
    }

    assert_eq!(server(&selected_with_key(&site, "far").await), ts01);
    let through = site.database.placed().split_off(direct.len());
    for host in [ts01, ts02] {
        let there = format!(" {host} ");
        let placed = |line: &String| line.contains(&there) && line.contains(" alice addauthkey ");
        assert!(through.iter().any(placed), "{through:?}");
    }
    assert!(!through.iter().any(|line| line.contains("from=")), "{through:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_names_somebody_else_gets_neither_their_sessions_nor_a_key() {
    let site = Site::start(87, "[keys]\nclient_keys = true", "autologin = true");
    let bobs = Held {
        user: "bob",
        kind: "DXFCE",
        server: "ts01",
    };
    site.database.hold(&[OFFICE, bobs]);
    // As herself she has both.
    let answer = selected_with_key(&site, "office").await;
    assert!(answer.contains("SESSION_INFO:"), "no session");
    let placed = site.database.placed();
    let none_is_placed = || assert_eq!(site.database.placed(), placed);

    let own = select("office", "alice", "");
    for login in ["mallory", "bob", "root"] {
        let typed = own.replace("login=alice", &format!("login={login}"));
        let answer = site.post(&typed).await;
        assert!(server(&answer).starts_with("127.0.87."), "{answer}");
        assert!(!answer.contains("PRIVATE KEY"), "{login}");
        assert!(!answer.contains("SESSION_INFO"), "{login}: {answer}");
    }
    none_is_placed();

    // Her ticket is nobody else's, and bob's profile is not hers.
    let hers = ticket(&site.post(&list("alice", "alice-secret", "")).await).to_owned();
    for form in [
        format!("task=selectsession&sid=xfce&user=bob&password=&authid={hers}&login=bob"),
        select("xfce", "alice", ""),
        select("xfce", "alice", "").replace("login=alice", "login=bob"),
    ] {
        let answer = site.post(&form).await;
        assert!(!answer.contains("SERVER:"), "{form}: {answer}");
        assert!(!answer.contains("PRIVATE KEY"), "{form}");
    }
    none_is_placed();

    let (_, listed) = site
        .post_json("task=listprofiles&user=alice&password=alice-secret")
        .await;
    let hers = listed["next-authid"].as_str().unwrap();
    for form in [
        format!("{}&authid={hers}", select_with_key_only("xfce", "bob")),
        format!("{}&authid={hers}", select_with_key_only("office", "bob")),
        select_with_key("xfce", "alice"),
        select_with_key("xfce", "alice").replace("profile-id=", "sid="),
        select_with_key("xfce", "alice") + "&login=bob",
    ] {
        let (status, answer) = site.post_json(&form).await;
        assert_eq!(status, 401, "{form}: {answer}");
        assert_eq!(answer, serde_json::json!({}), "{form}");
    }
    none_is_placed();

    // At this door nobody asks for a login.
    let login_of_bob = select_with_key("office", "alice") + "&login=bob";
    let (_, answer) = site.post_json(&login_of_bob).await;
    assert_eq!(
        answer["selected_session"]["authentication_pubkey"], "ACCEPTED",
        "{answer}"
    );
    let now_placed = site.database.placed();
    assert_eq!(now_placed.len(), placed.len() + 1, "{now_placed:?}");
    let all_hers = now_placed.iter().all(|line| line.contains(" alice addauthkey "));
    assert!(all_hers, "{now_placed:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn selects_beside_a_session_count_like_others() {
    let site = Site::start(88, "[keys]\nclient_keys = true", "autologin = true");
    site.database.hold(&[OFFICE]);
    let form = select_with_key("office", "alice");
    for _ in 0..10 {
        let (_, answer) = site.post_json(&form).await;
        assert_eq!(answer["selected_session"]["server"], site.address(1), "{answer}");
    }
    let (status, answer) = site.post_json(&form).await;
    assert_eq!(status, 200);
    let none = serde_json::json!({"server": "No servers available", "port": 22});
    assert_eq!(answer["selected_session"], none, "{answer}");
    assert_eq!(site.database.placed().len(), 10);
}
