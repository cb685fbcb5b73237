//! A farm of two X2Go servers, the broker before it, and somebody at a desk.

use std::fs;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tempfile::TempDir;

use crate::admin::json;
use crate::lab::broker::Broker;
use crate::lab::display::Display;
use crate::lab::farm_host::FarmHost;
use crate::lab::process::{patiently, wait_for};
use crate::lab::session_database::SessionDatabase;
use crate::lab::site as lab_site;
use crate::lab::slapd::{self, Slapd};
use crate::lab::x2go_client::X2goClient;
use crate::lab::x2go_host::{Account, X2goHost};

/// One person who is staff, with the same password in the directory and on the farm, and two servers. What belongs
/// together ends in this order.
pub struct Site {
    /// The broker.
    pub broker: Broker,
    /// The servers of its farm.
    pub hosts: Vec<FarmHost>,
    /// The session database that they share, if they do.
    pub database: Option<SessionDatabase>,
    display: Display,
    directory: Slapd,
    key: TempDir,
    /// Whose account it is; its own server takes no part.
    person: X2goHost,
}

impl Site {
    /// Starts all of it. `farm` stands in the farm's table, and `profile` in that of the only profile.
    pub fn start(farm: &str, profile: &str) -> Self {
        Self::start_with(farm, profile, |_| None)
    }

    /// Like [`Site::start`], with servers that share a session database.
    pub fn start_sharing(farm: &str, profile: &str) -> Self {
        Self::start_with(farm, profile, |account| Some(SessionDatabase::start(account)))
    }

    fn start_with(
        farm: &str,
        profile: &str,
        database: impl FnOnce(&Account) -> Option<SessionDatabase>,
    ) -> Self {
        let person = X2goHost::start();
        let database = database(person.account());
        let name = &person.account().name;
        let directory = Slapd::start(&lab_site::staff(name));
        let key = TempDir::with_prefix("x2godirector-key-").unwrap();
        let file = key.path().join("id_ed25519");
        let made = Command::new("ssh-keygen")
            .args(["-q", "-t", "ed25519", "-N", "", "-f"])
            .arg(&file)
            .stdin(Stdio::null())
            .status()
            .unwrap();
        assert!(made.success(), "ssh-keygen");
        let public = fs::read_to_string(file.with_extension("pub")).unwrap();
        let hosts: Vec<_> = ["alpha", "beta"]
            .map(|host| FarmHost::start(host, person.account(), public.trim_end(), database.as_ref()))
            .into();
        let known: String = hosts.iter().map(FarmHost::known_host).collect();
        fs::write(key.path().join("known_hosts"), known).unwrap();
        let broker = Broker::start(&configuration(&directory, &key, &hosts, farm, profile, &[]));
        Self {
            broker,
            hosts,
            database,
            display: Display::start(),
            directory,
            key,
            person,
        }
    }

    /// Has these hosts take nothing new, as conf.d says it.
    pub fn drain(&self, farm: &str, profile: &str, hosts: &[&str]) {
        let configuration = configuration(&self.directory, &self.key, &self.hosts, farm, profile, hosts);
        self.broker.write_configuration(&configuration);
        let reloaded = self.broker.ask(&["reload"]);
        assert!(reloaded.status.success(), "{reloaded:?}");
    }

    /// The person's account.
    pub fn account(&self) -> &Account {
        self.person.account()
    }

