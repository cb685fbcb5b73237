//! The whole way with nothing stood in for: X2Go Client at a display, this broker over HTTPS, OpenLDAP, rules,
//! and a session on an X2Go server. Needs root, for the X2Go server's sshd and its throw-away account.

use std::fs;
use std::time::Duration;

use super::lab::broker::{self, Broker};
use super::lab::display::Display;
use super::lab::process::patiently;
use super::lab::slapd::{self, Slapd};
use super::lab::x2go_client::X2goClient;
use super::lab::x2go_host::X2goHost;

/// Three profiles: one for staff, one for everybody, and one that no test user may have.
const PROFILES_AND_RULES: &str = r#"
[profile_defaults]
usebrokerpass = true
rootless = true
sound = false
print = false
[profile.terminal]
name = "Terminal"
farm = "lab"
command = "TERMINAL"
[profile.editor]
name = "Office/Editor"
farm = "lab"
command = "xterm"
[profile.payroll]
name = "Payroll"
farm = "lab"
command = "xterm"
[rule.everyone]
everyone = true
profiles = ["terminal"]
[rule.staff]
groups = ["staff"]
profiles = ["editor"]
[rule.payroll]
groups = ["payroll"]
profiles = ["payroll"]
"#;

/// One person who is staff, in the directory and, with the same password, on an X2Go server; and a broker between.
struct Site {
    broker: Broker,
    directory: Slapd,
    host: X2goHost,
    display: Display,
}

impl Site {
    fn start() -> Self {
        let host = X2goHost::start();
        let name = &host.account().name;
        let other = "payrollclerk";
        let directory = Slapd::start(&format!(
            "{}{}{}",
            slapd::people(&[name, other]),
            slapd::group_of_names("staff", &[&slapd::person(name)]),
            slapd::group_of_names("payroll", &[&slapd::person(other)]),
        ));
        let broker = Broker::start(&format!(
            "{}{}{PROFILES_AND_RULES}",
            broker::directory(&directory),
            broker::farm("lab", &host),
        ));
        Self {
            broker,
            directory,
            host,
            display: Display::start(),
        }
    }

    fn client(&self, name: &str) -> X2goClient<'_> {
        X2goClient::start(
            &self.display,
            self.host.account(),
            &self.broker.url(),
            self.broker.authority(),
            name,
        )
    }
}

#[test]
fn a_directory_user_sees_their_profiles_and_gets_a_real_session() {
    let site = Site::start();
    let account = site.host.account();
    let client = site.client("session");

    client.log_in(&account.name, &account.password);
    assert_eq!(client.profiles(), ["editor", "terminal"]);
    site.display.screenshot("profiles");
    let payroll = client.log().contains("Payroll");
    assert!(!payroll, "a profile of others reached the client");

    client.choose("Terminal");
    let session = client.session();
    let running = patiently(Duration::from_secs(20), || {
        site.host
            .sessions()
            .into_iter()
            .find(|known| known.id == session && known.state == "R")
    });
    assert!(running.is_some(), "x2golistsessions: {:?}", site.host.sessions());

    // The proof that the session is this user's and alive: what is typed here is done there.
    let shell = client.wait_for_window("the session's shell", |title| {
        title.starts_with(&format!("{}@", account.name))
    });
    site.display.activate(&shell);
    site.display.type_text("id -un > was-here");
    site.display.press("Return");
    let proof = account.home.join("was-here");
    let written = patiently(Duration::from_secs(20), || {
        fs::read_to_string(&proof)
            .ok()
            .filter(|text| text.ends_with('\n'))
    });
    site.display.screenshot("session");
    assert_eq!(written, Some(format!("{}\n", account.name)));
}

#[test]
fn a_wrong_password_is_refused_in_a_box_and_costs_one_bind() {
    let site = Site::start();
    let account = site.host.account();
    let client = site.client("refusal");
    let person = slapd::person(&account.name);

    client.log_in(&account.name, "not-the-password");
    client.dismiss_login_failed();
    assert_eq!(site.directory.binds(&person), 1);

    // The client goes on: the right password lets the same person in.
    client.retry(&account.password);
    assert_eq!(client.profiles(), ["editor", "terminal"]);
    assert_eq!(site.directory.binds(&person), 2);
}
