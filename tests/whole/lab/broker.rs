//! The built program, serving on a free port with a certificate of an authority that lives for one test.

use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpStream};
use std::process::{Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use super::authority::Authority;
use super::process::{Process, patiently};
use super::slapd::{self, Slapd, free_port};
use super::x2go_host::X2goHost;

/// A running broker.
pub struct Broker {
    authority: Authority,
    port: u16,
    folder: TempDir,
    _process: Process,
}

impl Broker {
    /// Starts a broker that knows what `rest` says (TOML; all but `[server]`) and waits until it answers.
    pub fn start(rest: &str) -> Self {
        let folder = TempDir::with_prefix("broker-").unwrap();
        let at = |name: &str| folder.path().join(name);
        let authority = Authority::new("broker test authority");
        let issued = authority.issue(&["localhost", "127.0.0.1"]);
        fs::write(at("certificate.pem"), &issued.certificate).unwrap();
        fs::write(at("key.pem"), &issued.key).unwrap();
        fs::create_dir(at("conf.d")).unwrap();
        let port = free_port();
        let path = folder.path().display();
        fs::write(
            at("conf.d/00-server.toml"),
            format!(
                "[server]\nlisten = [\"127.0.0.1:{port}\"]\ncertificate = \"{path}/certificate.pem\"\n\
                 private_key = \"{path}/key.pem\"\nstate = \"sqlite://{path}/state.db\"\n"
            ),
        )
        .unwrap();
        fs::write(at("conf.d/10-rest.toml"), rest).unwrap();
        let log = File::create(at("log")).unwrap();
        let mut process = Process::start(
            Command::new(env!("CARGO_BIN_EXE_x2godirector"))
                .args(["serve", "--config"])
                .arg(at("conf.d"))
                .stdin(Stdio::null())
                .stdout(log.try_clone().unwrap())
                .stderr(log),
        );
        let log = || fs::read_to_string(at("log")).unwrap();
        patiently(Duration::from_secs(20), || {
            assert!(!process.has_ended(), "the broker ended: {}", log());
            TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok()
        })
        .unwrap_or_else(|| panic!("the broker does not answer: {}", log()));
        Self {
            authority,
            port,
            folder,
            _process: process,
        }
    }

    /// What a client's `--broker-url` must be.
    pub fn url(&self) -> String {
        format!("https://localhost:{}/plain/", self.port)
    }

    /// The authority that signed its certificate, in PEM.
    pub fn authority(&self) -> &str {
        &self.authority.pem
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = fs::read_to_string(self.folder.path().join("log"));
            eprintln!("the broker's log:\n{}", log.unwrap_or_default());
        }
    }
}

/// `[authentication]` and `[directory]` for a broker that asks this server over LDAPS; writes the service
/// account's password beside the server's own files.
pub fn directory(server: &Slapd) -> String {
    let password_file = server.ca_file().with_file_name("service-password");
    fs::write(&password_file, slapd::SERVICE_PASSWORD).unwrap();
    format!(
        "[authentication]\nmethods = [\"ldap\"]\n[directory]\nsource = \"ldap\"\n[directory.ldap]\n\
         urls = [\"ldaps://localhost:{}\"]\nca_file = \"{}\"\nbind_dn = \"{}\"\nbind_password_file = \"{}\"\n\
         base_dn = \"{}\"\nschema = \"rfc2307bis\"\n",
        server.ldaps_port(),
        server.ca_file().display(),
        slapd::SERVICE,
        password_file.display(),
        slapd::BASE,
    )
}

/// `[farm.NAME]` with this host alone.
pub fn farm(name: &str, host: &X2goHost) -> String {
    format!(
        "[farm.{name}]\nagent = \"none\"\n[farm.{name}.hosts.here]\naddress = \"127.0.0.1\"\nport = {}\n",
        host.port()
    )
}
