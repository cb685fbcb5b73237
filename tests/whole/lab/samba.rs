//! A real Active Directory on loopback: a Samba domain controller with a database of its own.
//!
//! The ports of a domain controller are fixed, so each takes a loopback address of its own (127.x.y.z). That needs
//! root, as the X2Go host of the lab does. Making a domain takes seconds: tests share [`Samba::shared`] and use
//! accounts and groups that no other test has.
//!
//! ```ignore
//! let domain = Samba::shared();
//! domain.add(&(samba::user("kim") + &samba::group("kim-staff", &[&samba::person("kim")])));
//! ```

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tempfile::TempDir;

use super::authority::Authority;
use super::process::patiently;
use super::slapd::SERVICE_PASSWORD;

/// The suffix of the domain.
pub const BASE: &str = "DC=lab,DC=example,DC=org";
/// What follows the `@` in userPrincipalName.
pub const REALM: &str = "lab.example.org";
/// Where users and groups of the tests are.
pub const PEOPLE: &str = "OU=people,DC=lab,DC=example,DC=org";
/// The broker's `bind_dn`; its password is [`SERVICE_PASSWORD`]. An account like any other: domains let every
/// account read what logins need.
pub const SERVICE: &str = "CN=broker,OU=people,DC=lab,DC=example,DC=org";
/// The account that may change everything.
pub const ADMIN: &str = "CN=Administrator,CN=Users,DC=lab,DC=example,DC=org";
/// Its password, which has to satisfy the policy of a new domain.
pub const ADMIN_PASSWORD: &str = "Adm1n-secret";
/// How many wrong passwords lock an account.
pub const LOCKOUT_THRESHOLD: u32 = 5;

/// userAccountControl: an account for people.
pub const NORMAL_ACCOUNT: u32 = 0x200;
/// groupType: a security group of the kinds of \[MS-ADTS\] 2.2.12.
pub const GLOBAL: &str = "-2147483646";
/// The same.
pub const DOMAIN_LOCAL: &str = "-2147483644";
/// The same.
pub const UNIVERSAL: &str = "-2147483640";
/// groupType: a global group that is no security group.
pub const MAIL_ONLY: &str = "2";

/// How long a domain controller may take to start, its own certificate included.
const START: Duration = Duration::from_secs(120);
/// Where a domain controller answers.
const PORTS: [u16; 4] = [389, 636, 3268, 3269];

/// The certificate that a domain controller shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Certificate {
    /// One of the lab's authority, for its address.
    Issued,
    /// The one that Samba makes for itself.
    SambasOwn,
}

/// A running domain controller.
pub struct Samba {
    address: Ipv4Addr,
    folder: PathBuf,
    ca_file: PathBuf,
    /// Samba ends when its standard input closes, also if the tests are killed.
    process: Child,
}

