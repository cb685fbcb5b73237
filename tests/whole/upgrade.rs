//! What systemd and an upgrade do to the daemon: it is handed its socket, says how it is, ends and starts again, and
//! nobody notices.

mod activation;
mod load;
mod restart;
mod service;

use std::fs;
use std::net::{IpAddr, Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::time::Duration;

use crate::lab::site::{configuration_at, directory, list, post_from, profiles, select, ticket};
use crate::lab::slapd::{self, Slapd};
use load::{Load, Users};
use service::Service;

/// How often the daemon is replaced under load.
const RESTARTS: usize = 3;
/// Requests that are answered between two of them.
const BETWEEN: usize = 60;
/// How long nobody serves: a package is being unpacked.
const GAP: Duration = Duration::from_millis(300);
/// Where the one sits who has forgotten his password.
const FORGETFUL: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 9));
const GRANTED: &str = "Access granted";
/// Machines that run tests are busy.
const PATIENT_SERVER: &str = "
[server]
connections_per_source = 200
handshake_timeout = \"1m\"
header_timeout = \"1m\"
request_timeout = \"2m\"
drain_timeout = \"2m\"
";
const PATIENT_LDAP: &str = "[directory.ldap]
ca_file = \"ca.pem\"
connect_timeout = \"30s\"
operation_timeout = \"1m\"
";

/// A directory, three hosts as far as the broker sees them, and the broker.
struct Site {
    service: Service,
    slapd: Slapd,
    _hosts: Vec<TcpListener>,
}

impl Site {
    /// A site with these people beside the usual ones, offered what staff is, and these lines in its configuration.
    fn start(staff: &[String], more: &str) -> Self {
        let names: Vec<&str> = staff.iter().map(String::as_str).collect();
        let members: Vec<String> = names.iter().map(|name| slapd::person(name)).collect();
        let members: Vec<&str> = members.iter().map(String::as_str).collect();
        let mut ldif = directory() + &slapd::people(&names);
        if !staff.is_empty() {
            ldif += &slapd::group_of_names("office", &members);
        }
        let slapd = Slapd::start(&ldif);
        // Hosts of a farm share their port, so they differ in their loopback addresses.
        let first = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = first.local_addr().unwrap().port();
        let others = ["127.0.0.2", "127.0.0.3"].map(|ip| TcpListener::bind((ip, port)).unwrap());
        let url = format!("ldaps://localhost:{}", slapd.ldaps_port());
        let mut configuration = configuration_at(&url, port)
            .replace("[directory.ldap]\n", PATIENT_LDAP)
            .replace(
                "groups = [\"staff\"]\nprofiles",
                "groups = [\"staff\", \"office\"]\nprofiles",
            );
        configuration += PATIENT_SERVER;
        configuration += more;
        for (name, address) in [("ts02", "127.0.0.2"), ("ts03", "127.0.0.3")] {
            configuration += &format!("\n[farm.main.hosts.{name}]\naddress = \"{address}\"\nport = {port}\n");
        }
        let mut service = Service::new(&configuration);
        service.add("ca.pem", &fs::read(slapd.ca_file()).unwrap());
        service.start();
        Self {
            service,
            slapd,
            _hosts: [first].into_iter().chain(others).collect(),
        }
    }

    async fn post(&self, form: &str) -> String {
        let (status, body) = post_from(self.service.address(), None, form).await;
        assert_eq!(status, 200, "{form}: {body}\n{}", self.service.log());
        body
    }

    /// Whether a ticket spares the directory the password: `binds` of this user there were before.
    async fn is_good(&self, user: &str, ticket: &str, binds: usize) -> bool {
        let listed = self.post(&list(user, &format!("{user}-secret"), ticket)).await;
        profiles(&listed) == ["office", "terminal"] && self.slapd.binds(&slapd::person(user)) == binds
    }

    fn said(&self, arguments: &[&str]) -> String {
        let output = self.service.ask(arguments);
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(
            output.status.success(),
            "{text}{}",
            String::from_utf8_lossy(&output.stderr)
        );
        text
    }

    /// Whether somebody who has typed five wrong passwords is refused for it, with the right one, too.
    async fn is_throttled(&self, user: &str) -> bool {
        let form = list(user, &format!("{user}-secret"), "");
        let (_, body) = post_from(self.service.address(), Some(FORGETFUL), &form).await;
        !body.contains(GRANTED)
    }

    /// What must outlive every end of the daemon.
    async fn assert_remembered(&self, tickets: &[(String, String, usize)]) {
        for (user, ticket, binds) in tickets {
            assert!(
                self.is_good(user, ticket, *binds).await,
                "the ticket of {user} is lost\n{}",
                self.service.log()
            );
        }
        assert!(self.is_throttled("bob").await, "the throttle has forgotten");
        assert!(self.said(&["drain"]).contains("ts02"), "the drain is lost");
        let sessions = self.said(&["sessions", "--user", "dave"]);
        assert!(sessions.contains("dave"), "the lease is lost: {sessions}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upgrade_under_load_fails_no_request_and_forgets_nothing() {
    let users = Users::new(48);
    let mut site = Site::start(users.names(), "");
    let mut tickets = Vec::new();
    for user in ["alice", "dave"] {
        let listed = site.post(&list(user, &format!("{user}-secret"), "")).await;
        let binds = site.slapd.binds(&slapd::person(user));
        tickets.push((user.to_owned(), ticket(&listed).to_owned(), binds));
    }
    site.said(&["drain", "ts02"]);
    let selected = site.post(&select("office", "dave", &tickets[1].1)).await;
    assert!(selected.contains("SERVER:127.0.0."), "{selected}");
    for attempt in 0..5 {
        let form = list("bob", &format!("wrong-{attempt}"), "");
        post_from(site.service.address(), Some(FORGETFUL), &form).await;
    }
    assert!(site.is_throttled("bob").await);

    let load = Load::start(site.service.address(), &users);
    for _ in 0..RESTARTS {
        load.answers(BETWEEN).await;
        site.service.stop();
        tokio::time::sleep(GAP).await;
        site.service.start();
        site.assert_remembered(&tickets).await;
    }
    load.answers(BETWEEN).await;
    let done = load.finish().await;
    assert!(
        done.failures.is_empty(),
        "{:#?}\n{}",
        done.failures,
        site.service.log()
    );
    assert!(
        done.selects > 0 && done.logins > 0 && done.ticket_lists > 0,
        "{done:?}"
    );

    // Whoever was given a ticket has it after a crash as well.
    let load = Load::start(site.service.address(), &users);
    load.answers(BETWEEN).await;
    site.service.kill();
    tokio::time::sleep(GAP).await;
    site.service.start();
    let done = load.finish().await;
    site.assert_remembered(&tickets).await;
    assert!(!done.tickets.is_empty());
    for (user, ticket) in &done.tickets {
        let binds = site.slapd.binds(&slapd::person(user));
        assert!(
            site.is_good(user, ticket, binds).await,
            "the ticket of {user} is lost"
        );
    }
}

/// A file of the service.
fn conf_d(service: &Service) -> PathBuf {
    service.folder().join("conf.d/50-test.toml")
}
