//! The site that is measured: OpenLDAP with users and groups, and the built program in front of it, each a
//! process of its own on loopback.

pub mod asked;
pub mod constant;
pub mod in_process;
pub mod rates;

use std::fmt::Write as _;
use std::process::Command;
use std::time::Duration;

use crate::lab::broker::Broker;
use crate::lab::https::{HttpsClient, Trust};
use crate::lab::slapd::{self, Slapd};

/// The password of every user.
pub const PASSWORD: &str = "correct horse battery staple";
/// How many profiles a user is offered.
pub const OFFERED: usize = 3;
/// How many groups a user is in.
const GROUPS_OF_A_USER: usize = 10;
const GROUPS: usize = 100;

/// How big the site is.
pub struct Size {
    pub users: usize,
    pub profiles: usize,
    pub rules: usize,
    /// Whether the broker follows groups within groups.
    pub nested_groups: bool,
    /// Whether the broker keeps groups in memory, in step with the directory.
    pub sync: bool,
    /// How the directory keeps passwords.
    pub scheme: Scheme,
}

/// A way to keep a password, as slappasswd(8) makes it.
#[derive(Debug, Clone, Copy)]
pub struct Scheme {
    pub name: &'static str,
    arguments: &'static [&'static str],
    /// What `slapd.conf` needs for it.
    lines: &'static str,
}

/// What slapd uses unless it is told otherwise: one round of SHA-1.
pub const SSHA: Scheme = Scheme {
    name: "{SSHA}",
    arguments: &["-h", "{SSHA}"],
    lines: "",
};
/// 5,000 rounds of SHA-512, as crypt(3) does them. slapd lets one thread at a time into crypt(3).
pub const SHA512_CRYPT: Scheme = Scheme {
    name: "{CRYPT} $6$",
    arguments: &["-h", "{CRYPT}", "-c", "$6$%.16s"],
    lines: "",
};
/// Argon2, with the cost that slapd's module takes by itself.
pub const ARGON2: Scheme = Scheme {
    name: "{ARGON2}",
    arguments: &[
        "-o",
        "module-path=/usr/lib/ldap",
        "-o",
        "module-load=argon2",
        "-h",
        "{ARGON2}",
    ],
    lines: "moduleload argon2",
};

/// A running site.
pub struct Site {
    pub directory: Slapd,
    pub broker: Broker,
    pub users: Vec<String>,
    sync: bool,
}

impl Site {
    pub fn start(size: &Size) -> Self {
        Self::start_with(size, "", "")
    }

    /// With more lines for `slapd.conf`, and more of the broker's configuration.
    pub fn start_with(size: &Size, directory: &str, configured: &str) -> Self {
        let users: Vec<String> = (0..size.users).map(|at| format!("user{at}")).collect();
        let lines = format!(
            "{}\n{directory}\nmoduleload syncprov\noverlay syncprov",
            size.scheme.lines
        );
        let slapd = Slapd::start_with(&entries(&users, size.scheme), &lines);
        let configuration = configuration(&slapd, size) + configured;
        let broker = Broker::start_logging(&configuration, "info");
        let site = Self {
            directory: slapd,
            broker,
            users,
            sync: size.sync,
        };
        site.wait_until_ready();
        site.wait_for_copies(1);
        site
    }

    /// Has the directory stop writing down each operation, which costs it more than some operations do.
    pub fn silence_directory(&mut self) {
        self.directory.restart_silent();
        // Until the broker has seen that it was gone and is back.
        std::thread::sleep(Duration::from_secs(2));
        self.wait_until_ready();
        self.wait_for_copies(2);
    }

    /// Waits until groups have been copied that many times, if they are.
    fn wait_for_copies(&self, times: usize) {
        const KEPT: &str = "groups are kept in memory";
        while self.sync && self.broker.log().matches(KEPT).count() < times {
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    pub fn wait_until_ready(&self) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let mut client = self.client().await;
            while client.get("/readyz").await.unwrap().status != 200 {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        });
    }

    /// A connection to the broker.
    pub async fn client(&self) -> HttpsClient {
        HttpsClient::connect(self.broker.address, Trust::Anybody, None)
            .await
            .unwrap()
    }
}