impl Samba {
    /// The domain controller of this run, which starts with the first test that asks for it. It has no lifetime
    /// but the run's.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Samba> = OnceLock::new();
        SHARED.get_or_init(|| Self::start(Certificate::Issued))
    }

    /// Makes a new domain and starts its controller.
    pub fn start(certificate: Certificate) -> Self {
        // Removed by the process that waits for Samba, which outlives a test run that is killed.
        let folder = TempDir::with_prefix("samba-").unwrap().keep();
        let address = free_address();
        provision(&folder);
        let ca_file = match certificate {
            Certificate::Issued => issue(&folder, address),
            Certificate::SambasOwn => folder.join("private/tls/ca.pem"),
        };
        let mut this = Self {
            process: serve(&folder, address, certificate),
            address,
            folder,
            ca_file,
        };
        this.wait();
        if certificate == Certificate::Issued {
            this.settle();
        }
        this
    }

    /// Its address, which is the name in its certificate.
    pub fn address(&self) -> Ipv4Addr {
        self.address
    }

    /// The URL of its TLS port.
    pub fn ldaps(&self) -> String {
        format!("ldaps://{}", self.address)
    }

    /// The file with the authority that signed its certificate.
    pub fn ca_file(&self) -> &Path {
        &self.ca_file
    }

    /// Adds entries.
    pub fn add(&self, ldif: &str) {
        self.change(&["-a"], ldif);
    }

    /// Makes changes (`changetype: modify` and the like).
    pub fn modify(&self, ldif: &str) {
        self.change(&[], ldif);
    }

    /// Replaces the values of one attribute.
    pub fn set(&self, dn: &str, attribute: &str, value: &str) {
        self.modify(&format!(
            "dn: {dn}\nchangetype: modify\nreplace: {attribute}\n{attribute}: {value}\n\n"
        ));
    }

    /// The values that one attribute of an entry has now, those that are no text in base64.
    pub fn values(&self, dn: &str, attribute: &str) -> Vec<String> {
        let done = self
            .tool("ldapsearch")
            .args(["-LLL", "-o", "ldif-wrap=no", "-s", "base", "-b", dn, attribute])
            .output()
            .expect("ldap-utils are installed");
        let text = succeeded("ldapsearch", &done);
        text.lines()
            .filter_map(|line| line.strip_prefix(attribute)?.strip_prefix(':'))
            .map(|value| value.trim_start_matches([':', ' ']).to_owned())
            .collect()
    }

    /// How often a wrong password of this account was counted.
    pub fn bad_passwords(&self, dn: &str) -> u32 {
        self.values(dn, "badPwdCount")
            .first()
            .map_or(0, |count| count.parse().unwrap())
    }

    /// How many searches this account asked for, those of the root entry (health probes) left out.
    pub fn searches(&self, account: &str) -> usize {
        let sid = self.values(account, "objectSid");
        let sid = STANDARD.decode(sid.first().expect("an account")).unwrap();
        let number = u32::from_le_bytes(*sid.last_chunk().unwrap());
        let by = "SearchRequest by S-1-5-21-";
        let account = format!("-{number} from ");
        self.log()
            .lines()
            .filter(|line| line.contains(by) && line.contains(&account) && !line.contains("basedn: []"))
            .count()
    }

    /// A policy under which a test can make any account: no rules for passwords, and a lockout. Then the
    /// folder for accounts, and the broker's.
    fn settle(&self) {
        self.modify(&format!(
            "dn: {BASE}\nchangetype: modify\nreplace: pwdProperties\npwdProperties: 0\n-\n\
             replace: minPwdLength\nminPwdLength: 4\n-\nreplace: pwdHistoryLength\npwdHistoryLength: 0\n-\n\
             replace: minPwdAge\nminPwdAge: 0\n-\nreplace: lockoutThreshold\nlockoutThreshold: {LOCKOUT_THRESHOLD}\n\n"
        ));
        let broker = user_with("broker", SERVICE_PASSWORD, &[]);
        self.add(&format!(
            "dn: {PEOPLE}\nobjectClass: organizationalUnit\nou: people\n\n{broker}"
        ));
    }

    fn change(&self, options: &[&str], ldif: &str) {
        let mut child = self
            .tool("ldapmodify")
            .args(options)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("ldap-utils are installed");
        child.stdin.take().unwrap().write_all(ldif.as_bytes()).unwrap();
        succeeded("ldapmodify", &child.wait_with_output().unwrap());
    }

    fn tool(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env("LDAPTLS_CACERT", &self.ca_file).args([
            "-x",
            "-H",
            &self.ldaps(),
            "-D",
            ADMIN,
            "-w",
            ADMIN_PASSWORD,
        ]);
        command
    }

    fn wait(&mut self) {
        let ready = patiently(START, || {
            if let Some(ended) = self.process.try_wait().unwrap() {
                panic!("samba ended: {ended}");
            }
            let answers = |port: u16| TcpStream::connect(SocketAddr::from((self.address, port))).is_ok();
            PORTS.into_iter().all(answers).then_some(())
        });
        assert!(ready.is_some(), "samba does not answer: {}", self.log());
    }

    fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.folder.join("log")).unwrap_or_default()).into_owned()
    }
}

impl Drop for Samba {
    fn drop(&mut self) {
        // Closes standard input first.
        let _ = self.process.wait();
    }
}

/// A user below [`PEOPLE`] with the password `NAME-secret` and the userPrincipalName `NAME@`[`REALM`].
pub fn user(name: &str) -> String {
    user_with(name, &format!("{name}-secret"), &[])
}

/// A user with this password and further attributes.
pub fn user_with(name: &str, password: &str, attributes: &[(&str, &str)]) -> String {
    let mut ldif = format!(
        "dn: {}\nobjectClass: user\nsAMAccountName: {name}\nuserPrincipalName: {name}@{REALM}\n\
         unicodePwd:: {}\nuserAccountControl: {NORMAL_ACCOUNT}\n",
        person(name),
        unicode_password(password)
    );
    for (attribute, value) in attributes {
        writeln!(ldif, "{attribute}: {value}").unwrap();
    }
    ldif.push('\n');
    ldif
}

/// A global security group below [`PEOPLE`] with these DNs as members.
pub fn group(name: &str, members: &[&str]) -> String {
    group_of_type(GLOBAL, name, members)
}