    /// X2Go Client there.
    pub fn client(&self, name: &str) -> X2goClient<'_> {
        self.client_at(&self.display, name)
    }

    /// X2Go Client at another desk.
    pub fn client_at<'d>(&self, display: &'d Display, name: &str) -> X2goClient<'d> {
        let url = format!("https://localhost:{}/plain/", self.broker.address.port());
        let certificate = self.broker.certificate();
        X2goClient::start(display, self.account(), &url, &certificate, name)
    }

    /// X2Go Client with a session that it has just started, whose id is beside it.
    pub fn client_in_session(&self, name: &str) -> (X2goClient<'_>, String) {
        let client = self.client(name);
        client.log_in(&self.account().name, &self.account().password);
        assert_eq!(client.profiles(), ["terminal"]);
        client.choose("Terminal");
        let session = client.session();
        (client, session)
    }

    /// The host that is not this one.
    pub fn other_than(&self, host: &FarmHost) -> &FarmHost {
        let other = self.hosts.iter().find(|other| other.name() != host.name());
        other.expect("there are two")
    }

    /// Waits until the broker says this of a host; a frozen one is not known as such at once.
    pub fn wait_for_health(&self, host: &FarmHost, health: &str) {
        let is = || {
            let hosts = json(&self.broker, &["hosts"]);
            let known = hosts
                .as_array()?
                .iter()
                .find(|known| known["host"] == host.name())?;
            (known["health"] == health).then_some(())
        };
        patiently(Duration::from_secs(180), is)
            .unwrap_or_else(|| panic!("{} never is {health}", host.name()));
    }

    /// What the broker answers.
    pub fn answer(&self, form: &str) -> String {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let (status, answer) = runtime.block_on(lab_site::post_from(self.broker.address, None, form));
        assert_eq!(status, 200, "{answer}");
        answer
    }

    /// Asks the broker until its answer has `wanted`: on a machine under load hosts may take longer than a login waits
    /// for them. Every other time soon enough for the answer of the hosts that came too late for the one before, and not
    /// oftener than it lets one user select.
    pub fn wait_for_answer(&self, form: &str, wanted: &str) -> String {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let answered = (0..10).find_map(|attempt| {
            if attempt > 0 {
                std::thread::sleep(Duration::from_secs(if attempt % 2 == 1 { 3 } else { 10 }));
            }
            let (_, answer) = runtime.block_on(lab_site::post_from(self.broker.address, None, form));
            answer.contains(wanted).then_some(answer)
        });
        answered.unwrap_or_else(|| panic!("no answer to {form} has {wanted}"))
    }

    /// Does something while the person lists again and again, so that what the hosts tell is at hand, also where they take
    /// longer to tell it than a login waits.
    pub fn while_asked<T>(&self, work: impl FnOnce() -> T) -> T {
        struct Done<'d>(&'d AtomicBool);
        impl Drop for Done<'_> {
            fn drop(&mut self) {
                self.0.store(true, Ordering::Relaxed);
            }
        }
        let done = AtomicBool::new(false);
        let form = lab_site::list(&self.account().name, &self.account().password, "");
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    self.answer(&form);
                    std::thread::sleep(Duration::from_millis(500));
                }
            });
            let _done = Done(&done);
            work()
        })
    }

    /// The session of the person in this state, and the host it is on.
    pub fn session(&self, state: &str) -> (&FarmHost, String) {
        wait_for(&format!("a session in state {state}"), || {
            self.hosts.iter().find_map(|host| {
                let sessions = host.sessions();
                let session = sessions.into_iter().find(|session| session.state == state)?;
                Some((host, session.id))
            })
        })
    }

    /// How many sessions there are on all servers.
    pub fn sessions(&self) -> usize {
        self.hosts.iter().map(|host| host.sessions().len()).sum()
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the broker's log:\n{}", self.broker.log());
            for host in &self.hosts {
                eprintln!("sshd of {}:\n{}", host.name(), host.ssh_log());
            }
        }
    }
}

fn configuration(
    directory: &Slapd,
    key: &TempDir,
    hosts: &[FarmHost],
    farm: &str,
    profile: &str,
    draining: &[&str],
) -> String {
    let hosts: String = hosts
        .iter()
        .map(|host| {
            format!(
                "[farm.main.hosts.{0}]\naddress = \"{1}\"\ndraining = {2}\n{3}",
                host.name(),
                host.address(),
                draining.contains(&host.name()),
                if host.shares_database() {
                    "session_database = \"main\"\n"
                } else {
                    ""
                }
            )
        })
        .collect();
    let folder = key.path().display();
    format!(
        r#"
[directory.ldap]
urls = ["ldaps://localhost:{ldaps}"]
ca_file = "{ca}"
bind_dn = "{service}"
bind_password_file = "service-password"
base_dn = "{base}"
schema = "rfc2307bis"

[client]
events = true
live_event = "30s"

[agent]
private_key = "{folder}/id_ed25519"
known_hosts = "{folder}/known_hosts"
timeout = "20s"

[farm.main]
agent = "ssh"
{farm}
{hosts}

[profile.terminal]
name = "Terminal"
farm = "main"
command = "xterm"
rootless = true
print = false
sound = false
{profile}

[rule.staff]
groups = ["staff"]
profiles = ["terminal"]
"#,
        ldaps = directory.ldaps_port(),
        ca = directory.ca_file().display(),
        service = slapd::SERVICE,
        base = slapd::BASE,
    )
}
