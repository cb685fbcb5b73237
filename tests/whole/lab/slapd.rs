//! A real OpenLDAP server on loopback: `ldap://` (with StartTLS) and `ldaps://`, a database of its own, and a
//! log from which a test counts what the server was asked.
//!
//! ```ignore
//! let directory = Slapd::start(&slapd::people(&["alice", "bob"]));
//! directory.add("dn: cn=staff,ou=groups,dc=example,dc=org\nobjectClass: groupOfNames\n…");
//! directory.freeze();
//! ```

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use tempfile::TempDir;

use super::authority::{Authority, Issued};

/// The suffix of the database.
pub const BASE: &str = "dc=example,dc=org";
/// Where [`people`] puts users.
pub const PEOPLE: &str = "ou=people,dc=example,dc=org";
/// Where groups belong.
pub const GROUPS: &str = "ou=groups,dc=example,dc=org";
/// The account that may change everything; [`Slapd::modify`] uses it.
pub const ADMIN: &str = "cn=admin,dc=example,dc=org";
/// Its password.
pub const ADMIN_PASSWORD: &str = "admin-secret";
/// The account that may read everything but passwords: the broker's `bind_dn`.
pub const SERVICE: &str = "cn=broker,dc=example,dc=org";
/// Its password.
pub const SERVICE_PASSWORD: &str = "broker-secret";

/// The top of the tree, the service account and the two organisational units; [`Slapd::start`] adds it itself.
pub(super) const TREE: &str = "\
dn: dc=example,dc=org
objectClass: dcObject
objectClass: organization
o: Example
dc: example

dn: ou=people,dc=example,dc=org
objectClass: organizationalUnit
ou: people

dn: ou=groups,dc=example,dc=org
objectClass: organizationalUnit
ou: groups

dn: cn=broker,dc=example,dc=org
objectClass: organizationalRole
objectClass: simpleSecurityObject
cn: broker
userPassword: broker-secret

";

/// Users below [`PEOPLE`], each with the password `NAME-secret`, the primary group id 10000 and user ids from
/// 20000 up.
pub fn people(names: &[&str]) -> String {
    let mut ldif = String::new();
    for (index, name) in names.iter().enumerate() {
        let uid_number = 20_000 + index;
        write!(
            ldif,
            "dn: uid={name},{PEOPLE}\nobjectClass: inetOrgPerson\nobjectClass: posixAccount\n\
             objectClass: shadowAccount\nuid: {name}\ncn: {name}\nsn: {name}\nuidNumber: {uid_number}\n\
             gidNumber: 10000\nhomeDirectory: /home/{name}\nuserPassword: {name}-secret\n\n"
        )
        .unwrap();
    }
    ldif
}

/// A `posixGroup` (RFC 2307) below [`GROUPS`] with these `memberUid`s.
pub fn posix_group(name: &str, gid_number: u32, members: &[&str]) -> String {
    let mut ldif =
        format!("dn: cn={name},{GROUPS}\nobjectClass: posixGroup\ncn: {name}\ngidNumber: {gid_number}\n");
    for member in members {
        writeln!(ldif, "memberUid: {member}").unwrap();
    }
    ldif.push('\n');
    ldif
}

/// A `groupOfNames` below [`GROUPS`] with these DNs as `member`.
pub fn group_of_names(name: &str, members: &[&str]) -> String {
    let mut ldif = format!("dn: cn={name},{GROUPS}\nobjectClass: groupOfNames\ncn: {name}\n");
    for member in members {
        writeln!(ldif, "member: {member}").unwrap();
    }
    ldif.push('\n');
    ldif
}

/// The DN of a user of [`people`].
pub fn person(name: &str) -> String {
    format!("uid={name},{PEOPLE}")
}

/// The DN of a group below [`GROUPS`].
pub fn group(name: &str) -> String {
    format!("cn={name},{GROUPS}")
}

/// A running server. Stopped, frozen or not, when dropped.
pub struct Slapd {
    folder: TempDir,
    ldap: u16,
    ldaps: u16,
    child: Option<Child>,
}

impl Slapd {
    /// Starts a server with the tree, the service account and what `ldif` holds.
    pub fn start(ldif: &str) -> Self {
        Self::start_with(ldif, "")
    }

