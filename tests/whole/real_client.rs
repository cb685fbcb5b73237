//! The whole way with nothing stood in for: X2Go Client at a display, this broker over HTTPS, OpenLDAP, rules,
//! and a session on an X2Go server. Needs root, for the X2Go server's sshd and its throw-away account.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use super::lab::broker::Broker;
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
        let broker = Broker::start(&configuration(&directory, &host));
        Self {
            broker,
            directory,
            host,
            display: Display::start(),
        }
    }

    fn client(&self, name: &str) -> X2goClient<'_> {
        let url = format!("https://localhost:{}/plain/", self.broker.address.port());
        let trusted = fs::read_to_string(self.broker.state().join("self-signed-certificate.pem")).unwrap();
        X2goClient::start(&self.display, self.host.account(), &url, &trusted, name)
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the broker's log:\n{}", self.broker.log());
        }
    }
}

fn configuration(directory: &Slapd, host: &X2goHost) -> String {
    let password_file = directory.ca_file().with_file_name("service-password");
    fs::write(&password_file, slapd::SERVICE_PASSWORD).unwrap();
    fs::set_permissions(&password_file, fs::Permissions::from_mode(0o600)).unwrap();
    format!(
        "[directory.ldap]
urls = [\"ldaps://localhost:{}\"]
ca_file = \"{}\"
bind_dn = \"{}\"
bind_password_file = \"{}\"
base_dn = \"{}\"
schema = \"rfc2307bis\"
[farm.lab.hosts.here]
address = \"127.0.0.1\"
port = {}
{PROFILES_AND_RULES}",
        directory.ldaps_port(),
        directory.ca_file().display(),
        slapd::SERVICE,
        password_file.display(),
        slapd::BASE,
        host.port(),
    )
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