/// Lists, and gives the ticket, if the reply has one.
pub async fn list(client: &mut HttpsClient, user: &str, ticket: &str) -> Option<String> {
    let answer = client
        .post_form("/plain/", &list_form(user, ticket))
        .await
        .unwrap();
    let text = answer.text();
    assert_eq!(text.matches("\nname=").count(), OFFERED, "{user}: {text}");
    let (_, ticket) = text.split_once("AUTHID:")?;
    ticket.lines().next().map(str::to_owned)
}

/// What X2Go Client posts for a list.
pub fn list_form(user: &str, ticket: &str) -> String {
    let password = PASSWORD.replace(' ', "%20");
    format!("task=listsessions&user={user}&password={password}&authid={ticket}")
}

/// Selects what everybody is offered, and is given a host.
pub async fn select(client: &mut HttpsClient, user: &str, ticket: &str) {
    let password = PASSWORD.replace(' ', "%20");
    let form =
        format!("task=selectsession&sid=p0&user={user}&password={password}&authid={ticket}&login={user}");
    let answer = client.post_form("/plain/", &form).await.unwrap();
    assert!(
        answer.text().contains("SERVER:127.0."),
        "{user}: {}",
        answer.text()
    );
}

fn entries(users: &[String], scheme: Scheme) -> String {
    let names: Vec<&str> = users.iter().map(String::as_str).collect();
    let hash = hash(scheme);
    let people: String = slapd::people(&names)
        .lines()
        .map(|line| match line.strip_prefix("userPassword: ") {
            Some(_) => format!("userPassword: {hash}\n"),
            None => format!("{line}\n"),
        })
        .collect();
    let groups = (0..GROUPS).map(|group| {
        let members: Vec<String> = users
            .iter()
            .enumerate()
            .filter(|(at, _)| (group + GROUPS - at % GROUPS) % GROUPS < GROUPS_OF_A_USER)
            .map(|(_, user)| slapd::person(user))
            .collect();
        let members: Vec<&str> = members.iter().map(String::as_str).collect();
        slapd::group_of_names(&format!("group-{group}"), &members)
    });
    people + &groups.collect::<String>()
}

fn hash(scheme: Scheme) -> String {
    let done = Command::new("/usr/sbin/slappasswd")
        .args(scheme.arguments)
        .args(["-n", "-s", PASSWORD])
        .output()
        .expect("slapd is installed");
    assert!(done.status.success(), "slappasswd {}", scheme.name);
    String::from_utf8(done.stdout).unwrap()
}

fn configuration(directory: &Slapd, size: &Size) -> String {
    let closed_port = slapd::free_port();
    let mut text = format!(
        "[server]
connections_per_source = 512
[directory.ldap]
urls = [\"ldap://127.0.0.1:{port}\"]
bind_dn = \"{service}\"
bind_password_file = \"service-password\"
base_dn = \"{base}\"
schema = \"rfc2307bis\"
nested_groups = {nested}
sync = {sync}
[farm.all.hosts.ts01]
address = \"127.0.0.1\"
port = {closed_port}
[profile_defaults]
farm = \"all\"
pack = \"16m-jpeg\"
quality = 9
fullscreen = true
sound = true
export = \"${{home}}/media:1;\"
",
        port = directory.ldap_port(),
        service = slapd::SERVICE,
        base = slapd::BASE,
        nested = size.nested_groups,
        sync = size.sync,
    );
    for profile in 0..size.profiles {
        write!(
            text,
            "[profile.p{profile}]\nname = \"Desktop {profile}\"\ncommand = \"XFCE\"\n"
        )
        .unwrap();
    }
    for offered in 0..OFFERED {
        write!(
            text,
            "[rule.offered-{offered}]\ngroups = [\"group-*\"]\nprofiles = [\"p{offered}\"]\n"
        )
        .unwrap();
    }
    for rule in OFFERED..size.rules {
        let given: Vec<String> = (rule..size.profiles)
            .step_by(size.rules - OFFERED)
            .map(|profile| format!("\"p{profile}\""))
            .collect();
        write!(
            text,
            "[rule.r{rule}]\ngroups = [\"team-{rule}\"]\nprofiles = [{}]\n",
            given.join(", ")
        )
        .unwrap();
    }
    text
}