    /// Like [`Slapd::start`], with more lines for the database section of `slapd.conf`, such as `sizelimit 10`,
    /// `overlay` of an overlay with its `moduleload`, or `access to …`, which count before the usual rights.
    pub fn start_with(ldif: &str, lines: &str) -> Self {
        let authority = Authority::new("directory test authority");
        let issued = authority.issue(&["localhost", "127.0.0.1"]);
        Self::start_as(ldif, lines, &authority, &issued)
    }

    /// Like [`Slapd::start_with`], showing the certificate given.
    pub fn start_as(ldif: &str, lines: &str, authority: &Authority, issued: &Issued) -> Self {
        let folder = TempDir::with_prefix("slapd-").unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("ca.pem"), &authority.pem).unwrap();
        fs::write(at("server.pem"), &issued.certificate).unwrap();
        fs::write(at("server.key"), &issued.key).unwrap();
        fs::write(at("slapd.conf"), configuration(folder.path(), lines)).unwrap();
        fs::create_dir(at("db")).unwrap();
        let mut this = Self {
            ldap: free_port(),
            ldaps: free_port(),
            child: None,
            folder,
        };
        this.fill(&format!("{TREE}{ldif}"));
        this.restart();
        this
    }

    /// Puts what `ldif` holds in the place of all that the stopped server has, as a backup does.
    pub fn restore(&self, ldif: &str) {
        assert!(self.child.is_none(), "the server is stopped");
        let db = self.folder.path().join("db");
        fs::remove_dir_all(&db).unwrap();
        fs::create_dir(&db).unwrap();
        self.fill(&format!("{TREE}{ldif}"));
    }

    /// The port of `ldap://127.0.0.1`, plain or with StartTLS.
    pub fn ldap_port(&self) -> u16 {
        self.ldap
    }

    /// The port of `ldaps://localhost`.
    pub fn ldaps_port(&self) -> u16 {
        self.ldaps
    }

    /// The file with the authority that signed the server's certificate.
    pub fn ca_file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// Kills the server without warning, as a crash does.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Its process id.
    #[allow(dead_code, reason = "for benchmarks")]
    pub fn id(&self) -> u32 {
        self.child.as_ref().expect("the server runs").id()
    }

    /// Asks the server to end, as an admin does, and waits until it has.
    pub fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            signal(&child, "-TERM");
            child.wait().unwrap();
        }
    }

    /// Starts the server again on the same ports with the same data, ending it first if it runs.
    pub fn restart(&mut self) {
        self.restart_logging("stats");
    }

    /// Like [`Slapd::restart`], but from now on the log says nothing.
    #[allow(dead_code, reason = "for benchmarks")]
    pub fn restart_silent(&mut self) {
        self.restart_logging("0");
    }

    fn restart_logging(&mut self, level: &str) {
        self.stop();
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.log_file())
            .unwrap();
        let child = Command::new("/usr/sbin/slapd")
            .arg("-f")
            .arg(self.folder.path().join("slapd.conf"))
            .args(["-d", level, "-h"])
            .arg(format!(
                "ldap://127.0.0.1:{} ldaps://127.0.0.1:{}",
                self.ldap, self.ldaps
            ))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("slapd starts");
        self.child = Some(child);
        for port in [self.ldap, self.ldaps] {
            self.wait_for(port);
        }
    }

    /// Stops the process without ending it: connections stay open, nothing answers.
    pub fn freeze(&self) {
        signal(self.child.as_ref().expect("the server runs"), "-STOP");
    }

    /// Lets a frozen server go on.
    pub fn thaw(&self) {
        signal(self.child.as_ref().expect("the server runs"), "-CONT");
    }

    /// Adds entries.
    pub fn add(&self, ldif: &str) {
        change(self.ldap, "ldapadd", ldif);
    }

    /// Makes changes (`changetype: modify` and the like).
    pub fn modify(&self, ldif: &str) {
        change(self.ldap, "ldapmodify", ldif);
    }

    /// The values of an attribute, operational ones included.
    pub fn values(&self, dn: &str, attribute: &str) -> Vec<String> {
        let done = Command::new("ldapsearch")
            .args(["-x", "-LLL", "-o", "ldif-wrap=no", "-s", "base", "-H"])
            .arg(format!("ldap://127.0.0.1:{}", self.ldap))
            .args(["-D", ADMIN, "-w", ADMIN_PASSWORD, "-b", dn, attribute])
            .output()
            .expect("ldap-utils are installed");
        assert!(
            done.status.success(),
            "ldapsearch: {}",
            String::from_utf8_lossy(&done.stderr)
        );
        let prefix = format!("{attribute}: ");
        String::from_utf8_lossy(&done.stdout)
            .lines()
            .filter_map(|line| line.strip_prefix(&prefix).map(ToOwned::to_owned))
            .collect()
    }

    /// All that the server wrote at log level `stats` so far.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.log_file()).unwrap_or_default()).into_owned()
    }

    /// How many binds with a password the server was asked for as this DN.
    pub fn binds(&self, dn: &str) -> usize {
        let wanted = format!("BIND dn=\"{dn}\" method=128");
        self.log().lines().filter(|line| line.contains(&wanted)).count()
    }

    /// How many searches the server was asked for, those of its root entry (health probes) left out.
    pub fn searches(&self) -> usize {
        self.log()
            .lines()
            .filter(|line| line.contains(" SRCH base=\"") && !line.contains(" SRCH base=\"\""))
            .count()
    }

    fn log_file(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    fn fill(&self, ldif: &str) {
        let file = self.folder.path().join("data.ldif");
        fs::write(&file, ldif).unwrap();
        let done = Command::new("/usr/sbin/slapadd")
            .arg("-q")
            .arg("-f")
            .arg(self.folder.path().join("slapd.conf"))
            .arg("-l")
            .arg(&file)
            .output()
            .expect("slapadd starts");
        assert!(
            done.status.success(),
            "slapadd: {}",
            String::from_utf8_lossy(&done.stderr)
        );
    }

    /// Waits until the port takes connections.
    fn wait_for(&mut self, port: u16) {
        for _ in 0..200 {
            if TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).is_ok() {
                return;
            }
            let ended = self.child.as_mut().unwrap().try_wait().unwrap();
            assert!(ended.is_none(), "slapd ended: {}", self.log());
            pause(Duration::from_millis(50));
        }
        panic!("slapd does not answer on port {port}: {}", self.log());
    }
}