/// A group of that groupType.
pub fn group_of_type(kind: &str, name: &str, members: &[&str]) -> String {
    let mut ldif = format!(
        "dn: {}\nobjectClass: group\nsAMAccountName: {name}\ngroupType: {kind}\n",
        person(name)
    );
    for member in members {
        writeln!(ldif, "member: {member}").unwrap();
    }
    ldif.push('\n');
    ldif
}

/// The DN of a user or a group below [`PEOPLE`].
pub fn person(name: &str) -> String {
    format!("CN={name},{PEOPLE}")
}

/// A value for `unicodePwd` in LDIF (\[MS-ADTS\] 3.1.1.3.1.5): UTF-16, in quotes, in base64.
pub fn unicode_password(password: &str) -> String {
    let units = format!("\"{password}\"");
    let bytes: Vec<u8> = units.encode_utf16().flat_map(u16::to_le_bytes).collect();
    STANDARD.encode(bytes)
}

/// A loopback address on which nothing has the ports of a domain controller.
fn free_address() -> Ipv4Addr {
    let candidate = || {
        let [second, third, fourth] = rand::random::<[u8; 3]>();
        Ipv4Addr::new(127, 64 | (second & 63), third, 1 + fourth % 254)
    };
    let free = |address: &Ipv4Addr| {
        PORTS
            .iter()
            .all(|port| TcpListener::bind((*address, *port)).is_ok())
    };
    std::iter::repeat_with(candidate)
        .take(20)
        .find(free)
        .expect("an address of 127/8 for port 636; that needs root")
}

/// Makes the domain in `folder`.
fn provision(folder: &Path) {
    let done = Command::new("samba-tool")
        .args(["domain", "provision", "--server-role=dc", "--dns-backend=NONE"])
        .arg(format!("--realm={}", REALM.to_uppercase()))
        .args(["--domain=LAB", "--host-name=dc1", "--host-ip=127.0.0.1"])
        .arg(format!("--adminpass={ADMIN_PASSWORD}"))
        .arg(format!("--targetdir={}", folder.display()))
        .arg(format!(
            "--option=log file={}",
            folder.join("provision-log").display()
        ))
        .output()
        .expect("samba is installed");
    succeeded("samba-tool domain provision", &done);
}

/// A certificate for the address; gives the file with its authority.
fn issue(folder: &Path, address: Ipv4Addr) -> PathBuf {
    let authority = Authority::new("domain test authority");
    let issued = authority.issue(&["localhost", &address.to_string()]);
    let ca_file = folder.join("ca.pem");
    let key = folder.join("server.key");
    fs::write(&ca_file, &authority.pem).unwrap();
    fs::write(folder.join("server.pem"), &issued.certificate).unwrap();
    fs::write(&key, &issued.key).unwrap();
    // Samba refuses a key that others may read.
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    ca_file
}

/// Starts Samba, as a child of a shell that removes the folder when Samba has ended.
fn serve(folder: &Path, address: Ipv4Addr, certificate: Certificate) -> Child {
    let at = |name: &str| folder.join(name).display().to_string();
    let mut options = vec![
        // Of one address alone, Samba cannot tell the broadcast address.
        format!("interfaces={address}/255.255.255.0"),
        "bind interfaces only=yes".to_owned(),
        "server services=ldap".to_owned(),
        format!("pid directory={}", folder.display()),
    ];
    if certificate == Certificate::Issued {
        options.push(format!("tls cafile={}", at("ca.pem")));
        options.push(format!("tls certfile={}", at("server.pem")));
        options.push(format!("tls keyfile={}", at("server.key")));
    }
    Command::new("sh")
        .args(["-c", r#"folder=$1; shift; samba "$@"; rm -rf "$folder""#, "sh"])
        .arg(folder)
        // At this level each search is a line of the log.
        .args([
            "--interactive",
            "--model=single",
            "--debuglevel=5",
            "--debug-stdout",
        ])
        .arg(format!("--configfile={}", at("etc/smb.conf")))
        .args(options.iter().map(|option| format!("--option={option}")))
        .stdin(Stdio::piped())
        .stdout(File::create(folder.join("log")).unwrap())
        .stderr(Stdio::null())
        .spawn()
        .expect("samba starts")
}

fn succeeded(program: &str, done: &Output) -> String {
    assert!(
        done.status.success(),
        "{program}: {}",
        String::from_utf8_lossy(&done.stderr)
    );
    String::from_utf8_lossy(&done.stdout).into_owned()
}
