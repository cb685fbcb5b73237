//! A small site: a directory, X2Go hosts as far as the broker sees them, and the broker.

use std::net::{IpAddr, SocketAddr, TcpListener};

use super::broker::Broker;
use super::https::{HttpsClient, Trust};
use super::slapd::{self, Slapd};

/// How the broker reaches the directory.
#[derive(Debug, Clone, Copy)]
pub enum Reach {
    /// `ldap://` on loopback.
    Plain,
    /// `ldap://` with StartTLS.
    StartTls,
    /// `ldaps://`
    Tls,
}

/// The people of [`Site`]: alice is staff, bob a student, carol both, dave in helpdesk, which is in it, which is
/// in staff; erin is in no group.
pub fn directory() -> String {
    let member = |names: &[&str]| names.iter().map(|name| slapd::person(name)).collect::<Vec<_>>();
    let group = |name: &str, members: &[String]| {
        slapd::group_of_names(name, &members.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let mut ldif = slapd::people(&["alice", "bob", "carol", "dave", "erin"]);
    ldif += &group(
        "staff",
        &[member(&["alice", "carol"]), vec![slapd::group("it")]].concat(),
    );
    ldif += &group("it", &[slapd::group("helpdesk")]);
    ldif += &group("helpdesk", &member(&["dave"]));
    ldif += &group("students", &member(&["bob", "carol"]));
    ldif
}

/// One person, who is staff.
pub fn staff(name: &str) -> String {
    slapd::people(&[name]) + &slapd::group_of_names("staff", &[&slapd::person(name)])
}

/// A running site.
pub struct Site {
    /// The broker.
    pub broker: Broker,
    /// Its directory.
    pub slapd: Slapd,
    /// Its host `ts01`, as long as this listens.
    pub host: Option<TcpListener>,
}

impl Site {
    /// A site whose broker reaches the directory like that.
    pub fn start(reach: Reach) -> Self {
        let slapd = Slapd::start(&directory());
        let host = TcpListener::bind("127.0.0.1:0").expect("host");
        let configuration = configuration(&slapd, reach, host.local_addr().expect("host").port());
        Self {
            broker: Broker::start(&configuration),
            slapd,
            host: Some(host),
        }
    }

    /// Lists as somebody whose password is `NAME-secret`, on a connection of its own.
    pub async fn list(&self, user: &str) -> String {
        self.post(&list(user, &format!("{user}-secret"), "")).await
    }

    /// Posts a form on a connection of its own and gives the body of the answer, which must be a 200.
    pub async fn post(&self, form: &str) -> String {
        let (status, body) = post_from(self.broker.address, None, form).await;
        assert_eq!(status, 200, "{form}: {body}");
        body
    }

    /// The port of its host.
    pub fn host_port(&self) -> u16 {
        self.host
            .as_ref()
            .and_then(|host| host.local_addr().ok())
            .expect("the host is up")
            .port()
    }
}

/// Posts a form from `source`, and gives the status and the body of the answer.
pub async fn post_from(broker: SocketAddr, source: Option<IpAddr>, form: &str) -> (u16, String) {
    let mut client = HttpsClient::connect(broker, Trust::Anybody, source)
        .await
        .expect("connection");
    let answer = client.post_form("/plain/", form).await.expect("answer");
    (answer.status, answer.text().to_owned())
}

/// The form of a `listsessions`.
pub fn list(user: &str, password: &str, ticket: &str) -> String {
    format!("task=listsessions&user={user}&password={password}&authid={ticket}")
}

/// The form of a `selectsession`.
pub fn select(profile: &str, user: &str, ticket: &str) -> String {
    format!(
        "task=selectsession&sid={profile}&user={user}&password={user}-secret&authid={ticket}&login={user}"
    )
}

/// The ids of the profiles in a list.
pub fn profiles(list: &str) -> Vec<&str> {
    let (_, rest) = list
        .split_once("START_USER_SESSIONS\n")
        .unwrap_or_else(|| panic!("no list: {list}"));
    let (ini, _) = rest.split_once("END_USER_SESSIONS\n").expect("end of the list");
    ini.lines()
        .filter_map(|line| line.strip_prefix('[')?.strip_suffix(']'))
        .collect()
}

/// The ticket in a reply.
pub fn ticket(reply: &str) -> &str {
    let (_, rest) = reply
        .split_once("AUTHID:")
        .unwrap_or_else(|| panic!("no ticket: {reply}"));
    rest.lines().next().expect("ticket")
}

/// The configuration of the broker of a site: staff get `office` and `terminal`, students `xfce`, and `xfce` is
/// taken from staff who come from 127.9.0.0/16.
pub fn configuration(slapd: &Slapd, reach: Reach, host_port: u16) -> String {
    let (url, start_tls) = match reach {
        Reach::Plain => (format!("ldap://127.0.0.1:{}", slapd.ldap_port()), false),
        Reach::StartTls => (format!("ldap://localhost:{}", slapd.ldap_port()), true),
        Reach::Tls => (format!("ldaps://localhost:{}", slapd.ldaps_port()), false),
    };
    let protection = format!(
        "[directory.ldap]\nca_file = \"{}\"\nstart_tls = {start_tls}\n",
        slapd.ca_file().display()
    );
    configuration_at(&url, host_port).replace("[directory.ldap]\n", &protection)
}

/// The same for any directory, without what protects the way to it.
pub fn configuration_at(url: &str, host_port: u16) -> String {
    format!(
        r#"
[directory.ldap]
urls = ["{url}"]
bind_dn = "{service}"
bind_password_file = "service-password"
base_dn = "{base}"
schema = "rfc2307bis"

[farm.main.hosts.ts01]
address = "127.0.0.1"
port = {host_port}

[profile_defaults]
farm = "main"
usebrokerpass = true

[profile.xfce]
name = "XFCE of ${{user}}"
command = "XFCE"

[profile.office]
name = "Office"
command = "MATE"

[profile.terminal]
name = "Terminal"
command = "xterm"
rootless = true

[rule.students]
groups = ["students"]
profiles = ["xfce"]

[rule.staff]
groups = ["staff"]
profiles = ["office", "terminal"]

[rule.not-from-the-hall]
groups = ["staff"]
clients = ["127.9.0.0/16"]
deny = true
profiles = ["xfce"]
"#,
        service = slapd::SERVICE,
        base = slapd::BASE,
    )
}