impl Drop for Slapd {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Has `ldapadd` or `ldapmodify` change what the server at this port holds.
pub(super) fn change(port: u16, program: &str, ldif: &str) {
    let mut child = Command::new(program)
        .args(["-x", "-H"])
        .arg(format!("ldap://127.0.0.1:{port}"))
        .args(["-D", ADMIN, "-w", ADMIN_PASSWORD])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("ldap-utils are installed");
    child.stdin.take().unwrap().write_all(ldif.as_bytes()).unwrap();
    let done = child.wait_with_output().unwrap();
    assert!(
        done.status.success(),
        "{program}: {}",
        String::from_utf8_lossy(&done.stderr)
    );
}

/// A port that was free a moment ago, and that nobody else of these tests is given. The kernel gives none of this range to
/// connections (ip_local_port_range), so it stays free.
pub fn free_port() -> u16 {
    const RANGE: Range<u16> = 10_000..30_000;
    static NEXT: LazyLock<AtomicU16> = LazyLock::new(|| AtomicU16::new(rand::random_range(RANGE)));
    loop {
        let next = |port| {
            Some(if port + 1 < RANGE.end {
                port + 1
            } else {
                RANGE.start
            })
        };
        let port = NEXT
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, next)
            .unwrap();
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
}

#[allow(
    clippy::disallowed_methods,
    reason = "only tests that start a server wait here"
)]
fn pause(time: Duration) {
    std::thread::sleep(time);
}

fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill")
        .arg(name)
        .arg(child.id().to_string())
        .status()
        .unwrap();
    assert!(sent.success(), "kill {name}");
}

fn configuration(folder: &Path, lines: &str) -> String {
    let folder = folder.display();
    format!(
        "include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
include /etc/ldap/schema/nis.schema
include /etc/ldap/schema/dyngroup.schema
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile {folder}/pid
TLSCACertificateFile {folder}/ca.pem
TLSCertificateFile {folder}/server.pem
TLSCertificateKeyFile {folder}/server.key
TLSVerifyClient never
database mdb
suffix \"{BASE}\"
rootdn \"{ADMIN}\"
rootpw {ADMIN_PASSWORD}
directory {folder}/db
maxsize 268435456
dbnosync
index objectClass,uid,cn,memberUid,member,uniqueMember,gidNumber eq
{lines}
access to attrs=userPassword by anonymous auth by * none
access to * by dn.base=\"{SERVICE}\" read by * none
"
    )
}
