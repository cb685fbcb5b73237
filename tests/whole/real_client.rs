//! The whole way with nothing stood in for: X2Go Client at a display, this broker over HTTPS, OpenLDAP, rules,
//! and a session on an X2Go server. Needs root, for the X2Go server's sshd and its throw-away account.

use std::fs;
use std::time::Duration;

use super::lab::broker::Broker;
use super::lab::display::Display;
use super::lab::process::patiently;
use super::lab::site::{self, Reach};
use super::lab::slapd::{self, Slapd};
use super::lab::x2go_client::X2goClient;
use super::lab::x2go_host::X2goHost;

/// A desk in a site with a real X2Go server: one person who is staff, in the directory and, with the same password,
/// on that server.
struct Desk {
    broker: Broker,
    directory: Slapd,
    host: X2goHost,
    display: Display,
}

impl Desk {
    fn start() -> Self {
        let host = X2goHost::start();
        let name = &host.account().name;
        let directory = Slapd::start(&site::staff(name));
        let mut configuration = site::configuration(&directory, Reach::Tls, host.port());
        configuration += "[notices.message.news]\ntext = \"Closed on 24/12\"\n";
        Self {
            broker: Broker::start(&configuration),
            directory,
            host,
            display: Display::start(),
        }
    }

    fn client(&self, name: &str) -> X2goClient<'_> {
        let url = format!("https://localhost:{}/plain/", self.broker.address.port());
        X2goClient::start(
            &self.display,
            self.host.account(),
            &url,
            &self.broker.certificate(),
            name,
        )
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the broker's log:\n{}", self.broker.log());
        }
    }
}

#[test]
fn a_directory_user_sees_their_profiles_and_gets_a_real_session() {
    let desk = Desk::start();
    let account = desk.host.account();
    let client = desk.client("session");

    client.log_in(&account.name, &account.password);
    assert_eq!(client.profiles(), ["notice-message-news", "office", "terminal"]);
    desk.display.screenshot("profiles");
    let others = client.log().contains("XFCE");
    assert!(!others, "a profile of students reached the client");

    // A notice starts nothing, and the client goes on.
    client.choose("Closed");
    client.dismiss_no_server();

    client.choose("Terminal");
    let session = client.session();
    let running = patiently(Duration::from_secs(20), || {
        desk.host
            .sessions()
            .into_iter()
            .find(|known| known.id == session && known.state == "R")
    });
    assert!(running.is_some(), "x2golistsessions: {:?}", desk.host.sessions());

    // The proof that the session is this user's and alive: what is typed here is done there.
    let shell = client.wait_for_window("the session's shell", |title| {
        title.starts_with(&format!("{}@", account.name))
    });
    desk.display.activate(&shell);
    desk.display.type_text("id -un > was-here");
    desk.display.press("Return");
    let proof = account.home.join("was-here");
    let written = patiently(Duration::from_secs(20), || {
        fs::read_to_string(&proof)
            .ok()
            .filter(|text| text.ends_with('\n'))
    });
    desk.display.screenshot("session");
    assert_eq!(written, Some(format!("{}\n", account.name)));
}

#[test]
fn a_wrong_password_is_refused_in_a_box_and_costs_one_bind() {
    let desk = Desk::start();
    let account = desk.host.account();
    let client = desk.client("refusal");
    let person = slapd::person(&account.name);

    client.log_in(&account.name, "not-the-password");
    client.dismiss_login_failed();
    assert_eq!(desk.directory.binds(&person), 1);

    // The client goes on: the right password lets the same person in.
    client.retry(&account.password);
    assert_eq!(client.profiles(), ["notice-message-news", "office", "terminal"]);
    assert_eq!(desk.directory.binds(&person), 2);
}

#[test]
fn a_client_without_login_and_name_sees_what_everybody_has_and_asks_for_the_account_of_the_host() {
    let host = X2goHost::start();
    let display = Display::start();
    let account = host.account();
    let broker = Broker::start(&format!(
        r#"
[authentication]
methods = ["none"]
[farm.main.hosts.ts01]
address = "127.0.0.1"
port = {}
[profile.terminal]
name = "Terminal"
farm = "main"
command = "xterm"
rootless = true
[rule.here]
everyone = true
clients = ["127.0.0.0/8", "::1"]
profiles = ["terminal"]
"#,
        host.port()
    ));
    let url = format!("https://localhost:{}/plain/", broker.address.port());
    let trusted = broker.certificate();
    let client = X2goClient::start_with(
        &display,
        account,
        &url,
        &trusted,
        "nameless",
        &["--broker-noauth"],
    );
    assert_eq!(client.profiles(), ["terminal"]);
    client.choose("Terminal");
    client.log_in(&account.name, &account.password);
    client.session();
    let log = broker.log();
    assert!(
        log.contains("\"account\":\"none:anonymous-127.0.0.1\"") && log.contains("\"task\":\"select\""),
        "{log}"
    );
}
